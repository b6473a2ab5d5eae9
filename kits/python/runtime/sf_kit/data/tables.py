"""`ctx.table(name)`."""

from ..events import bytes_hook
from . import segment
from .pages import Page, Pages, bounds
from .values import encoded


class Item(dict):
    """An item of a table: a dict that knows which version of it was read."""

    __slots__ = ("_version",)


class Table:
    def __init__(self, resources, name):
        self._resources, self._name = resources, name
        self._path = f"/tables/{segment(name)}"

    def _ask(self, operation, body, repeatable):
        what = f"{operation} table {self._name}"
        more = {"hook": bytes_hook, "repeatable": repeatable}
        return self._resources.ask("POST", f"{self._path}/{operation}", what, body, **more)

    def get(self, key):
        """The item with this key, `{"id": "7"}`, or None."""
        answer = self._ask("get", {"key": encoded(key, "key")}, True)
        return None if answer["item"] is None else item_of(answer)

    def put(self, item, if_absent=False, if_version=None):
        """Writes an item in place of that with the same key; its new version. Raises Conflict when a condition does not hold."""
        body = {"item": encoded(item, "item")}
        if if_absent:
            body["ifAbsent"] = True
        if if_version is not None:
            body["ifVersion"] = checked(if_version)
        version = self._ask("put", body, len(body) == 1)["version"]
        if isinstance(item, Item):
            item._version = version
        return version

    def delete(self, key, if_version=None):
        """Whether there was one."""
        body = {"key": encoded(key, "key")}
        if if_version is not None:
            body["ifVersion"] = checked(if_version)
        # Not to be repeated: the second time there would be nothing.
        return self._ask("delete", body, False)["existed"]

    def query(self, partition, sort=None, reverse=False, limit=None, cursor=None):
        """The items of one partition, in the order of the sort key: `sort={"gte": 7}`, and so on."""
        body = {"partition": encoded(partition, "partition")}
        if sort is not None:
            body["sort"] = encoded(sort, "sort")
        if reverse:
            body["reverse"] = True
        return self._pages("query", body, limit, cursor)

    def scan(self, limit=None, cursor=None):
        """All items, in no promised order."""
        return self._pages("scan", {}, limit, cursor)

    def _pages(self, operation, body, limit, cursor):
        def fetch(limit, cursor):
            answer = self._ask(operation, {**body, **bounds(limit, cursor)}, True)
            return Page([item_of(entry) for entry in answer["items"]], answer.get("cursor"))

        return Pages(fetch, limit, cursor)

    def version(self, item):
        """The version of an item that a call of `ctx` gave, for `if_version`."""
        try:
            return item._version
        except AttributeError:
            raise TypeError("version: this is no item that get, query or scan gave") from None


def item_of(entry):
    item = Item(entry["item"])
    item._version = entry.get("version")
    return item


def checked(version):
    if not isinstance(version, str):
        raise TypeError(f"if_version is the text that a read or a write gave, not {version!r}")
    return version
