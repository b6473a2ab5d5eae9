"""Values of tables as DynamoDB has them. JSON's, with bytes as `{"$bytes": "base64"}` on the way there and as bytes on the way back."""

from base64 import b64decode

from sf_kit.data.values import INTEGERS

VERSION = "sf:version"
"""The attribute that keeps an item's version: added to each write, taken out of each read."""


def attribute(value):
    """An attribute value of the API, as botocore takes it."""
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, (int, float)):
        return {"N": repr(value)}
    if isinstance(value, list):
        return {"L": [attribute(part) for part in value]}
    if len(value) == 1 and isinstance(value.get("$bytes"), str):
        return {"B": b64decode(value["$bytes"], validate=True)}
    return {"M": attributes(value)}


def attributes(item):
    return {name: attribute(value) for name, value in item.items()}


def number(text):
    """JSON has one kind of number: a whole one is an integer here, if the kit would write such a one."""
    value = float(text) if set(text) & set(".eE") else int(text)
    if isinstance(value, float) and "." not in text and value.is_integer():
        value = int(value)
    return float(value) if isinstance(value, int) and value not in INTEGERS else value


def plain(value):
    """What an attribute value says. Sets, which the kit never writes, become lists. Streams have bytes as base64, botocore as bytes."""
    kind, held = next(iter(value.items()))
    if kind == "NULL":
        return None
    if kind == "N":
        return number(held)
    if kind == "B":
        return raw(held)
    if kind == "L":
        return [plain(part) for part in held]
    if kind == "M":
        return {name: plain(part) for name, part in held.items()}
    if kind == "NS":
        return [number(part) for part in held]
    if kind == "BS":
        return [raw(part) for part in held]
    return held


def raw(held):
    return b64decode(held) if isinstance(held, str) else bytes(held)


def item_of(image):
    """An item without its version."""
    return {name: plain(value) for name, value in image.items() if name != VERSION}


def version_of(image):
    """An item that something else wrote has none."""
    return image.get(VERSION, {}).get("S", "")
