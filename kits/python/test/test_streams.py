"""Bodies that are streamed, both ways, in plain and in async handlers."""

import json
import struct
import unittest

from .host import BODY, CANCEL, CREDIT, ERROR, RESPONSE, Worker, http_head

ECHO = """
    from sf_kit import Response
    def handler(request, ctx):
        return Response(chunk.upper() for chunk in request.stream())
"""
ASYNC_ECHO = """
    from sf_kit import Response
    async def handler(request, ctx):
        async def upper():
            async for chunk in request.stream():
                yield chunk.upper()
        return Response(upper())
"""
LARGE = """
    from sf_kit import Response
    {prefix}def handler(request, ctx):
        {prefix}def parts():
            try:
                while True:
                    yield bytes(100_000)
            finally:
                print("closed", flush=True)
        return Response(parts())
"""


class Streams(unittest.TestCase):
    def exchange(self, worker):
        """Each chunk is answered before the next is sent."""
        ident = worker.request(http_head("POST"), b"first", last=False)
        kind, _, payload = worker.frame()
        self.assertEqual(kind, RESPONSE)
        length = struct.unpack(">I", payload[1:5])[0]
        got = [payload[5 + length :]] if payload[5 + length :] else []
        for sent in (b"second", b"third"):
            if not got:
                got.append(worker.frame()[2][1:])
            worker.send(BODY, ident, b"\0" + sent)
            got.append(worker.frame()[2][1:])
        worker.send(BODY, ident, b"\1")
        kind, _, payload = worker.frame()
        self.assertEqual((kind, payload), (BODY, b"\1"))
        self.assertEqual(got, [b"FIRST", b"SECOND", b"THIRD"])

    def test_chunks_go_out_while_others_come_in(self):
        for code in (ECHO, ASYNC_ECHO):
            with self.subTest(code=code), Worker({"handler.py": code}) as worker:
                self.exchange(worker)

    def test_async_requests_are_read_at_once_too(self):
        code = """
            async def handler(request, ctx):
                kind = ctx.params["kind"]
                if kind == "json":
                    return await request.json()
                return await request.text() if kind == "text" else [len(await request.body), len(await request.body), request.path]
        """
        with Worker({"handler.py": code}) as worker:
            of = lambda kind: worker.http("POST", body=b'{"a": 1}', params={"kind": kind})[2]
            self.assertEqual((of("json"), of("text"), json.loads(of("body"))), (b'{"a": 1}', b'{"a": 1}', [8, 8, "/"]))

    def test_a_sender_waits_for_credit(self):
        for prefix in ("", "async "):
            with self.subTest(prefix=prefix), Worker({"handler.py": LARGE.format(prefix=prefix)}) as worker:
                ident = worker.request(http_head())
                self.assertEqual(worker.frame()[0], RESPONSE)
                # Pieces of 65,536 and 34,464 bytes: after twenty the next does not fit the window of 1 MiB.
                received = sum(len(worker.frame()[2]) - 1 for _ in range(20))
                self.assertEqual(received, 1_000_000)
                other = worker.request(http_head())
                self.assertEqual(worker.frame()[:2], (RESPONSE, other), "and not more of the first")
                worker.send(CREDIT, ident, struct.pack(">I", received))
                while worker.frame()[1] != ident:
                    pass  # the second stream fills its own window
                worker.send(CANCEL, ident, b"")
                self.assertEqual(self.until_closed(worker), "closed\n")

    def until_closed(self, worker):
        """What the handler printed once its generator was closed; frames that were under way are left."""
        return worker.process.stdout.readline().decode()

    def test_a_stream_that_fails_is_cut_off(self):
        code = """
            from sf_kit import Response
            {prefix}def handler(request, ctx):
                {prefix}def parts():
                    yield b"one"
                    raise ValueError("no more")
                return Response(parts())
        """
        for prefix in ("", "async "):
            with self.subTest(prefix=prefix), Worker({"handler.py": code.format(prefix=prefix)}) as worker:
                worker.request(http_head())
                kinds = [worker.frame() for _ in range(3)]
                self.assertEqual([frame[0] for frame in kinds], [RESPONSE, BODY, ERROR])
                self.assertEqual(json.loads(kinds[2][2])["message"], "no more")

    def test_a_cancelled_upload_does_not_pass_for_a_whole_one(self):
        code = """
            {prefix}def handler(request, ctx):
                try:
                    {wait}request.body
                except ConnectionError as error:
                    print(ctx.cancelled, error, flush=True)
                    raise
        """
        for prefix, wait in (("", ""), ("async ", "await ")):
            with self.subTest(prefix=prefix), Worker({"handler.py": code.format(prefix=prefix, wait=wait)}) as worker:
                ident = worker.request(http_head("POST"), b"half", last=False)
                worker.send(CANCEL, ident, b"")
                said = self.until_closed(worker)
                self.assertEqual(said, "True the request was cancelled while its body was read\n")

    def test_a_stream_for_head_is_closed_unread(self):
        with Worker({"handler.py": LARGE.format(prefix="")}) as worker:
            self.assertEqual(worker.http("HEAD")[2], b"")
            self.assertEqual(worker.http("HEAD")[0], 200)

    def test_a_large_answer_to_an_event_flows(self):
        with Worker({"handler.py": "def handler(event, ctx):\n    return 'x' * 3_000_000\n"}) as worker:
            self.assertEqual(len(worker.event(b"1")[2]), 3_000_002)


