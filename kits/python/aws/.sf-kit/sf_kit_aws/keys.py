"""Keys, conditions on sort keys and cursors of tables, checked as the embedded host checks them. Pure."""

import json
from base64 import b64decode, b64encode

from .clients import fault
from .values import attribute

LONGEST = 1024
WANTED = {"string": "a string", "number": "a number", "bytes": '{"$bytes": "base64"}'}
KINDS = {"string": "S", "number": "N", "bytes": "B"}
OPERATORS = {"eq": "=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}


class NoItems(Exception):
    """A condition that nothing can meet, which DynamoDB would call wrong."""


class Key:
    """The key of one table: `[["id", "string"], ["at", "number"]]`."""

    def __init__(self, what, definition):
        self._what, self.definition = what, definition
        self.partition = definition[0]
        self.sort = definition[1] if len(definition) > 1 else None

    def _wrong(self, message):
        return fault("bad-request", f"{self._what}: {message}")

    def of_item(self, item):
        """The key's attribute values."""
        return {name: self.value(name, kind, item.get(name), name in item) for name, kind in self.definition}

    def of_key(self, key):
        names = " and ".join(f"`{name}`" for name, _ in self.definition)
        if not isinstance(key, dict):
            raise self._wrong(f"the key is not an object with {names}")
        for name in key:
            if all(name != one for one, _ in self.definition):
                raise self._wrong(f"the key has `{name}`; it is {names} alone")
        return self.of_item(key)

    def value(self, name, kind, value, is_there=True):
        """An attribute value which is not empty and not too long."""
        if not is_there:
            raise self._wrong(f"the key attribute `{name}` is missing")
        held = self.comparable(name, kind, value)
        size = len(held["S"].encode()) if kind == "string" else len(held.get("B", b"x"))
        if size == 0:
            raise self._wrong(f"the key attribute `{name}` is empty")
        if size > LONGEST:
            raise fault("too-large", f"{self._what}: the key attribute `{name}` has {size} bytes, the limit is 1,024")
        return held

    def comparable(self, name, kind, value):
        """An attribute value to compare with, which may be empty."""
        try:
            held = attribute(value)
        except ValueError:
            held = {}
        if KINDS[kind] not in held:
            raise self._wrong(f"the key attribute `{name}` is not {WANTED[kind]}")
        if kind == "number" and float(value) != value:
            raise self._wrong(f"the key attribute `{name}` is {value}: a key's number is a 64-bit float, which cannot hold it exactly")
        return held

    def condition(self, partition, sort):
        """(expression, names, values) for a query; raises NoItems where it can have no result."""
        name, kind = self.partition
        names, values = {"#p": name}, {":p": self.value(name, kind, partition)}
        if sort is None:
            return "#p = :p", names, values
        if self.sort is None:
            raise self._wrong("the table has no sort key to compare")
        more, operands = self._sort_condition(sort)
        if not more:
            return "#p = :p", names, values
        return f"#p = :p AND {more}", {**names, "#s": self.sort[0]}, {**values, **operands}

    def _sort_condition(self, sort):
        """(expression, values). The empty text, which DynamoDB takes for no value, is less than every key."""
        if not isinstance(sort, dict) or len(sort) != 1:
            raise self._wrong("`sort` is one of eq, lt, lte, gt, gte, between, prefix")
        operator, operand = next(iter(sort.items()))
        if operator == "between":
            return self._between(operand)
        if operator != "prefix" and operator not in OPERATORS:
            raise self._wrong(f"`sort` is one of eq, lt, lte, gt, gte, between, prefix, not `{operator}`")
        if operator == "prefix" and (self.sort[1] != "string" or not isinstance(operand, str)):
            raise self._wrong(f"the sort key `{self.sort[0]}` is no string that could begin with something")
        held = self.comparable(*self.sort, operand)
        if is_empty(held):
            if operator in ("eq", "lt", "lte"):
                raise NoItems()
            return "", {}
        expression = "begins_with(#s, :s)" if operator == "prefix" else f"#s {OPERATORS[operator]} :s"
        return expression, {":s": held}

    def _between(self, operands):
        if not isinstance(operands, list) or len(operands) != 2:
            raise self._wrong("`between` is a list of two values")
        low, high = (self.comparable(*self.sort, operand) for operand in operands)
        if is_empty(high) or order_of(low) > order_of(high):
            raise NoItems()
        if is_empty(low):
            return "#s <= :t", {":t": high}
        return "#s BETWEEN :s AND :t", {":s": low, ":t": high}

    def cursor(self, item):
        """The cursor after an item: its key."""
        key = {name: {kind: b64encode(held).decode() if kind == "B" else held for kind, held in item[name].items()} for name, _ in self.definition}
        return b64encode(json.dumps(key, separators=(",", ":")).encode()).decode()

    def after(self, cursor, partition=None):
        """The key that a cursor stands for."""
        try:
            key = json.loads(b64decode(cursor, validate=True))
            key = {name: read_back(KINDS[kind], key[name]) for name, kind in self.definition}
        except (ValueError, TypeError, KeyError):
            raise self._wrong("the cursor is not one that an earlier page gave") from None
        if partition is not None and order_of(key[self.partition[0]]) != order_of(partition):
            raise self._wrong("the cursor is of another partition")
        return key


def read_back(kind, held):
    """An attribute value from a cursor."""
    text = str(held[kind])
    return {kind: b64decode(text) if kind == "B" else text}


def is_empty(held):
    return next(iter(held.values())) in ("", b"")


def order_of(held):
    """What compares as DynamoDB orders it."""
    kind, value = next(iter(held.items()))
    return float(value) if kind == "N" else value.encode() if kind == "S" else value
