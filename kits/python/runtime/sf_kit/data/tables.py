"""`ctx.table(name)`."""

from .pages import Page, Pages
from .values import encoded


class Item(dict):
    """An item of a table: a dict that knows which version of it was read."""

    __slots__ = ("_version",)


class Table:
    def __init__(self, driver, name):
        self._driver, self._name = driver, name

    def _what(self, operation):
        return f"{operation} table {self._name}"

    def get(self, key):
        """The item with this key, `{"id": "7"}`, or None."""
        found = self._driver.table_get(self._what("get"), self._name, encoded(key, "key"))
        return None if found is None else item_of(found)

    def put(self, item, if_absent=False, if_version=None):
        """Writes an item in place of that with the same key; its new version. Raises Conflict when a condition does not hold."""
        conditions = bool(if_absent), checked(if_version)
        version = self._driver.table_put(self._what("put"), self._name, encoded(item, "item"), *conditions)
        if isinstance(item, Item):
            item._version = version
        return version

    def delete(self, key, if_version=None):
        """Whether there was one."""
        return self._driver.table_delete(self._what("delete"), self._name, encoded(key, "key"), checked(if_version))

    def query(self, partition, sort=None, reverse=False, limit=None, cursor=None):
        """The items of one partition, in the order of the sort key: `sort={"gte": 7}`, and so on."""
        query = {"partition": encoded(partition, "partition")}
        if sort is not None:
            query["sort"] = encoded(sort, "sort")
        if reverse:
            query["reverse"] = True
        ask = self._driver.table_query
        return self._pages(lambda *bounds: ask(self._what("query"), self._name, query, *bounds), limit, cursor)

    def scan(self, limit=None, cursor=None):
        """All items, in no promised order."""
        return self._pages(lambda *bounds: self._driver.table_scan(self._what("scan"), self._name, *bounds), limit, cursor)

    def _pages(self, ask, limit, cursor):
        def fetch(limit, cursor):
            found, next_cursor = ask(limit, cursor)
            return Page([item_of(entry) for entry in found], next_cursor)

        return Pages(fetch, limit, cursor)

    def version(self, item):
        """The version of an item that a call of `ctx` gave, for `if_version`."""
        try:
            return item._version
        except AttributeError:
            raise TypeError("version: this is no item that get, query or scan gave") from None


def item_of(found):
    item = Item(found[0])
    item._version = found[1]
    return item


def checked(version):
    if version is not None and not isinstance(version, str):
        raise TypeError(f"if_version is the text that a read or a write gave, not {version!r}")
    return version
