"""`ctx.bucket(name)`: objects as streams."""

import re

from . import named
from .pages import Page, Pages

CHUNK = 65536
BYTES = "application/octet-stream"


class ObjectFacts:
    """What is known of an object: `size` (of all of it, also when a range was asked for), `etag`, `content_type`, `metadata`, `modified`."""

    def __init__(self, headers, meta):
        total = headers.get("content-range", "").rpartition("/")[2] or headers.get("content-length")
        self.size = None if total is None else int(total)
        self.etag = headers.get("etag")
        self.content_type = headers.get("content-type", BYTES)
        self.metadata = {name.lower()[len(meta) :]: value for name, value in headers.items() if name.lower().startswith(meta)}
        self._modified = headers.get("last-modified")

    @property
    def modified(self):
        """An aware datetime."""
        from email.utils import parsedate_to_datetime

        return parsedate_to_datetime(self._modified) if self._modified else None


class StoredObject(ObjectFacts):
    """An object and its bytes, which are read once: by `read`, in chunks by iterating, or at once. Left unread, it is to be closed."""

    def __init__(self, headers, meta, stream):
        super().__init__(headers, meta)
        self._stream = stream

    def read(self, size=-1):
        """At most so many bytes, b"" at the end; all without a size."""
        return self._stream.read(size)

    def __iter__(self):
        return iter(lambda: self._stream.read(CHUNK), b"")

    def bytes(self):
        return self._stream.bytes()

    def text(self):
        return self.bytes().decode()

    def json(self):
        from json import loads

        return loads(self.bytes())

    def close(self):
        self._stream.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class ListedObject:
    """An entry of a list: `key`, `size`, `etag`, `modified`."""

    def __init__(self, entry):
        self.key, self.size, self.etag, self._modified = entry["key"], entry["size"], entry["etag"], entry["modified"]

    @property
    def modified(self):
        """An aware datetime."""
        from ..times import parse

        return parse(self._modified)

    def __repr__(self):
        return f"ListedObject(key={self.key!r}, size={self.size})"


class Bucket:
    def __init__(self, driver, name):
        self._driver, self._name = driver, name

    def _target(self, operation, key):
        return f"{operation} {named(key)} of bucket {self._name}", self._name, key

    def get(self, key, range=None):
        """The object, or None. `range`: its first and last byte, `(0, 99)`; without a last one, `(100, None)`, to the end."""
        span = None if range is None else range_header(range)
        found = self._driver.object_open(*self._target("get", key), span)
        return None if found is None else StoredObject(found[0], self._driver.META, found[1])

    def head(self, key):
        """What is known of an object, or None."""
        headers = self._driver.object_head(*self._target("head", key))
        return None if headers is None else ObjectFacts(headers, self._driver.META)

    def put(self, key, body, content_type=None, metadata=None, if_absent=False, if_match=None):
        """Stores all of the body or nothing; `{"etag": …, "size": …}`. Streams pass through."""
        data, default_type = body_of(body)
        about = content_type or default_type, checked_metadata(metadata)
        return self._driver.object_put(*self._target("put", key), data, about, bool(if_absent), if_match)

    def delete(self, key):
        """Also if there is none."""
        self._driver.object_delete(*self._target("delete", key))

    def list(self, prefix=None, delimiter=None, limit=None, cursor=None):
        """The objects by their keys. With a delimiter, what lies deeper is gathered in the `prefixes` of each page()."""
        folded = {"prefix": prefix, "delimiter": delimiter}
        folded = {name: value for name, value in folded.items() if value is not None}

        def fetch(limit, cursor):
            what = f"list bucket {self._name}"
            entries, prefixes, next_cursor = self._driver.object_list(what, self._name, folded, limit, cursor)
            return Page([ListedObject(entry) for entry in entries], next_cursor, prefixes)

        return Pages(fetch, limit, cursor)

    def url(self, key, method="GET", expires=900):
        """A link with which whoever has it may do just this, for `expires` seconds."""
        return self._driver.object_url(f"url of bucket {self._name}", self._name, named(key), method, expires)


def range_header(span):
    first, last = span
    if not isinstance(first, int) or first < 0 or last is not None and (not isinstance(last, int) or last < first):
        raise ValueError(f"range is (first byte, last byte) or (first byte, None), not {span!r}")
    return f"bytes={first}-{'' if last is None else last}"


def checked_metadata(metadata):
    checked = {}
    for name, value in (metadata or {}).items():
        if not re.fullmatch(r"[\w-]+", name, re.ASCII) or not isinstance(value, str) or not re.fullmatch(r"[ -~]*", value):
            raise ValueError(f"metadata {name!r}: names are letters, digits, - and _, values are ASCII text")
        checked[name.lower()] = value
    return checked


def body_of(body):
    """(bytes or an iterable of bytes, the type unless one is given)."""
    if isinstance(body, str):
        return body.encode(), "text/plain; charset=utf-8"
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body), BYTES
    if isinstance(body, StoredObject):
        return iter(body), body.content_type
    if hasattr(body, "read"):
        return blocks(body), BYTES
    if hasattr(body, "__iter__") and not isinstance(body, dict):
        return (as_bytes(chunk) for chunk in body), BYTES
    raise TypeError(f"put: the body is text, bytes, a file, or an iterable of bytes, not {type(body).__name__}")


def blocks(file):
    while True:
        block = file.read(CHUNK)
        if not block:
            return
        yield as_bytes(block)


def as_bytes(chunk):
    if isinstance(chunk, str):
        return chunk.encode()
    if not isinstance(chunk, (bytes, bytearray, memoryview)):
        raise TypeError(f"put: the body gave {type(chunk).__name__}, not bytes")
    return bytes(chunk)
