import json
import textwrap
import time
import unittest

from .data_api import DataApi
from .host import Worker

SYNC = """
from sf_kit import Conflict, NotFound, NotGranted, SfError, TooLarge
def handler(event, ctx):
{}
"""
ASYNC = """
from sf_kit import Conflict, NotFound, NotGranted, SfError, TooLarge
async def handler(event, ctx):
{}
"""


class Ctx(unittest.TestCase):
    def setUp(self):
        self.api = DataApi()
        self.addCleanup(self.api.close)
        self.api.tables["profiles"] = {"key": ["id"], "items": {}}
        self.api.tables["log"] = {"key": ["day", "at"], "items": {}}

    def run_body(self, body, data=None, template=SYNC):
        """What a handler with this body returns."""
        code = template.format(textwrap.indent(textwrap.dedent(body), "    "))
        with Worker({"handler.py": code}, env=self.api.env) as worker:
            return worker.run(data)


class Tables(Ctx):
    def test_items_are_read_as_they_were_written(self):
        got = self.run_body("""
            table = ctx.table("profiles")
            item = {"id": "7", "n": 1.5, "blob": b"\\0\\xff", "deep": [{"b": bytearray(b"x")}], "no": None, "t": (1, 2)}
            version = table.put(item)
            found = table.get({"id": "7"})
            return [version, table.version(found), repr(dict(found)), table.get({"id": "8"})]
        """)
        item = {"id": "7", "n": 1.5, "blob": b"\0\xff", "deep": [{"b": b"x"}], "no": None, "t": [1, 2]}
        self.assertEqual(got, ["v1", "v1", repr(item), None])

    def test_conditions(self):
        got = self.run_body("""
            table, said = ctx.table("profiles"), []
            def attempt(act):
                try:
                    said.append(act())
                except Conflict as error:
                    said.append([error.code, error.status, isinstance(error, SfError)])
            attempt(lambda: table.put({"id": "7"}, if_absent=True))
            attempt(lambda: table.put({"id": "7"}, if_absent=True))
            item = table.get({"id": "7"})
            item["n"] = 1
            attempt(lambda: table.put(item, if_version=table.version(item)))
            attempt(lambda: table.version(item))
            attempt(lambda: table.put(item, if_version="v1"))
            attempt(lambda: table.delete({"id": "7"}, if_version="v1"))
            attempt(lambda: table.delete({"id": "7"}))
            attempt(lambda: table.delete({"id": "7"}))
            return said
        """)
        conflict = ["conflict", 409, True]
        self.assertEqual(got, ["v1", conflict, "v2", "v2", conflict, conflict, True, False])

    def test_queries_page_by_themselves(self):
        items = {f"{n}": {"item": {"day": "mon", "at": n}, "version": "v"} for n in range(250)}
        self.api.tables["log"]["items"] = items
        got = self.run_body("""
            table = ctx.table("log")
            at = lambda items: [item["at"] for item in items]
            page = table.query("mon", sort={"gte": 10}, limit=3).page()
            return {
                "all": len(list(table.query("mon"))), "scan": len(list(table.scan())), "none": list(table.query("tue")),
                "limit": len(list(table.scan(limit=120))), "page": at(page), "next": at(table.query("mon", {"gte": 10}, limit=2, cursor=page.cursor)),
                "reverse": at(table.query("mon", reverse=True, limit=2)), "between": at(table.query("mon", {"between": [3, 5]})),
                "last": table.query("mon", {"lt": 2}).page().cursor,
            }
        """)
        expected = {"all": 250, "scan": 250, "none": [], "limit": 120, "page": [10, 11, 12], "next": [13, 14]}
        self.assertEqual(got, {**expected, "reverse": [249, 248], "between": [3, 4, 5], "last": None})

    def test_what_json_cannot_say_is_refused_with_its_place(self):
        got = self.run_body("""
            from datetime import datetime
            from decimal import Decimal
            said = []
            for value in (datetime(2026, 1, 1), {1}, {"a": [Decimal("0.10000000000000000000000001")]}, 1 << 70, float("nan"), {1: 2}):
                try:
                    ctx.table("profiles").put({"id": "7", "x": value})
                except (TypeError, ValueError) as error:
                    said.append(f"{type(error).__name__}: {error}")
            ctx.table("profiles").put({"id": "7", "a": Decimal("12.50"), "b": Decimal("7"), "c": Decimal("1E+3")})
            return [said, ctx.table("profiles").get({"id": "7"})]
        """)
        said, item = got
        self.assertEqual(len(said), 6)
        self.assertIn("TypeError: item.x: a datetime has no JSON form: store .isoformat()", said[0])
        self.assertIn("TypeError: item.x: a value of type set", said[1])
        self.assertIn("ValueError: item.x.a[0]: Decimal", said[2])
        self.assertEqual(item, {"id": "7", "a": 12.5, "b": 7, "c": 1000})

    def test_errors_say_what_to_do(self):
        got = self.run_body("""
            said = []
            for act in (lambda: ctx.table("forbidden").get({"id": "7"}), lambda: ctx.table("none").get({"id": "7"}),
                        lambda: ctx.table("profiles").put({"id": "7", "big": "x" * 400_000}), lambda: ctx.secret("unset"),
                        lambda: ctx.call("broken"), lambda: ctx.workflow("w")):
                try:
                    act()
                except SfError as error:
                    said.append([type(error).__name__, error.code, error.status, error.hint, str(error)])
            return said
        """)
        kinds = [(entry[0], entry[1], entry[2]) for entry in got]
        self.assertEqual(kinds[:3], [("NotGranted", "not-granted", 403), ("NotFound", "not-found", 404), ("TooLarge", "too-large", 413)])
        self.assertEqual(kinds[3:5], [("NotFound", "not-found", 404), ("SfError", "function-threw", 502)])
        self.assertEqual(kinds[5], ("NotAvailable", "not-available", 0))
        self.assertEqual(got[0][4], 'get table forbidden: function "f" may not use this\nhint: add it to `uses`')
        self.assertEqual(got[3][3], "sf secret set unset")


