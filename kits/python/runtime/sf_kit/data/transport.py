"""HTTP to the data API (docs/data-api.md): connections that are kept, deadlines, and errors as exceptions."""

import socket
from _thread import allocate_lock
from http.client import HTTPConnection, HTTPException, HTTPSConnection, RemoteDisconnected
from json import dumps, loads
from time import time
from urllib.parse import quote, urlencode, urlsplit

from ..errors import BY_CODE, NotFound, SfError
from ..events import bytes_hook

IDLE = 32
"""Connections kept, at most; more than that only wait to be closed by the other side."""
CODES = {400: "bad-request", 401: "unauthorized", 403: "not-granted", 404: "not-found", 409: "conflict", 413: "too-large", 507: "storage-full"}
"""For answers without a body, as to HEAD."""
DROPPED = (RemoteDisconnected, BrokenPipeError, ConnectionResetError, ConnectionAbortedError)


class Call:
    """One request. `repeatable`: that it does no harm twice. `body` is bytes, or an iterable of bytes whose length nobody knows."""

    def __init__(self, method, path, what, deadline, body=None, headers=None, repeatable=False):
        self.method, self.path, self.what, self.deadline = method, path, what, deadline
        self.body, self.headers, self.repeatable = body, dict(headers or {}), repeatable

    @property
    def is_stream(self):
        return self.body is not None and not isinstance(self.body, bytes)

    def remaining(self):
        """Seconds until the deadline, an hour at most: some platforms cannot wait for years."""
        left = self.deadline - time()
        if left <= 0:
            raise SfError(f"{self.what}: the invocation's deadline has passed", "timed-out")
        return min(left, 3600)

    def failed(self, error):
        """The exception for a connection that did not do its work."""
        if isinstance(error, socket.timeout):
            return SfError(f"{self.what}: no answer before the invocation's deadline", "timed-out")
        return SfError(f"{self.what}: {type(error).__name__}: {error}", "unreachable")


class Transport:
    """All connections to one data API; for any number of threads."""

    def __init__(self, url, token):
        parts = urlsplit(url)
        self._kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._host, self._port, self._base = parts.hostname, parts.port, parts.path.rstrip("/")
        self._token = token
        self._idle = []
        self._lock = allocate_lock()

    def open(self, call):
        connection = self._take()
        if connection is not None:
            try:
                return self._ask(connection, call)
            except DROPPED as error:
                # The other side may have closed it while it was idle. Whether it read the request is not known.
                if not call.repeatable or call.is_stream:
                    raise call.failed(error) from error
        try:
            return self._ask(self._kind(self._host, self._port, timeout=call.remaining()), call)
        except DROPPED as error:
            raise call.failed(error) from error

    def _take(self):
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if is_open(connection.sock):
                return connection
            connection.close()

    def give_back(self, connection):
        with self._lock:
            if len(self._idle) < IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def _ask(self, connection, call):
        try:
            connection.timeout = call.remaining()
            if connection.sock is not None:
                connection.sock.settimeout(connection.timeout)
            response = self._exchange(connection, call)
        except DROPPED:
            connection.close()
            raise
        except (OSError, HTTPException) as error:
            connection.close()
            raise call.failed(error) from error
        except BaseException:
            # The body's own iterator failed: what was sent of it must not pass for the whole.
            connection.close()
            raise
        answer = Answer(self, connection, response, call)
        if 200 <= response.status < 300:
            return answer
        raise error_of(call, response.status, answer.bytes())

    def _exchange(self, connection, call):
        connection.putrequest(call.method, self._base + call.path, skip_accept_encoding=True)
        connection.putheader("authorization", f"Bearer {self._token}")
        for name, value in call.headers.items():
            connection.putheader(name, value)
        if call.is_stream:
            connection.putheader("transfer-encoding", "chunked")
        elif call.body is not None:
            connection.putheader("content-length", str(len(call.body)))
        elif call.method in ("POST", "PUT"):
            connection.putheader("content-length", "0")
        try:
            connection.endheaders(call.body, encode_chunked=call.is_stream)
        except (BrokenPipeError, ConnectionResetError):
            if not call.is_stream:
                raise
            # Refused before all of it was sent: the answer says why, if it can still be read.
        return connection.getresponse()


