"""One invocation: what `ctx` knows of it, and the user's handler, plain or async."""

import os
from time import time

from sf_kit.context import Context
from sf_kit.http import Request, Response
from sf_kit.worker import THREADS, is_async

from .http import LARGEST, NO_BODY


class Exited(Exception):
    """The handler tried to end the process: on Lambda that would cost the next event too."""


def never():
    """Nobody tells Lambda that the client has gone."""
    return False


def trace_of(given, xray, ident):
    """The W3C trace: the caller's, or X-Ray's, or a new one."""
    if given and len(given) == 55 and all(part in "-0123456789abcdefABCDEF" for part in given):
        return given
    fields = dict(part.split("=", 1) for part in (xray or "").split(";") if "=" in part)
    root, parent = fields.get("Root", "").replace("-", "")[1:], fields.get("Parent", "")
    if len(root) == 32 and len(parent) == 16:
        return f"00-{root}-{parent}-{'00' if fields.get('Sampled') == '0' else '01'}"
    digits = ident.replace("-", "")
    return f"00-{digits}-{digits[:16]}-01"


class Invocation:
    """What Lambda's context says."""

    def __init__(self, context):
        self.id = context.aws_request_id
        client = getattr(context, "client_context", None)
        self.custom = getattr(client, "custom", None) or {}
        self._deadline_ms = time() * 1000 + context.get_remaining_time_in_millis()

    def opened(self, event):
        """The event without the envelope of a function that calls: from here on it is as if the client context had said who it is."""
        call = event.get("sf-call") if isinstance(event, dict) else None
        # What `sf invoke` passes is a payload, whatever it looks like.
        if not isinstance(call, dict) or not isinstance(call.get("from"), str) or self.is_call:
            return event
        self.custom = {"sf-caller": call["from"], "traceparent": call.get("traceparent")}
        return event.get("payload")

    @property
    def is_call(self):
        """Whether it says who calls."""
        return "sf-caller" in self.custom or "sf-invoke" in self.custom

    def failed(self, error):
        """A line of log for an error that Lambda is not told of in any other way."""
        from traceback import format_exception

        from sf_kit.logs import write

        stack = "".join(format_exception(type(error), error, error.__traceback__))
        # The same words in all kits: a rollout looks for them (docs/providers/aws.md).
        fields = {"error": f"{type(error).__name__}: {error}", "stack": stack}
        write(Context(self.head(), never), "error", "the handler failed", fields)

    def head(self, traceparent=None, **more):
        """A head as the worker protocol has it (docs/worker-protocol.md)."""
        trace = trace_of(traceparent, os.environ.get("_X_AMZN_TRACE_ID"), self.id)
        return {"id": self.id, "deadline_ms": self._deadline_ms, "trace": trace, **more}


def runner_for(handler):
    return Async(handler) if is_async(handler) else Plain(handler)


class Gathered:
    """The chunks of a body, which leaves at its end: HTTP APIs do not stream."""

    def __init__(self):
        self._parts, self._size = [], 0

    def add(self, chunk):
        from sf_kit.exchange import pieces

        for part in pieces(chunk):
            self._size += len(part)
            if self._size > LARGEST:
                raise OverflowError(f"the answer has more than {LARGEST} bytes, Lambda's limit: hand out a link to an object instead")
            self._parts.append(part)

    def bytes(self):
        return b"".join(self._parts)


class Plain:
    """Runs a plain handler, in the thread in which Lambda calls."""

    def __init__(self, handler):
        self._handler = handler

    def _call(self, *arguments):
        try:
            return self._handler(*arguments)
        except SystemExit as error:
            raise Exited(f"SystemExit: {error}") from error

    def event(self, head, event):
        """What the handler returned."""
        return self._call(event, Context(head, never))

    def http(self, head, body):
        """The Response and its body's bytes."""
        request = Request(head, [body] if body else [])
        response = Response.of(self._call(request, Context(head, never)))
        _, data, chunks = response.wire()
        if chunks is None:
            return response, data
        from sf_kit.exchange import close

        gathered = Gathered()
        try:
            # What the answer has no place for is closed unread.
            for chunk in () if response.status in NO_BODY or head["method"] == "HEAD" else chunks:
                gathered.add(chunk)
        finally:
            close(chunks)
        return response, gathered.bytes()


class Async:
    """Runs an async handler, on one event loop for all invocations: what was opened in one is still good in the next."""

    def __init__(self, handler):
        import asyncio
        from concurrent.futures import ThreadPoolExecutor

        import sf_kit.aio  # noqa: F401

        self._handler = handler
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(THREADS, "sf"))

    def _run(self, coroutine):
        try:
            return self._loop.run_until_complete(coroutine)
        except SystemExit as error:
            raise Exited(f"SystemExit: {error}") from error

    def event(self, head, event):
        from sf_kit.aio import AsyncContext

        return self._run(self._handler(event, AsyncContext(head, never)))

    def http(self, head, body):
        return self._run(self._http(head, body))

    async def _http(self, head, body):
        from sf_kit.aio import AsyncContext, AsyncRequest, chunks_of
        from sf_kit.exchange import close

        request = AsyncRequest(head, None)
        request._bytes = body
        response = Response.of(await self._handler(request, AsyncContext(head, never)))
        _, data, chunks = response.wire()
        if chunks is None:
            return response, data
        gathered = Gathered()
        try:
            if response.status not in NO_BODY and head["method"] != "HEAD":
                async for chunk in chunks_of(chunks):
                    gathered.add(chunk)
        finally:
            if hasattr(chunks, "aclose"):
                await chunks.aclose()
            else:
                close(chunks)
        return response, gathered.bytes()