class Buckets(Ctx):
    def test_objects_with_their_facts(self):
        got = self.run_body("""
            bucket = ctx.bucket("portraits")
            put = bucket.put("raw/é 7?.json", '{"a": 1}', content_type="application/json", metadata={"Owner": "ada"})
            found = bucket.get("raw/é 7?.json")
            facts = bucket.head("raw/é 7?.json")
            return {
                "put": put, "facts": [found.size, found.content_type, found.metadata, found.etag == put["etag"], found.modified.year],
                "json": found.json(), "head": [facts.size, facts.metadata], "missing": [bucket.get("x"), bucket.head("x")],
                "part": bucket.get("raw/é 7?.json", range=(1, 3)).text(), "rest": bucket.get("raw/é 7?.json", range=(5, None)).bytes().decode(),
                "whole size": bucket.get("raw/é 7?.json", range=(1, 3)).size, "url": bucket.url("k", method="PUT", expires=60),
                "gone": [bucket.delete("raw/é 7?.json"), bucket.delete("raw/é 7?.json"), bucket.get("raw/é 7?.json")],
            }
        """)
        self.assertEqual(got["put"]["size"], 8)
        self.assertEqual(got["facts"], [8, "application/json", {"owner": "ada"}, True, 1970])
        self.assertEqual((got["json"], got["head"], got["missing"]), ({"a": 1}, [8, {"owner": "ada"}], [None, None]))
        self.assertEqual((got["part"], got["rest"], got["whole size"]), ('"a"', " 1}", 8))
        self.assertEqual((got["url"], got["gone"]), ("http://x/k?PUT&60", [None, None, None]))
        self.assertIn("/buckets/portraits/objects/raw%2F%C3%A9%207%3F.json", [path for _, path, _ in self.api.requests])

    def test_conditions_lists_and_odd_keys(self):
        got = self.run_body("""
            bucket = ctx.bucket("b")
            conflicts = 0
            etag = bucket.put("a/1", b"x", if_absent=True)["etag"]
            bucket.put("a/1", b"y", if_match=etag)
            for more in ({"if_absent": True}, {"if_match": etag}):
                try:
                    bucket.put("a/1", b"z", **more)
                except Conflict:
                    conflicts += 1
            for key in ("a/2", "a/b/3", "..", "."):
                bucket.put(key, key)
            deep = bucket.list(prefix="a/", delimiter="/").page()
            return [conflicts, bucket.get("a/1").text(), [entry.key for entry in bucket.list()], [entry.key for entry in deep], deep.prefixes,
                    [entry.key for entry in bucket.list(limit=2)], bucket.list(limit=2).page().cursor, bucket.get("..").text(),
                    next(iter(bucket.list())).modified.isoformat()]
        """)
        expected = [2, "y", [".", "..", "a/1", "a/2", "a/b/3"], ["a/1", "a/2"], ["a/b/"], [".", ".."], "2", ".."]
        self.assertEqual(got, expected + ["2026-01-01T00:00:00+00:00"])

    def test_a_hundred_megabytes_pass_through(self):
        got = self.run_body("""
            import io, tracemalloc
            def stream():
                for _ in range(1600):
                    yield bytes(65536)
            bucket = ctx.bucket("b")
            tracemalloc.start()
            put = bucket.put("big", stream())
            grown = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            file = bucket.put("file", io.BytesIO(b"abc" * 50000))
            return [put["size"], file["size"], bucket.get("file").bytes() == b"abc" * 50000, grown]
        """)
        self.assertEqual(got[:3], [1600 * 65536, 150000, True])
        self.assertLess(got[3], 8 << 20, "bytes in use at once")

    def test_a_download_flows_in_chunks(self):
        data = bytes(range(256)) * 4096
        self.api.objects["b", "k"] = {"data": data, "type": "x/y", "etag": '"e"', "meta": {}}
        got = self.run_body("""
            import hashlib
            digest = hashlib.sha256()
            sizes = []
            for chunk in ctx.bucket("b").get("k"):
                digest.update(chunk)
                sizes.append(len(chunk))
            with ctx.bucket("b").get("k") as found:
                start = found.read(10)
            copied = ctx.bucket("b").put("copy", ctx.bucket("b").get("k"))
            return [digest.hexdigest(), max(sizes), list(start), copied["size"]]
        """)
        import hashlib

        self.assertEqual(got, [hashlib.sha256(data).hexdigest(), 65536, list(range(10)), len(data)])
        self.assertEqual(self.api.objects["b", "copy"]["type"], "x/y")

    def test_what_is_cut_off_is_an_error(self):
        self.api.objects["b", "k"] = {"data": b"half", "type": "x/y", "etag": '"e"', "meta": {}, "lie": 4}
        got = self.run_body("""
            said = []
            for read in (lambda found: found.bytes(), lambda found: list(found)):
                try:
                    read(ctx.bucket("b").get("k"))
                except SfError as error:
                    said.append(error.code)
            def broken():
                yield b"first"
                raise ZeroDivisionError()
            try:
                ctx.bucket("b").put("never", broken())
            except ZeroDivisionError:
                said.append("not stored")
            return [said, ctx.bucket("b").get("never")]
        """)
        self.assertEqual(got, [["unreachable", "unreachable", "not stored"], None])


