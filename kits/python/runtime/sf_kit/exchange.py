"""One request of the host: its body coming in, its answer going out."""

import json
from _queue import SimpleQueue
from _thread import allocate_lock

from . import frames

NO_BODY = {101, 103, 204, 205, 304}
WHOLE = frames.WINDOW // 4
"""Up to so many bytes, a body goes out with its head in one frame."""
PIECE = 65536
_CUT = object()


class Cancelled(ConnectionError):
    """Nobody waits for the answer any more, so the rest of the request's body does not come."""


class Incoming:
    """The body of a request: its chunks as they come; each is acknowledged when the next is asked for."""

    def __init__(self, connection, ident, first, ended):
        self._connection, self._ident, self._first = connection, ident, first
        self._chunks = None if ended else SimpleQueue()
        self._taken = 0
        self.arrived = None
        """Called, in the reading thread, after something came: an event loop cannot wait in `next`."""

    def receive(self, data, last):
        if data:
            self._put(data)
        if last:
            self._put(None)

    def cut(self):
        self._put(_CUT)

    def _put(self, chunk):
        if self._chunks is not None:
            self._chunks.put(chunk)
            if self.arrived is not None:
                self.arrived()

    def next(self, block=True):
        """The next chunk, None at the end. Without `block`, raises `_queue.Empty` when there is none yet."""
        chunk, self._first = self._first, b""
        if not chunk and self._chunks is not None:
            if self._taken >= frames.ACKNOWLEDGE // 2:
                self._connection.send_credit(self._ident, self._taken)
                self._taken = 0
            chunk = self._chunks.get(block)
        if chunk is _CUT:
            self._chunks.put(_CUT)
            raise Cancelled("the request was cancelled while its body was read")
        if not chunk:
            self._chunks = None
            return None
        self._taken += len(chunk)
        return chunk

    def __iter__(self):
        return iter(self.next, None)


class Exchange:
    """A request and its answer."""

    def __init__(self, connection, ident, head, first, ended):
        self.connection, self.ident, self.head = connection, ident, head
        self.cancelled = False
        self.body = Incoming(connection, ident, first, ended)
        self._credit = frames.WINDOW
        self._lock = allocate_lock()
        self._granted = None

    def grant(self, count):
        with self._lock:
            self._credit += count
            granted, self._granted = self._granted, None
        if granted is not None:
            granted()

    def cancel(self):
        self.cancelled = True
        self.body.cut()
        self.grant(0)

    def spend(self, count, granted):
        """Whether so many bytes may be sent now. If not, `granted` is called once it is worth asking again."""
        with self._lock:
            if self._credit >= count or self.cancelled:
                self._credit -= count
                return True
            self._granted = granted
            return False

    def begin(self, value):
        """Sends the head, and the body where it is small and known; otherwise returns the chunks that are to follow."""
        if self.head["kind"] == "event":
            data = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
            return self._begin(200, [["content-type", "application/json"]], data, None)
        from .http import Response

        response = Response.of(value)
        pairs, data, chunks = response.wire()
        if response.status in NO_BODY or self.head["method"] == "HEAD":
            self.connection.send_response(self.ident, response.status, pairs, b"", True)
            return None if chunks is None else _Unread(chunks)
        return self._begin(response.status, pairs, data, chunks)

    def _begin(self, status, pairs, data, chunks):
        if data is not None and len(data) <= WHOLE:
            self.connection.send_response(self.ident, status, pairs, data, True)
            return None
        # The head goes before the first bytes are known: a stream of events may be silent for long.
        self.connection.send_response(self.ident, status, pairs, b"", False)
        return [data] if data is not None else chunks

    def send(self, part):
        self.connection.send_body(self.ident, part, False)

    def end(self):
        self.connection.send_body(self.ident, b"", True)

    def answer(self, value):
        """Sends all of it; waits while the host has taken too little."""
        chunks = self.begin(value)
        if chunks is None or isinstance(chunks, _Unread):
            return close(chunks)
        try:
            for chunk in chunks:
                for part in pieces(chunk):
                    self._wait_to_send(len(part))
                    if self.cancelled:
                        return
                    self.send(part)
            self.end()
        finally:
            close(chunks)

    def _wait_to_send(self, count):
        while True:
            ready = allocate_lock()
            ready.acquire()
            if self.spend(count, ready.release):
                return
            ready.acquire()

    def fail(self, error):
        if self.cancelled:
            return
        from traceback import format_exception

        stack = "".join(format_exception(type(error), error, error.__traceback__))
        # An error's text must fit a frame.
        report = {"name": type(error).__name__, "message": str(error)[:PIECE], "stack": stack[:PIECE]}
        self.connection.send_json(frames.ERROR, self.ident, report)


class _Unread:
    """A stream that the answer has no place for: it is closed unread."""

    def __init__(self, chunks):
        self.chunks = chunks


def close(chunks):
    """Lets a generator run its `finally` blocks."""
    chunks = chunks.chunks if isinstance(chunks, _Unread) else chunks
    if hasattr(chunks, "close"):
        chunks.close()


def pieces(chunk):
    """A chunk of a response's body in parts that suit a frame."""
    if isinstance(chunk, str):
        chunk = chunk.encode()
    elif not isinstance(chunk, (bytes, bytearray, memoryview)):
        raise TypeError(f"a response's body must give bytes or str, not {type(chunk).__name__}")
    if len(chunk) <= PIECE:
        return (bytes(chunk),) if chunk else ()
    view = memoryview(chunk).cast("B")
    return (bytes(view[at : at + PIECE]) for at in range(0, len(view), PIECE))
