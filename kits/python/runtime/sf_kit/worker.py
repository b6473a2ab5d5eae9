"""Loads the handler and answers requests: each in a thread, on one event loop where the handler is async, or one by one for Lambda's interface."""

import json
import os
import sys
from _queue import SimpleQueue
from _thread import allocate_lock, start_new_thread

from .context import Context

THREADS = 32
_COROUTINE = 0x80  # inspect.CO_COROUTINE, without the import


class Fatal(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def load(file, name, root=None):
    """The handler: a callable of the module in `file`, which is relative to the artifact's root."""
    root = root or os.getcwd()
    path = os.path.abspath(os.path.join(root, file))
    if not os.path.isfile(path):
        raise Fatal("handler-file-missing", f"handler file `{file}` is not in the artifact")
    add_to_path(root, os.path.dirname(path))
    dotted = os.path.splitext(file)[0].replace("\\", "/").replace("/", ".")
    try:
        if all(part.isidentifier() for part in dotted.split(".")) and dotted not in sys.modules:
            module = __import__(dotted, fromlist=["_"])
        else:
            module = load_file(path)
    except BaseException as error:
        raise Fatal("load-failed", f"load `{file}`: {type(error).__name__}: {error}") from error
    handler = getattr(module, name, None)
    if not callable(handler):
        has = ", ".join(key for key, value in vars(module).items() if callable(value) and not key.startswith("_"))
        raise Fatal("export-missing", f"`{file}` has no function `{name}`; it has: {has or 'none'}")
    return handler


def add_to_path(root, folder):
    """Both `from src import helpers` from the root and `import helpers` beside the handler work."""
    if root not in sys.path:
        sys.path.insert(0, root)
    if folder not in sys.path:
        # Behind the standard library: `src/queue.py` must not become everybody's `queue`.
        packages = (at for at, entry in enumerate(sys.path) if entry.endswith(("site-packages", "dist-packages")))
        sys.path.insert(next(packages, len(sys.path)), folder)


def load_file(path):
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("sf_handler", path)
    module = module_from_spec(spec)
    sys.modules["sf_handler"] = module
    spec.loader.exec_module(module)
    return module


def is_async(handler):
    """Whether calling it makes a coroutine: a function, a method, or an object that is called like one."""
    for candidate in (handler, getattr(type(handler), "__call__", None)):
        code = getattr(getattr(candidate, "__func__", candidate), "__code__", None)
        if code is not None:
            return code.co_flags & _COROUTINE != 0
    return False


class Portable:
    """The interface of `portable` handlers, called with a Request or an event, and ctx."""

    def arguments(self, exchange):
        ctx = Context(exchange.head, lambda: exchange.cancelled)
        if exchange.head["kind"] == "http":
            from .http import Request

            return Request(exchange.head, exchange.body), ctx
        from .events import cloud_event

        return cloud_event(exchange.head["event"], b"".join(exchange.body)), ctx

    def result(self, _exchange, value):
        return value


def serve(exchange, handler, interface, done):
    """Calls the handler and sends the answer, whatever happens."""
    try:
        value = handler(*interface.arguments(exchange))
        exchange.answer(interface.result(exchange, value))
    except BaseException as error:  # SystemExit too: somebody waits for the answer
        report(exchange, error)
    finally:
        done(exchange)


def report(exchange, error):
    try:
        exchange.fail(error)
    except OSError:
        pass  # the host is gone, and the reading thread ends the process


class Threads:
    """Runs plain handlers, each call in a thread of a pool that grows as needed."""

    def __init__(self, handler, interface):
        self._call = handler, interface
        self._work = SimpleQueue()
        self._idle = 0
        self._count = 0
        self._lock = allocate_lock()

    def submit(self, exchange, done):
        with self._lock:
            if self._idle > 0:
                self._idle -= 1
            elif self._count < THREADS:
                self._count += 1
                start_new_thread(self._loop, ())
        self._work.put((exchange, done))

    def _loop(self):
        while True:
            exchange, done = self._work.get()
            serve(exchange, *self._call, done)
            with self._lock:
                self._idle += 1

    def run(self, read):
        read()


class OneByOne:
    """Runs Lambda handlers as Lambda does: one call at a time, in the main thread (for signals, and for frameworks with a loop there)."""

    def __init__(self, handler, interface):
        self._call = handler, interface
        self._work = SimpleQueue()

    def submit(self, exchange, done):
        self._work.put((exchange, done))

    def run(self, read):
        start_new_thread(read, ())
        while True:
            exchange, done = self._work.get()
            serve(exchange, *self._call, done)


def runner_for(handler, interface):
    if not isinstance(interface, Portable):
        return OneByOne(handler, interface)
    if is_async(handler):
        from .aio import Loop

        return Loop(handler)
    return Threads(handler, interface)


def interface_from(environ):
    if environ.get("SF_INTERFACE") != "lambda":
        return Portable()
    from .aws import LambdaInterface, install_environment

    interface = LambdaInterface(environ)
    install_environment(environ, interface.names, environ["SF_HANDLER_FILE"], environ["SF_HANDLER_EXPORT"])
    return interface


def read(connection, runner):
    """Hands the host's frames out until the host is gone."""
    from . import frames
    from .exchange import Exchange

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
            continue
        exchange = exchanges.get(ident)
        if exchange is None:
            continue  # it is over: its frames crossed ours on the way
        if kind == frames.BODY:
            exchange.body.receive(payload[1:], payload[0] & frames.END != 0)
        elif kind == frames.CREDIT:
            exchange.grant(int.from_bytes(payload, "big"))
        elif kind == frames.CANCEL:
            exchange.cancel()
    # Without the host there is nobody to work for.
    sys.stdout.flush()
    os._exit(0)


def data_api(source):
    """The driver of `ctx` here; `source` is (url, token)."""

    def driver(ctx):
        from .data.transport import DataApi

        return DataApi(source, ctx.trace, ctx.deadline)

    return driver


def main():
    # Here and in `read`, since where there is no such host only `load` is wanted of this module.
    from . import frames

    # User code must not be able to speak for the kit.
    address, token = os.environ.pop("SF_WORKER_SOCKET"), os.environ.pop("SF_WORKER_TOKEN")
    data = os.environ.pop("SF_DATA_URL", None), os.environ.pop("SF_DATA_TOKEN", None)
    if all(data):
        Context.driver = data_api(data)
    connection = frames.Connection(address)
    try:
        interface = interface_from(os.environ)
        handler = load(os.environ["SF_HANDLER_FILE"], os.environ["SF_HANDLER_EXPORT"])
        runner = runner_for(handler, interface)
    except Fatal as error:
        from traceback import format_exception

        stack = "".join(format_exception(type(error), error, error.__traceback__))
        description = {"token": token, "code": error.code, "message": str(error), "stack": stack}
        connection.send_json(frames.FATAL, 0, description)
        os._exit(1)
    connection.send_json(frames.READY, 0, {"token": token, "kit": "python/1"})
    runner.run(lambda: read(connection, runner))