class Messages(Ctx):
    def test_messages_calls_and_secrets(self):
        got = self.run_body("""
            queue, topic, socket = ctx.queue("mail"), ctx.topic("projects"), ctx.socket("chat")
            return [queue.send({"to": "é"}), queue.send(b"\\0", delay=30), topic.publish("hi", {"kind": "né"}),
                    socket.send("c1", "text"), socket.send("c1", b"\\0"), socket.send("c1", {"a": 1}), socket.send("gone", "x"), socket.close("c1"),
                    socket.send("c1", "late"), ctx.call("match", {"n": 1}), ctx.call("match"), ctx.secret("key"), ctx.secret("key")]
        """)
        expected = ["m1", "m2", "m3", True, True, True, False, None, False]
        self.assertEqual(got[:9], expected)
        self.assertEqual(got[9:], [{"of": "match", "payload": {"n": 1}}, {"of": "match", "payload": None}, "s3cret", "s3cret"])
        self.assertEqual(self.api.sent[0], ("mail", "application/json", '{"to": "é"}'.encode(), None))
        self.assertEqual(self.api.sent[1], ("mail", "application/octet-stream", b"\0", "30"))
        self.assertEqual(json.loads(self.api.sent[2][3]), {"kind": "né"})
        self.assertEqual([path for _, path, _ in self.api.requests].count("/secrets/key"), 1, "the second is from memory")

    def test_the_trace_goes_on_and_the_token_is_hidden(self):
        got = self.run_body("""
            import os, subprocess, sys
            ctx.queue("mail").send(1)
            ctx.call("match")
            shown = subprocess.run([sys.executable, "-c", "import os; print([k for k in os.environ if 'DATA' in k])"], stdout=subprocess.PIPE)
            return [[name for name in os.environ if "DATA" in name], shown.stdout.decode().strip()]
        """)
        self.assertEqual(got, [[], "[]"])
        # The caller's own, also on calls: the host notices a circle of them by it.
        self.assertEqual([path for _, path, _ in self.api.requests], ["/queues/mail/messages", "/functions/match"])
        self.assertEqual([headers["traceparent"] for *_, headers in self.api.requests], ["00-a-b-01"] * 2)


