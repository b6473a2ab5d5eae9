"""`ctx.bucket(name)`: objects as streams."""

import re
from urllib.parse import urlencode

from . import or_none, segment
from .pages import Page, Pages, bounds

CHUNK = 65536
BYTES = "application/octet-stream"
META = "x-sf-meta-"


class ObjectFacts:
    """What is known of an object: `size` (of all of it, also when a range was asked for), `etag`, `content_type`, `metadata`, `modified`."""

    def __init__(self, headers):
        total = headers.get("content-range", "").rpartition("/")[2] or headers.get("content-length")
        self.size = None if total is None else int(total)
        self.etag = headers.get("etag")
        self.content_type = headers.get("content-type", BYTES)
        self.metadata = {name.lower()[len(META) :]: value for name, value in headers.items() if name.lower().startswith(META)}
        self._modified = headers.get("last-modified")

    @property
    def modified(self):
        """An aware datetime."""
        from email.utils import parsedate_to_datetime

        return parsedate_to_datetime(self._modified) if self._modified else None


class StoredObject(ObjectFacts):
    """An object and its bytes, which are read once: by `read`, in chunks by iterating, or at once. Left unread, it is to be closed."""

    def __init__(self, answer):
        super().__init__(answer.headers)
        self._answer = answer

    def read(self, size=-1):
        """At most so many bytes, b"" at the end; all without a size."""
        return self._answer.read(size)

    def __iter__(self):
        return iter(lambda: self._answer.read(CHUNK), b"")

    def bytes(self):
        return self._answer.bytes()

    def text(self):
        return self.bytes().decode()

    def json(self):
        from json import loads

        return loads(self.bytes())

    def close(self):
        self._answer.close()

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
    def __init__(self, resources, name):
        self._resources, self._name = resources, name
        self._path = f"/buckets/{segment(name)}"

    def _open(self, method, key, **more):
        what = f"{method.lower()} {key} of bucket {self._name}"
        return self._resources.open(method, f"{self._path}/objects/{segment(key)}", what, **more)

    def get(self, key, range=None):
        """The object, or None. `range`: its first and last byte, `(0, 99)`; without a last one, `(100, None)`, to the end."""
        headers = {} if range is None else {"range": range_header(range)}
        answer = or_none(lambda: self._open("GET", key, headers=headers, repeatable=True))
        return None if answer is None else StoredObject(answer)

    def head(self, key):
        """What is known of an object, or None."""
        answer = or_none(lambda: self._open("HEAD", key, repeatable=True))
        if answer is None:
            return None
        answer.bytes()
        return ObjectFacts(answer.headers)

    def put(self, key, body, content_type=None, metadata=None, if_absent=False, if_match=None):
        """Stores all of the body or nothing; `{"etag": …, "size": …}`. Streams pass through."""
        data, default_type = body_of(body)
        headers = {"content-type": content_type or default_type, **metadata_headers(metadata)}
        if if_absent:
            headers["if-none-match"] = "*"
        if if_match is not None:
            headers["if-match"] = if_match
        free = not if_absent and if_match is None
        from json import loads

        return loads(self._open("PUT", key, body=data, headers=headers, repeatable=free).bytes())

    def delete(self, key):
        """Also if there is none."""
        self._open("DELETE", key, repeatable=True).bytes()

    def list(self, prefix=None, delimiter=None, limit=None, cursor=None):
        """The objects by their keys. With a delimiter, what lies deeper is gathered in the `prefixes` of each page()."""
        given = {"prefix": prefix, "delimiter": delimiter}
        given = {name: value for name, value in given.items() if value is not None}

        def fetch(limit, cursor):
            query = urlencode({**given, **bounds(limit, cursor)})
            path = f"{self._path}/objects?{query}" if query else f"{self._path}/objects"
            answer = self._resources.ask("GET", path, f"list bucket {self._name}", repeatable=True)
            items = [ListedObject(entry) for entry in answer["objects"]]
            return Page(items, answer.get("cursor"), answer.get("prefixes") or ())

        return Pages(fetch, limit, cursor)

    def url(self, key, method="GET", expires=900):
        """A link with which whoever has it may do just this, for `expires` seconds."""
        body = {"key": key, "method": method, "expires": expires}
        return self._resources.ask("POST", f"{self._path}/url", f"url of bucket {self._name}", body, repeatable=True)["url"]


def range_header(span):
    first, last = span
    if not isinstance(first, int) or first < 0 or last is not None and (not isinstance(last, int) or last < first):
        raise ValueError(f"range is (first byte, last byte) or (first byte, None), not {span!r}")
    return f"bytes={first}-{'' if last is None else last}"


def metadata_headers(metadata):
    headers = {}
    for name, value in (metadata or {}).items():
        if not re.fullmatch(r"[\w-]+", name, re.ASCII) or not isinstance(value, str) or not re.fullmatch(r"[ -~]*", value):
            raise ValueError(f"metadata {name!r}: names are letters, digits, - and _, values are ASCII text")
        headers[META + name.lower()] = value
    return headers


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