def is_open(sock):
    """Whether an idle connection is still one: nothing is to be read from it, not even its end."""
    if sock is None:
        return False
    sock.settimeout(0)
    try:
        sock.recv(1, socket.MSG_PEEK)
        return False
    except BlockingIOError:
        return True
    except OSError:
        return False


class Answer:
    """A response whose body is read once. Its connection is kept when that was done to the end."""

    def __init__(self, transport, connection, response, call):
        self._transport, self._connection, self._response, self._call = transport, connection, response, call
        self.status, self.headers = response.status, response.headers
        self._left = response.length
        self._settle()

    def _settle(self):
        """http.client closes a response at its end."""
        if self._connection is not None and self._response.isclosed():
            connection, self._connection = self._connection, None
            if self._response.will_close or connection.sock is None:
                connection.close()
            else:
                self._transport.give_back(connection)

    def read(self, size=-1):
        if self._connection is None:
            return b""
        try:
            if self._connection.sock is not None:
                self._connection.sock.settimeout(self._call.remaining())
            data = self._response.read() if size is None or size < 0 else self._response.read(size)
        except (OSError, HTTPException) as error:
            self.close()
            raise self._call.failed(error) from error
        if self._left is not None:
            self._left -= len(data)
            if self._left > 0 and not data and size != 0:
                self.close()
                raise SfError(f"{self._call.what}: the connection broke {self._left} bytes before the end", "unreachable")
        self._settle()
        return data

    def bytes(self):
        return self.read()

    def close(self):
        """Without the rest of the body the connection is of no more use."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def error_of(call, status, body):
    try:
        answer = loads(body)
        code, message, hint = answer["code"], answer["message"], answer.get("hint")
    except (ValueError, KeyError, TypeError):
        code, message, hint = CODES.get(status, "error"), f"answered with status {status}", None
    kind = BY_CODE.get(code, SfError)
    return kind(f"{call.what}: {message}", code, hint, status)


_transports = {}
_lock = allocate_lock()
JSON = "application/json"
BYTES = "application/octet-stream"


def segment(name):
    """A name or a key as one segment of a path."""
    # Many programs take a segment `.` or `..` for a way through the path.
    return name.replace(".", "%2E") if name in (".", "..") else quote(name, safe="")


def or_none(open_answer):
    """The answer, or None where there is no such thing."""
    try:
        return open_answer()
    except NotFound:
        return None


def given(**members):
    """Those of them that are something."""
    return {name: value for name, value in members.items() if value is not None}


class DataApi:
    """The driver (see the package's own text) of one invocation: with its trace, and until its deadline."""

    META = "x-sf-meta-"

    def __init__(self, source, trace, deadline):
        with _lock:
            if source not in _transports:
                _transports[source] = Transport(*source)
        self._transport = _transports[source]
        self._trace, self._deadline = trace, deadline

    def _open(self, method, path, what, **more):
        """An answer whose body is still to be read; raises for any status but 2xx."""
        call = Call(method, path, what, self._deadline, **more)
        if self._trace:
            call.headers["traceparent"] = self._trace
        return self._transport.open(call)

    def _ask(self, method, path, what, value=None, hook=None, **more):
        """The JSON of an answer."""
        if value is not None:
            more["body"] = dumps(value, ensure_ascii=False, allow_nan=False).encode()
            more["headers"] = {"content-type": JSON, **more.get("headers", {})}
        answer = self._open(method, path, what, **more).bytes()
        return loads(answer, object_hook=hook) if answer else None

    def _table(self, operation, what, table, body, repeatable):
        return self._ask("POST", f"/tables/{segment(table)}/{operation}", what, body, bytes_hook, repeatable=repeatable)

    def table_get(self, what, table, key):
        answer = self._table("get", what, table, {"key": key}, True)
        return None if answer["item"] is None else (answer["item"], answer["version"])

    def table_put(self, what, table, item, if_absent, if_version):
        body = {"item": item, **given(ifAbsent=True if if_absent else None, ifVersion=if_version)}
        return self._table("put", what, table, body, len(body) == 1)["version"]

    def table_delete(self, what, table, key, if_version):
        # Not to be repeated: the second time there would be nothing.
        return self._table("delete", what, table, {"key": key, **given(ifVersion=if_version)}, False)["existed"]

    def table_query(self, what, table, query, limit, cursor, operation="query"):
        answer = self._table(operation, what, table, {**query, **given(limit=limit, cursor=cursor)}, True)
        return [(entry["item"], entry["version"]) for entry in answer["items"]], answer.get("cursor")

    def table_scan(self, what, table, limit, cursor):
        return self.table_query(what, table, {}, limit, cursor, "scan")

    def _object(self, method, what, bucket, key, **more):
        return self._open(method, f"/buckets/{segment(bucket)}/objects/{segment(key)}", what, **more)

    def object_open(self, what, bucket, key, span):
        answer = or_none(lambda: self._object("GET", what, bucket, key, headers=given(range=span), repeatable=True))
        return None if answer is None else (answer.headers, answer)

    def object_head(self, what, bucket, key):
        answer = or_none(lambda: self._object("HEAD", what, bucket, key, repeatable=True))
        if answer is None:
            return None
        answer.bytes()
        return answer.headers

    def object_put(self, what, bucket, key, body, about, if_absent, if_match):
        content_type, metadata = about
        headers = {"content-type": content_type, **{self.META + name: value for name, value in metadata.items()}}
        if if_absent:
            headers["if-none-match"] = "*"
        if if_match is not None:
            headers["if-match"] = if_match
        free = not if_absent and if_match is None
        return loads(self._object("PUT", what, bucket, key, body=body, headers=headers, repeatable=free).bytes())

    def object_delete(self, what, bucket, key):
        self._object("DELETE", what, bucket, key, repeatable=True).bytes()

    def object_list(self, what, bucket, folded, limit, cursor):
        query = urlencode({**folded, **given(limit=limit, cursor=cursor)})
        path = f"/buckets/{segment(bucket)}/objects"
        answer = self._ask("GET", f"{path}?{query}" if query else path, what, repeatable=True)
        return answer["objects"], answer.get("prefixes") or (), answer.get("cursor")

    def object_url(self, what, bucket, key, method, expires):
        body = {"key": key, "method": method, "expires": expires}
        return self._ask("POST", f"/buckets/{segment(bucket)}/url", what, body, repeatable=True)["url"]

    def _message(self, path, what, data, is_json, more):
        headers = {"content-type": JSON if is_json else BYTES, **more}
        return self._ask("POST", path, what, body=data, headers=headers)["id"]

    def queue_send(self, what, queue, data, is_json, delay):
        more = {"x-sf-delay": str(delay)} if delay else {}
        return self._message(f"/queues/{segment(queue)}/messages", what, data, is_json, more)

    def topic_publish(self, what, topic, data, is_json, attributes):
        # A header holds ASCII, and `dumps` writes nothing else.
        more = {"x-sf-attributes": dumps(attributes)} if attributes else {}
        return self._message(f"/topics/{segment(topic)}/messages", what, data, is_json, more)

    def _connection(self, socket_name, connection):
        return f"/sockets/{segment(socket_name)}/connections/{segment(connection)}"

    def socket_send(self, what, socket, connection, data, is_text):
        headers = {"content-type": "text/plain" if is_text else BYTES}
        return self._ask("POST", self._connection(socket, connection), what, body=data, headers=headers)["delivered"]

    def socket_close(self, what, socket, connection):
        self._open("DELETE", self._connection(socket, connection), what, repeatable=True).bytes()

    def call(self, what, function, data):
        return self._ask("POST", f"/functions/{segment(function)}", what, body=data, headers={"content-type": JSON})

    def secret(self, what, name):
        return self._open("GET", f"/secrets/{segment(name)}", what, repeatable=True).bytes()