class Events(unittest.TestCase):
    def test_data_by_its_type(self):
        code = "def handler(event, ctx):\n    return [type(event['data']).__name__, repr(event['data'])]\n"
        with Worker({"handler.py": code}) as worker:
            of = lambda data, kind, **more: json.loads(worker.event(data, kind, **more)[2])
            self.assertEqual(of("é".encode(), "text/plain; charset=utf-8"), ["str", "'é'"])
            self.assertEqual(of(b"", "text/plain"), ["str", "''"])
            self.assertEqual(of(b'{"$bytes": "aGk="}', "application/json"), ["dict", "{'$bytes': 'aGk='}"])
            self.assertEqual(of(b"[1]", "application/problem+json"), ["list", "[1]"])
            self.assertEqual(of(b"", "application/json"), ["NoneType", "None"])
            queue = b'{"messages": [{"id": "1", "body": {"$bytes": "aGk="}}, {"id": "2", "body": {"$bytes": "x", "more": 1}}]}'
            got = of(queue, "application/json", type="sf.queue")[1]
            self.assertEqual(got, "{'messages': [{'id': '1', 'body': b'hi'}, {'id': '2', 'body': {'$bytes': 'x', 'more': 1}}]}")
            table = b'{"change": "insert", "key": {"id": {"$bytes": "aGk="}}, "before": null, "after": {"deep": [{"$bytes": "aGk="}]}}'
            got = of(table, "application/json", type="sf.table")[1]
            self.assertEqual(got, "{'change': 'insert', 'key': {'id': b'hi'}, 'before': None, 'after': {'deep': [b'hi']}}")

    def test_attributes_of_a_topic(self):
        with Worker({"handler.py": "def handler(event, ctx):\n    return event['attributes']\n"}) as worker:
            self.assertEqual(worker.event(b"1", attributes={"kind": "new"})[2], b'{"kind": "new"}')


class Loading(unittest.TestCase):
    def test_a_handler_may_be_named_like_a_module_of_the_standard_library(self):
        files = {"src/queue.py": "import beside\nasync def handler(event, ctx): return beside.A\n", "src/beside.py": "A = 1\n"}
        with Worker(files, file="src/queue.py") as worker:
            self.assertEqual(worker.run(), 1)
        with Worker({"json.py": "def handler(event, ctx): return 1\n"}, file="json.py") as worker:
            self.assertEqual(worker.run(), 1)

    def test_an_object_with_an_async_call_is_an_async_handler(self):
        code = """
            class Handler:
                async def __call__(self, event, ctx):
                    return "awaited"
            handler = Handler()
        """
        with Worker({"handler.py": code}) as worker:
            self.assertEqual(worker.run(), "awaited")

    def test_a_coroutine_from_a_plain_handler_is_explained(self):
        code = "async def inner(): pass\ndef handler(request, ctx): return inner()\n"
        with Worker({"handler.py": code}) as worker:
            self.assertIn("async def", worker.http()["message"])

    def test_an_exit_in_a_handler_is_an_answer(self):
        with Worker({"handler.py": "def handler(event, ctx): raise SystemExit(3)\n"}) as worker:
            self.assertEqual(worker.event(b"1")["name"], "SystemExit")


if __name__ == "__main__":
    unittest.main()
