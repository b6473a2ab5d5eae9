"""Loads the handler and answers requests: each in a thread, or on one event loop where the handler is async."""

import json
import os
import sys
import threading
import traceback
from _queue import SimpleQueue

from . import frames
from .context import Context
from .http import Request, Response

NO_BODY = {101, 103, 204, 205, 304}
THREADS = 32
_COROUTINE = 0x80  # inspect.CO_COROUTINE, without the import


class Fatal(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def load(file, name):
    """The handler: a callable of the module in `file`."""
    path = os.path.abspath(file)
    if not os.path.isfile(path):
        raise Fatal("handler-file-missing", f"handler file `{file}` is not in the artifact")
    # Both `import helpers` beside the handler and `from src import helpers` from the root work.
    for folder in (os.path.dirname(path), os.getcwd()):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    dotted = os.path.splitext(file)[0].replace("\\", "/").replace("/", ".")
    try:
        if all(part.isidentifier() for part in dotted.split(".")):
            module = __import__(dotted, fromlist=["_"])
        else:
            module = _load_file(path)
    except BaseException as error:
        raise Fatal("load-failed", f"load `{file}`: {type(error).__name__}: {error}") from error
    handler = getattr(module, name, None)
    if not callable(handler):
        has = ", ".join(key for key, value in vars(module).items() if callable(value) and not key.startswith("_"))
        raise Fatal("export-missing", f"`{file}` has no function `{name}`; it has: {has or 'none'}")
    return handler


def _load_file(path):
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("sf_handler", path)
    module = module_from_spec(spec)
    sys.modules["sf_handler"] = module
    spec.loader.exec_module(module)
    return module


class Exchange:
    """One request: its body coming in, its answer going out."""

    def __init__(self, connection, ident, head, first, last):
        self.connection, self.ident, self.head = connection, ident, head
        self.cancelled = False
        self._first, self._chunks = first, None if last else SimpleQueue()
        self._credit = frames.WINDOW
        self._has_credit = threading.Condition(threading.Lock())

    def receive(self, data, last):
        self._chunks.put(data)
        if last:
            self._chunks.put(None)

    def grant(self, count):
        with self._has_credit:
            self._credit += count
            self._has_credit.notify_all()

    def cancel(self):
        self.cancelled = True
        if self._chunks is not None:
            self._chunks.put(None)
        with self._has_credit:
            self._has_credit.notify_all()

    def body(self):
        """The body's chunks as they come; each is acknowledged when the next is asked for."""
        if self._first:
            yield self._first
        if self._chunks is None:
            return
        taken = len(self._first)
        while True:
            if taken >= frames.ACKNOWLEDGE // 2:
                self.connection.send_credit(self.ident, taken)
                taken = 0
            chunk = self._chunks.get()
            if chunk is None:
                return
            taken += len(chunk)
            if chunk:
                yield chunk

    def _spend(self, count):
        with self._has_credit:
            self._has_credit.wait_for(lambda: self._credit >= count or self.cancelled)
            self._credit -= count

    def answer(self, value):
        if self.head["kind"] == "event":
            data = json.dumps(value, ensure_ascii=False).encode()
            self.connection.send_response(self.ident, 200, [["content-type", "application/json"]], data, True)
            return
        response = Response.of(value)
        pairs, data, chunks = response.wire()
        if response.status in NO_BODY or self.head["method"] == "HEAD":
            self.connection.send_response(self.ident, response.status, pairs, b"", True)
        elif data is not None and len(data) <= frames.WINDOW // 4:
            self.connection.send_response(self.ident, response.status, pairs, data, True)
        else:
            self.connection.send_response(self.ident, response.status, pairs, b"", False)
            self._stream([data] if data is not None else chunks)

    def _stream(self, chunks):
        for chunk in chunks:
            view = memoryview(chunk.encode() if isinstance(chunk, str) else chunk)
            for at in range(0, len(view), 65536):
                part = bytes(view[at : at + 65536])
                self._spend(len(part))
                if self.cancelled:
                    return
                self.connection.send_body(self.ident, part, False)
        self.connection.send_body(self.ident, b"", True)

    def fail(self, error):
        stack = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        report = {"name": type(error).__name__, "message": str(error), "stack": stack}
        self.connection.send_json(frames.ERROR, self.ident, report)

    def arguments(self):
        """What the handler is called with."""
        ctx = Context(self.head, lambda: self.cancelled)
        if self.head["kind"] != "event":
            return Request(self.head, self.body()), ctx
        event, data = dict(self.head["event"]), b"".join(self.body())
        kind = event.get("datacontenttype") or "application/json"
        is_json = kind.split(";")[0].strip().endswith(("/json", "+json"))
        event["data"] = (json.loads(data) if is_json else data) if data else None
        return event, ctx


class Threads:
    """Runs plain handlers, each call in a thread of a pool that grows as needed."""

    def __init__(self, handler):
        self._handler = handler
        self._work = SimpleQueue()
        self._idle = 0
        self._count = 0
        self._lock = threading.Lock()

    def submit(self, exchange, done):
        with self._lock:
            if self._idle > 0:
                self._idle -= 1
            elif self._count < THREADS:
                self._count += 1
                threading.Thread(target=self._loop, daemon=True).start()
        self._work.put((exchange, done))

    def _loop(self):
        while True:
            exchange, done = self._work.get()
            try:
                exchange.answer(self._handler(*exchange.arguments()))
            except OSError if exchange.cancelled else ():
                pass
            except Exception as error:
                exchange.fail(error)
            finally:
                done(exchange)
                with self._lock:
                    self._idle += 1


class Loop:
    """Runs async handlers on one event loop; what blocks (reading a streamed body, sending) happens in threads."""

    def __init__(self, handler):
        import asyncio

        self._handler, self._asyncio = handler, asyncio
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def submit(self, exchange, done):
        self._asyncio.run_coroutine_threadsafe(self._serve(exchange, done), self._loop)

    async def _serve(self, exchange, done):
        try:
            blocks = exchange._chunks is not None
            arguments = await self._asyncio.to_thread(self._read, exchange) if blocks else exchange.arguments()
            value = await self._handler(*arguments)
            if hasattr(getattr(value, "body", None), "__aiter__"):
                value.body = [chunk async for chunk in value.body]
            await self._asyncio.to_thread(exchange.answer, value) if _is_large(value) else exchange.answer(value)
        except Exception as error:
            exchange.fail(error)
        finally:
            done(exchange)

    @staticmethod
    def _read(exchange):
        request, ctx = exchange.arguments()
        if isinstance(request, Request):
            request.body  # noqa: B018  reads it here, so that the loop never waits for bytes
        return request, ctx


def _is_large(value):
    body = value.body if isinstance(value, Response) else value
    return not isinstance(body, (str, bytes, dict, type(None))) or isinstance(body, (str, bytes)) and len(body) > 65536


def main():
    # User code must not be able to speak for the kit.
    address, token = os.environ.pop("SF_WORKER_SOCKET"), os.environ.pop("SF_WORKER_TOKEN")
    connection = frames.Connection(address)
    try:
        handler = load(os.environ["SF_HANDLER_FILE"], os.environ["SF_HANDLER_EXPORT"])
    except Fatal as error:
        stack = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        report = {"token": token, "code": error.code, "message": str(error), "stack": stack}
        connection.send_json(frames.FATAL, 0, report)
        os._exit(1)
    code = getattr(getattr(handler, "__func__", handler), "__code__", None)
    runner = Loop(handler) if code is not None and code.co_flags & _COROUTINE else Threads(handler)
    connection.send_json(frames.READY, 0, {"token": token, "kit": "python/1"})
    exchanges = {}

    def done(exchange):
        exchanges.pop(exchange.ident, None)

    for kind, ident, payload in connection.frames():
        if kind == frames.REQUEST:
            end = 5 + int.from_bytes(payload[1:5], "big")
            last = payload[0] & frames.END != 0
            exchange = Exchange(connection, ident, json.loads(payload[5:end]), payload[end:], last)
            exchanges[ident] = exchange
            runner.submit(exchange, done)
        elif ident in exchanges:
            exchange = exchanges[ident]
            if kind == frames.BODY:
                exchange.receive(payload[1:], payload[0] & frames.END != 0)
            elif kind == frames.CREDIT:
                exchange.grant(int.from_bytes(payload, "big"))
            elif kind == frames.CANCEL:
                exchange.cancel()
    # Without the host there is nobody to work for.
    sys.stdout.flush()
    os._exit(0)
