"""Values on their way to the data API: JSON, with bytes as `{"$bytes": "base64"}` in items."""

from base64 import b64encode

INTEGERS = range(-(1 << 63), 1 << 64)
"""What a JSON number keeps exactly at the other end."""


def encoded(value, what):
    """An item, a key or a part of one."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"$bytes": b64encode(value).decode()}
    return convert(value, what, encoded)


def plain(value, what):
    """A message or a payload: JSON and nothing else."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError(f"{what}: bytes have no JSON form here: send them as base64 text, or alone as the body of a message")
    return convert(value, what, plain)


def convert(value, what, inner):
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, int):
        if value not in INTEGERS:
            raise ValueError(f"{what}: {value} is more than a JSON number keeps: write it as text")
        return int(value)
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise ValueError(f"{what}: {value} is not a number that JSON has")
        return float(value)
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"{what}: the key {key!r} is not text")
        return {key: inner(part, f"{what}.{key}") for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [inner(part, f"{what}[{at}]") for at, part in enumerate(value)]
    return convert_rare(value, what)


def convert_rare(value, what):
    from datetime import date, datetime, time
    from decimal import Decimal

    if isinstance(value, Decimal):
        return decimal_number(value, what)
    if isinstance(value, (datetime, date, time)):
        # Which of the ways to write it, only the one who reads it knows; guessing would also order wrongly.
        raise TypeError(f"{what}: a {type(value).__name__} has no JSON form: store .isoformat(), or .timestamp() for a `ttl`")
    raise TypeError(f"{what}: a value of type {type(value).__name__} has no JSON form")


def decimal_number(value, what):
    """A Decimal as a JSON number, if that keeps every digit."""
    from decimal import Decimal

    if value.is_finite():
        if value == value.to_integral_value() and int(value) in INTEGERS:
            return int(value)
        number = float(value)
        if Decimal(repr(number)) == value:
            return number
    raise ValueError(f"{what}: Decimal({str(value)!r}) has more digits than a JSON number keeps: write it as text")
