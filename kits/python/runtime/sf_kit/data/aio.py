"""The resources in async handlers: the same calls, each in a thread, so that the event loop never waits."""

import asyncio


def awaited(name):
    async def method(self, *args, **kwargs):
        return await asyncio.to_thread(getattr(self._sync, name), *args, **kwargs)

    method.__name__ = name
    return method


class Wrapper:
    def __init__(self, sync):
        self._sync = sync


class AsyncPages(Wrapper):
    page = awaited("page")

    async def __aiter__(self):
        pages, end = self._sync.pages(), object()
        while True:
            page = await asyncio.to_thread(next, pages, end)
            if page is end:
                return
            for item in page.items:
                yield item


class AsyncTable(Wrapper):
    get, put, delete = awaited("get"), awaited("put"), awaited("delete")

    def query(self, *args, **kwargs):
        return AsyncPages(self._sync.query(*args, **kwargs))

    def scan(self, *args, **kwargs):
        return AsyncPages(self._sync.scan(*args, **kwargs))

    def version(self, item):
        return self._sync.version(item)


class AsyncObject(Wrapper):
    read, bytes, text, json = awaited("read"), awaited("bytes"), awaited("text"), awaited("json")

    def __getattr__(self, name):
        if name in ("size", "etag", "content_type", "metadata", "modified"):
            return getattr(self._sync, name)
        raise AttributeError(name)

    async def __aiter__(self):
        while True:
            chunk = await asyncio.to_thread(self._sync.read, 65536)
            if not chunk:
                return
            yield chunk

    def close(self):
        self._sync.close()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.close()


class AsyncBucket(Wrapper):
    head, delete, url = awaited("head"), awaited("delete"), awaited("url")

    async def get(self, key, range=None):
        found = await asyncio.to_thread(self._sync.get, key, range)
        return None if found is None else AsyncObject(found)

    async def put(self, key, body, **more):
        """The body may be an async iterable too, as a request's `stream()` is."""
        if isinstance(body, AsyncObject):
            body = body._sync
        elif hasattr(body, "__aiter__"):
            body = pulled(body, asyncio.get_running_loop())
        return await asyncio.to_thread(self._sync.put, key, body, **more)

    def list(self, *args, **kwargs):
        return AsyncPages(self._sync.list(*args, **kwargs))


def pulled(chunks, loop):
    """A plain iterator over an async one, for another thread than the loop's."""
    iterator, end = chunks.__aiter__(), object()

    async def advance():
        try:
            return await iterator.__anext__()
        except StopAsyncIteration:
            return end

    def ask():
        return asyncio.run_coroutine_threadsafe(advance(), loop).result()

    return iter(ask, end)


class AsyncQueue(Wrapper):
    send = awaited("send")


class AsyncTopic(Wrapper):
    publish = awaited("publish")


class AsyncSocket(Wrapper):
    send, close = awaited("send"), awaited("close")


class AsyncResources(Wrapper):
    call, secret = awaited("call"), awaited("secret")

    def table(self, name):
        return AsyncTable(self._sync.table(name))

    def bucket(self, name):
        return AsyncBucket(self._sync.bucket(name))

    def queue(self, name):
        return AsyncQueue(self._sync.queue(name))

    def topic(self, name):
        return AsyncTopic(self._sync.topic(name))

    def socket(self, name):
        return AsyncSocket(self._sync.socket(name))
