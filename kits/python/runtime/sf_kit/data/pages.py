"""Results that come in pages."""

MAX_PAGE = 1000


class Page:
    """One page: `items`, the `cursor` at which the next begins (None at the end), and of a bucket with a delimiter the `prefixes`."""

    def __init__(self, items, cursor, prefixes=()):
        self.items, self.cursor, self.prefixes = items, cursor, list(prefixes)

    def __iter__(self):
        return iter(self.items)

    def __len__(self):
        return len(self.items)


class Pages:
    """An iterable over all items, or over `limit` of them, which fetches page by page as it goes. `page()` fetches one page."""

    def __init__(self, fetch, limit, cursor):
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
            raise ValueError(f"limit is a whole number of at least 1, not {limit!r}")
        self._fetch, self._limit, self._cursor = fetch, limit, cursor

    def page(self):
        """The first page, with at most `limit` items (1,000 are the most)."""
        return self._fetch(None if self._limit is None else min(self._limit, MAX_PAGE), self._cursor)

    def pages(self):
        """One page after the other."""
        cursor, left = self._cursor, self._limit
        while True:
            page = self._fetch(None if left is None else min(left, MAX_PAGE), cursor)
            yield page
            cursor = page.cursor
            if left is not None:
                left -= len(page.items)
            if cursor is None or left is not None and left <= 0:
                return

    def __iter__(self):
        for page in self.pages():
            yield from page.items
