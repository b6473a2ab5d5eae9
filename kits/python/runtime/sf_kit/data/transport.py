"""HTTP to the data API: connections that are kept, deadlines, and errors as exceptions."""

import socket
from _thread import allocate_lock
from http.client import HTTPConnection, HTTPException, HTTPSConnection, RemoteDisconnected
from json import loads
from time import time
from urllib.parse import urlsplit

from ..errors import BY_CODE, SfError

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
