"""What HTTP handlers get and give, after the Fetch standard's Request and Response."""

import json


class Headers:
    """Header fields: names without regard to case, several values for one name kept apart."""

    def __init__(self, pairs=()):
        if isinstance(pairs, Headers):
            pairs = pairs.pairs
        elif hasattr(pairs, "items"):
            pairs = pairs.items()
        self.pairs = [(str(name).lower(), str(value)) for name, value in pairs]

    def get(self, name, default=None):
        """The values of a name joined with commas, as the Fetch standard does."""
        found = self.get_all(name)
        return ", ".join(found) if found else default

    def get_all(self, name):
        name = name.lower()
        return [value for key, value in self.pairs if key == name]

    def append(self, name, value):
        self.pairs.append((name.lower(), str(value)))

    def __getitem__(self, name):
        found = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def __contains__(self, name):
        return bool(self.get_all(name))

    def __iter__(self):
        return iter(dict.fromkeys(key for key, _ in self.pairs))

    def items(self):
        return list(self.pairs)


class RequestHead:
    """What is known of an HTTP request before its body."""

    def __init__(self, head, body):
        self.method = head["method"]
        self.url = head["url"]
        self.headers = Headers(head["headers"])
        self._body = body
        self._bytes = None

    @property
    def path(self):
        """The path, not decoded."""
        from urllib.parse import urlsplit

        return urlsplit(self.url).path

    @property
    def query(self):
        """The last value of each query parameter; see `query_all`."""
        return {name: values[-1] for name, values in self.query_all.items()}

    @property
    def query_all(self):
        from urllib.parse import parse_qs, urlsplit

        return parse_qs(urlsplit(self.url).query, keep_blank_values=True)


class Request(RequestHead):
    """An HTTP request."""

    def stream(self):
        """The body's chunks as they come; each is bytes."""
        if self._bytes is not None:
            if self._bytes:
                yield self._bytes
            return
        yield from self._body

    @property
    def body(self):
        """The whole body."""
        if self._bytes is None:
            self._bytes = b"".join(self._body)
        return self._bytes

    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)


class Response:
    """An HTTP response. `body` is None, str, bytes, something JSON can say, or an iterable of bytes or str, which is sent as it
    comes; in an async handler an async one too."""

    def __init__(self, body=None, status=200, headers=None):
        self.status = int(status)
        self.headers = headers if isinstance(headers, Headers) else Headers(headers or ())
        self.body = body

    @classmethod
    def json(cls, value, status=200, headers=None):
        response = cls(json.dumps(value, ensure_ascii=False).encode(), status, headers)
        if "content-type" not in response.headers:
            response.headers.append("content-type", "application/json")
        return response

    @classmethod
    def of(cls, value):
        """What a handler returned: a Response as it is, None as 204, text as text, everything else as JSON."""
        if isinstance(value, cls):
            return value
        if value is None:
            return cls(None, 204)
        if isinstance(value, str):
            return cls(value, 200, {"content-type": "text/plain; charset=utf-8"})
        if isinstance(value, (bytes, bytearray, memoryview)):
            return cls(value, 200, {"content-type": "application/octet-stream"})
        if isinstance(value, tuple) and len(value) in (2, 3) and isinstance(value[1], int):
            response = cls.of(value[0])
            response.status = value[1]
            said = Headers(value[2] if len(value) == 3 else ())
            response.headers.pairs = [pair for pair in response.headers.pairs if pair[0] not in said] + said.pairs
            return response
        if isinstance(value, (dict, list, int, float, bool)):
            return cls.json(value)
        if hasattr(value, "__await__"):
            raise TypeError("the handler returned a coroutine: declare the handler itself with `async def`")
        raise TypeError(f"a handler cannot return {type(value).__name__}: return a Response, dict, list, str, bytes or None")

    def wire(self):
        """(headers, bytes or None, chunks or None): the body in one of two forms."""
        pairs, body = list(self.headers.pairs), self.body
        if isinstance(body, str):
            if "content-type" not in self.headers:
                pairs.append(("content-type", "text/plain;charset=UTF-8"))
            return pairs, body.encode(), None
        if body is None or isinstance(body, (bytes, bytearray, memoryview)):
            return pairs, bytes(body or b""), None
        if isinstance(body, (dict, list)):
            if "content-type" not in self.headers:
                pairs.append(("content-type", "application/json"))
            return pairs, json.dumps(body, ensure_ascii=False).encode(), None
        if not hasattr(body, "__iter__") and not hasattr(body, "__aiter__"):
            raise TypeError(f"a response's body cannot be {type(body).__name__}")
        return pairs, None, body
