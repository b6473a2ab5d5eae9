"""Async handlers: one event loop, and the same members as everywhere, each awaited where it may wait. Loaded only for them."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from _queue import Empty

from .context import Context
from .exchange import _Unread, close, pieces
from .http import RequestHead
from .worker import THREADS, report


class AsyncRequest(RequestHead):
    """An HTTP request: `await request.json()`, `await request.text()`, `await request.body`, `async for chunk in request.stream()`."""

    async def stream(self):
        """The body's chunks as they come; each is bytes."""
        if self._bytes is not None:
            if self._bytes:
                yield self._bytes
            return
        async for chunk in arriving(self._body):
            yield chunk

    async def _read(self):
        if self._bytes is None:
            self._bytes = b"".join([chunk async for chunk in arriving(self._body)])
        return self._bytes

    @property
    def body(self):
        """The whole body, to be awaited."""
        return self._read()

    async def text(self):
        return (await self._read()).decode()

    async def json(self):
        import json

        return json.loads(await self._read())


async def arriving(incoming):
    """The chunks of an Incoming."""
    loop, came = asyncio.get_running_loop(), asyncio.Event()
    incoming.arrived = lambda: loop.call_soon_threadsafe(came.set)
    while True:
        came.clear()
        try:
            chunk = incoming.next(block=False)
        except Empty:
            await came.wait()
            continue
        if chunk is None:
            return
        yield chunk


class AsyncContext(Context):
    """As Context; what reaches a resource is awaited, what iterates is iterated with `async for`."""

    def _reach(self, what):
        from .data.aio import AsyncResources

        return AsyncResources(super()._reach(what))


async def chunks_of(body):
    """The chunks of any body; a plain iterable may block, so it runs in threads."""
    if hasattr(body, "__aiter__"):
        async for chunk in body:
            yield chunk
        return
    iterator, end = iter(body), object()
    while True:
        chunk = await asyncio.to_thread(next, iterator, end)
        if chunk is end:
            return
        yield chunk


async def spend(exchange, count):
    loop = asyncio.get_running_loop()
    while True:
        granted = asyncio.Event()
        if exchange.spend(count, lambda granted=granted: loop.call_soon_threadsafe(granted.set)):
            return
        await granted.wait()


async def answer(exchange, value):
    """As Exchange.answer, without ever waiting in the loop."""
    chunks = exchange.begin(value)
    try:
        if chunks is None or isinstance(chunks, _Unread):
            return
        async for chunk in chunks_of(chunks):
            for part in pieces(chunk):
                await spend(exchange, len(part))
                if exchange.cancelled:
                    return
                exchange.send(part)
        exchange.end()
    finally:
        source = chunks.chunks if isinstance(chunks, _Unread) else chunks
        if hasattr(source, "aclose"):
            await source.aclose()
        else:
            close(source)


class Loop:
    """Runs async handlers on one event loop."""

    def __init__(self, handler):
        self._handler = handler
        self._loop = asyncio.new_event_loop()
        # What asyncio gives itself is a few threads for each core: too few for calls that only wait.
        self._loop.set_default_executor(ThreadPoolExecutor(THREADS, "sf"))
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def submit(self, exchange, done):
        asyncio.run_coroutine_threadsafe(self._serve(exchange, done), self._loop)

    def run(self, read):
        read()

    async def _serve(self, exchange, done):
        try:
            value = await self._handler(*await self._arguments(exchange))
            await answer(exchange, value)
        except BaseException as error:
            report(exchange, error)
        finally:
            done(exchange)

    async def _arguments(self, exchange):
        ctx = AsyncContext(exchange.head, lambda: exchange.cancelled)
        if exchange.head["kind"] == "http":
            return AsyncRequest(exchange.head, exchange.body), ctx
        from .events import cloud_event

        body = b"".join([chunk async for chunk in arriving(exchange.body)])
        return cloud_event(exchange.head["event"], body), ctx
