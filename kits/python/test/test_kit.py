import json
import unittest

from .host import FATAL, READY, Worker


def serve(code, **more):
    return Worker({"handler.py": code, **more})


class Http(unittest.TestCase):
    def test_what_a_handler_returns_becomes_the_response(self):
        code = """
            from sf_kit import Response
            VALUES = {
                "tuple": ("<p>", 409, {"Content-Type": "text/html", "X-C": 3}), "dict": {"a": 1}, "text": "é", "bytes": b"\\0\\1", "none": None,
                "response": Response("no", status=404, headers={"X-B": "2"}),
            }
            def handler(request, ctx):
                return VALUES[ctx.params["kind"]]
        """
        with serve(code) as worker:
            self.assertEqual(worker.first[0], READY)
            self.assertEqual(json.loads(worker.first[2])["token"], "token")
            of = lambda kind: worker.http(params={"kind": kind})
            status, headers, body = of("dict")
            self.assertEqual((status, headers["content-type"], json.loads(body)), (200, "application/json", {"a": 1}))
            self.assertEqual(of("text"), (200, {"content-type": "text/plain; charset=utf-8"}, "é".encode()))
            self.assertEqual(of("bytes"), (200, {"content-type": "application/octet-stream"}, b"\0\1"))
            self.assertEqual(of("none"), (204, {}, b""))
            self.assertEqual(of("tuple"), (409, {"content-type": "text/html", "x-c": "3"}, b"<p>"))
            status, headers, body = of("response")
            self.assertEqual((status, headers["x-b"], body), (404, "2", b"no"))

    def test_the_request_is_whole(self):
        code = """
            def handler(request, ctx):
                return {"method": request.method, "path": request.path, "header": request.headers["X-A"],
                        "body": request.body.decode(), "stage": ctx.stage, "id": ctx.id}
        """
        with serve(code) as worker:
            answer = json.loads(worker.http("POST", "http://h/a%20b?c=1", b"hello")[2])
        expected = {"method": "POST", "path": "/a%20b", "header": "1", "body": "hello", "stage": "dev", "id": "i1"}
        self.assertEqual(answer, expected)

    def test_async_handlers_run_at_once(self):
        code = """
            import asyncio
            waiting = []
            async def handler(request, ctx):
                future = asyncio.get_running_loop().create_future()
                waiting.append(future)
                if len(waiting) == 2:
                    for one in waiting:
                        one.set_result(None)
                await future
                return "met"
        """
        head = {"kind": "http", "method": "GET", "url": "http://h/", "headers": [], "auth": None}
        with serve(code) as worker:
            first, second = worker.request(head), worker.request(head)
            self.assertEqual({frame[1] for frame in (worker.frame(), worker.frame())}, {first, second})

    def test_a_large_body_flows_both_ways(self):
        with serve("def handler(request, ctx):\n    return request.body\n") as worker:
            body = bytes(range(256)) * 16384
            head = {"kind": "http", "method": "POST", "url": "http://h/", "headers": [], "auth": None}
            ident = worker.request(head, last=False)
            for at in range(0, len(body), 65536):
                worker.send(2, ident, bytes([at + 65536 >= len(body)]) + body[at : at + 65536])
            self.assertEqual(worker.answer(ident)[2], body)


class Events(unittest.TestCase):
    def test_a_cloud_event_with_json_or_bytes(self):
        with serve("def handler(event, ctx):\n    return {'type': event['type'], 'data': repr(event['data'])}\n") as worker:
            self.assertEqual(json.loads(worker.event(b'{"a": [1]}')[2]), {"type": "sf.invoke", "data": "{'a': [1]}"})
            self.assertEqual(json.loads(worker.event(b"\0", "application/x")[2])["data"], "b'\\x00'")

    def test_an_exception_is_an_error_and_the_worker_lives(self):
        with serve("def handler(event, ctx):\n    return 1 / event['data']\n") as worker:
            error = worker.event(b"0")
            self.assertEqual((error["name"], error["message"]), ("ZeroDivisionError", "division by zero"))
            self.assertIn("handler.py", error["stack"])
            self.assertEqual(worker.event(b"1")[2], b"1.0")

    def test_logs_are_json_lines(self):
        with serve("def handler(event, ctx):\n    ctx.log.info('said', {'n': 1})\n    print('plain')\n") as worker:
            worker.event(b"null")
            out, _ = worker.close()
        line, plain = out.splitlines()
        line = json.loads(line)
        self.assertEqual((line["level"], line["message"], line["fields"]), ("info", "said", {"n": 1}))
        self.assertEqual((line["invocation"], line["trace"], plain), ("i1", "a", "plain"))


class Loading(unittest.TestCase):
    def fatal(self, files, **more):
        with Worker(files, **more) as worker:
            kind, _, payload = worker.first
            self.assertEqual(kind, FATAL)
            self.assertEqual(worker.process.wait(timeout=20), 1)
            return json.loads(payload)

    def test_what_cannot_be_loaded_says_why(self):
        missing = self.fatal({"a.py": ""})
        self.assertEqual(missing["code"], "handler-file-missing")
        export = self.fatal({"handler.py": "def other(): pass\n"})
        self.assertEqual((export["code"], "other" in export["message"]), ("export-missing", True))
        broken = self.fatal({"handler.py": "import nothing_of_that_name\n"})
        self.assertEqual(broken["code"], "load-failed")
        self.assertIn("nothing_of_that_name", broken["message"])

    def test_modules_beside_the_handler_and_in_the_root(self):
        files = {"src/handler.py": "import beside\nfrom shared import root\ndef handler(e, ctx): return [beside.A, root.B]\n"}
        files |= {"src/beside.py": "A = 1\n", "shared/__init__.py": "", "shared/root.py": "B = 2\n"}
        with Worker(files, file="src/handler.py") as worker:
            self.assertEqual(json.loads(worker.event(b"null")[2]), [1, 2])

    def test_user_code_sees_neither_socket_nor_token(self):
        with serve("import os\ndef handler(e, ctx): return [k for k in os.environ if 'WORKER' in k]\n") as worker:
            self.assertEqual(worker.event(b"null")[2], b"[]")


if __name__ == "__main__":
    unittest.main()
