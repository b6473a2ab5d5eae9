"""Points in time as the contract writes them (RFC 3339)."""

from datetime import datetime, timedelta, timezone


def parse(text):
    """An aware datetime; `datetime.fromisoformat` takes neither `Z` nor any number of digits before Python 3.11."""
    head, rest = text[:19], text[19:]
    fraction = ""
    if rest.startswith("."):
        digits = len(rest) - len(rest[1:].lstrip("0123456789"))
        fraction, rest = rest[1:digits], rest[digits:]
    moment = datetime.strptime(head.replace("t", "T").replace(" ", "T"), "%Y-%m-%dT%H:%M:%S")
    offset = timedelta()
    if rest[:1] in ("+", "-"):
        offset = timedelta(hours=int(rest[1:3]), minutes=int(rest[4:6]))
        offset = -offset if rest[0] == "-" else offset
    micros = int((fraction + "000000")[:6])
    return (moment - offset).replace(microsecond=micros, tzinfo=timezone.utc)


def epoch_ms(text):
    """Milliseconds since the Unix epoch."""
    return (parse(text) - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(milliseconds=1)