class Connections(Ctx):
    def serve(self, body):
        return Worker({"handler.py": SYNC.format(textwrap.indent(textwrap.dedent(body), "    "))}, env=self.api.env)

    def test_one_connection_serves_calls_in_turn(self):
        with self.serve('return [ctx.table("profiles").get({"id": str(n)}) for n in range(5)] and ctx.bucket("b").head("x")') as worker:
            for _ in range(3):
                worker.run()
        self.assertEqual(self.api.opened, 1)

    def test_a_connection_that_was_dropped_is_opened_again_where_that_is_safe(self):
        body = """
            if event["data"] == "read":
                return ctx.table("profiles").get({"id": "7"})
            try:
                return ctx.queue("mail").send(1)
            except SfError as error:
                return error.code
        """
        with self.serve(body) as worker:
            self.assertIsNone(worker.run("read"))
            self.api.hang_up = 1
            self.assertIsNone(worker.run("read"), "asked again on a new connection")
            self.assertEqual(self.api.opened, 2)
            self.api.hang_up = 1
            self.assertEqual(worker.run("send"), "unreachable", "nobody knows whether the message is there: not sent twice")
            self.assertEqual(worker.run("send"), "m1")

    def test_a_connection_that_ended_while_idle_is_never_used(self):
        """Then even what must not be repeated is safe."""
        with self.serve('return ctx.queue("mail").send(1)') as worker:
            for count in (1, 2, 3):
                self.api.close_next = True
                self.assertEqual(worker.run(), f"m{count}")
                self.assertTrue(self.api.ended.wait(20))
                self.api.ended.clear()
        self.assertEqual(self.api.opened, 3)

    def test_the_deadline_holds(self):
        with self.serve('ctx.table("profiles").get({"id": "7"})') as worker:
            head = {"kind": "event", "event": {"type": "sf.test"}, "deadline_ms": time.time() * 1000 - 1}
            error = worker.answer(worker.request(head))
        self.assertIn("deadline has passed", error["message"])

    def test_without_a_data_api_everything_says_so(self):
        code = SYNC.format('    return [getattr(ctx, name)("x") for name in [event["data"]]]')
        with Worker({"handler.py": code}) as worker:
            for name in ("table", "bucket", "queue", "topic", "socket", "call", "secret", "workflow"):
                error = worker.event(json.dumps(name).encode())
                self.assertEqual(error["name"], "NotAvailable")
                self.assertIn(f"ctx.{name} is not available", error["message"])


class Async(Ctx):
    def test_everything_is_awaited(self):
        self.api.tables["log"]["items"] = {f"{n}": {"item": {"day": "mon", "at": n}, "version": "v"} for n in range(150)}
        got = self.run_body(
            """
            table, bucket = ctx.table("profiles"), ctx.bucket("b")
            version = await table.put({"id": "7", "b": b"x"})
            item = await table.get({"id": "7"})
            counted = 0
            async for _ in ctx.table("log").query("mon"):
                counted += 1
            page = await ctx.table("log").scan(limit=2).page()
            async def stream():
                for _ in range(3):
                    yield b"abc"
            put = await bucket.put("k", stream())
            found = await bucket.get("k")
            chunks = b""
            async for chunk in found:
                chunks += chunk
            copy = await bucket.put("copy", await bucket.get("k"))
            try:
                await table.put({"id": "7"}, if_absent=True)
            except Conflict as error:
                conflict = error.code
            return [version, table.version(item), repr(item["b"]), counted, len(page), put["size"], found.size, chunks.decode(), copy["size"],
                    conflict, [entry.key async for entry in bucket.list()], await (await bucket.get("k")).text(), await bucket.get("none"),
                    await ctx.queue("mail").send(1), await ctx.topic("t").publish(1), await ctx.socket("s").send("c1", "x"),
                    await ctx.call("match"), await ctx.secret("key"), await table.delete({"id": "7"}), (await bucket.head("k")).size]
            """,
            template=ASYNC,
        )
        expected = ["v1", "v1", "b'x'", 150, 2, 9, 9, "abcabcabc", 9, "conflict", ["copy", "k"], "abcabcabc", None, "m1", "m2", True]
        self.assertEqual(got, expected + [{"of": "match", "payload": None}, "s3cret", True, 9])

    def test_the_loop_goes_on_while_a_call_waits(self):
        """Ten calls whose answers all wait for the tenth: they can only be under way together."""
        import threading

        barrier, original = threading.Barrier(10, timeout=20), self.api.server.RequestHandlerClass.of_secrets

        def of_secrets(handler, name):
            barrier.wait()
            handler.state.secrets[name] = name.encode()
            original(handler, name)

        self.api.server.RequestHandlerClass.of_secrets = of_secrets
        got = self.run_body(
            """
            import asyncio
            return await asyncio.gather(*(ctx.secret(str(n)) for n in range(10)))
            """,
            template=ASYNC,
        )
        self.assertEqual(got, [str(n) for n in range(10)])


if __name__ == "__main__":
    unittest.main()
