"""`portable` functions on Lambda: events in, answers out. The golden files of the lambda interface hold AWS's shapes: they are read backwards."""

import base64
import contextlib
import io
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
from unittest import mock
from urllib.parse import urlsplit

from . import aws
from .aws import Context, function, http_event, sqs_event

GOLDEN = pathlib.Path(__file__).parent.parent.parent / "conformance" / "lambda"
SAY = "def handler(event, ctx):\n    return [event, ctx.id, ctx.trace]\n"
KEEP = "seen = []\ndef handler(event, ctx):\n    seen.append(event)\n"
CONFIG = {"schedules": {"report-1": {"expression": "0 3 * * *", "timezone": "Asia/Seoul"}}}


def seen_by(event, context=None, **config):
    """The events that a handler was called with."""
    call = function(KEEP, **config)
    call(event, context or Context())
    return sys.modules["user"].seen


def quiet(call, *arguments):
    """What it returned, and the lines that it printed."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        value = call(*arguments)
    return value, [json.loads(line) for line in out.getvalue().splitlines()]


def golden(name):
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def with_bytes(value):
    from sf_kit.events import bytes_hook

    return json.loads(value, object_hook=bytes_hook)


class Golden(unittest.TestCase):
    maxDiff = None

    def back(self, name):
        """(the CloudEvent that the golden file begins with, what the kit makes of the Lambda event at its end)"""
        file = golden(name)
        expected = dict(file["head"]["event"])
        body = file.get("body")
        is_text = expected.get("datacontenttype", "").startswith("text/")
        expected["data"] = base64.b64decode(body["$bytes"]) if isinstance(body, dict) else body if is_text else with_bytes(body)
        (got,) = seen_by(file["event"])
        return expected, got

    def test_topics(self):
        for name in ("topic", "topic-text"):
            with self.subTest(name):
                expected, got = self.back(name)
                expected.setdefault("attributes", {})
                self.assertEqual(got, {**expected, "time": "2026-01-01T00:00:00.250Z"})

    def test_buckets(self):
        for name in ("bucket-created", "bucket-removed"):
            with self.subTest(name):
                expected, got = self.back(name)
                # S3 does not say it.
                expected["data"].pop("contentType", None)
                self.assertEqual(got, {**expected, "id": "e-1-0000019B76DAA8FA", "time": "2026-01-01T00:00:00.250Z"})

    def test_tables(self):
        for name in ("table-insert", "table-update", "table-remove"):
            with self.subTest(name):
                expected, got = self.back(name)
                # A stream's clock has whole seconds.
                self.assertEqual(got, {**expected, "time": "2026-01-01T00:00:00Z"})

    def test_a_queues_batch_is_one_event(self):
        file = golden("queue")
        for record, text in zip(file["event"]["Records"], ("", "", "base64", "base64", "")):
            if text:
                record["messageAttributes"] = {"sf-encoding": {"dataType": "String", "stringValue": text}}
        (got,) = seen_by(file["event"])
        self.assertEqual((got["type"], got["source"]), ("sf.queue", "/queues/mail"))
        bodies = [message["body"] for message in got["data"]["messages"]]
        self.assertEqual(bodies, [{"to": "é", "n": [1, 2.5]}, "plain", b"hi", b"\xff", {"in": {"$bytes": "aGk="}}])
        first, second = got["data"]["messages"][:2]
        self.assertEqual((first["id"], first["attempt"], first["sent"]), ("m1", 1, "2026-01-01T00:00:00Z"))
        self.assertEqual((second["id"], second["attempt"], second["sent"]), ("m2", 3, "2025-12-31T23:59:59.500Z"))

    def test_sockets(self):
        for name in ("socket-connect", "socket-message", "socket-message-bytes", "socket-disconnect"):
            with self.subTest(name):
                expected, got = self.back(name)
                self.assertEqual(got, {**expected, "time": "2026-01-01T00:00:00.250Z"})

    def test_http(self):
        code = """
            def handler(request, ctx):
                return {"method": request.method, "url": request.url, "headers": request.headers.items(), "params": ctx.params, "auth": ctx.auth,
                        "body": list(request.body)}
        """
        call = function(code)
        for name in ("http-2.0-whole", "http-2.0-bare", "http-2.0-bytes", "http-not-utf8", "http-form"):
            with self.subTest(name):
                file = golden(name)
                answer = call(file["event"], Context())
                got, head, body = json.loads(answer["body"]), file["head"], file.get("body") or ""
                self.assertEqual((answer["statusCode"], got["method"], got["url"]), (200, head["method"], head["url"]))
                self.assertEqual(got["params"], head["params"])
                self.assertEqual(bytes(got["body"]), base64.b64decode(body["$bytes"]) if isinstance(body, dict) else body.encode())
                merged = {}
                for key, value in head["headers"]:
                    merged[key] = f"{merged[key]},{value}" if key in merged else value
                self.assertEqual({key: value for key, value in got["headers"] if key in merged}, merged)
                self.assertEqual(set(got["auth"] or ()), set(head["auth"] or ()))


class Http(unittest.TestCase):
    def test_a_path_is_as_the_client_wrote_it(self):
        """HTTP APIs decode all but `%25`, function URLs nothing."""
        code = "def handler(request, ctx): return request.url"
        call = function(code)
        for raw, expected in (("/a b/é", "/a%20b/%C3%A9"), ("/a%20b/%C3%A9", "/a%20b/%C3%A9"), ("/100%25", "/100%25"), ("/100%", "/100%25"), ("", "/")):
            with self.subTest(raw):
                event = http_event(path=raw, query="a=1&b=%C3%BC")
                self.assertEqual(call(event, Context())["body"], f"https://api.example{expected}?a=1&b=%C3%BC")

    def test_a_stages_name_is_no_part_of_the_path(self):
        event = http_event(path="/live/x")
        event["requestContext"]["stage"] = "live"
        call = function("def handler(request, ctx): return request.path")
        self.assertEqual(call(event, Context())["body"], "/x")

    def test_answers(self):
        code = """
            from sf_kit import Response
            def pieces():
                yield "a"
                yield b"b"
            VALUES = {
                "text": lambda: "é", "bytes": lambda: b"\\xff", "json": lambda: {"a": 1}, "none": lambda: None, "stream": lambda: Response(pieces()),
                "tuple": lambda: ("<p>", 409, {"Content-Type": "text/html", "Content-Length": "99"}),
                "cookies": lambda: Response("x", headers=[("set-cookie", "a=1"), ("set-cookie", "b=2"), ("x-m", "1"), ("x-m", "2")]),
                "png": lambda: Response(b"text", headers={"content-type": "image/png"}),
            }
            def handler(request, ctx):
                return VALUES[request.query["of"]]()
        """
        call = function(code)
        of = lambda name, method="GET": call(http_event(method, query=f"of={name}"), Context())
        self.assertEqual(of("text"), {"statusCode": 200, "headers": {"content-type": "text/plain; charset=utf-8"}, "body": "é", "isBase64Encoded": False})
        self.assertEqual((of("bytes")["body"], of("bytes")["isBase64Encoded"]), ("/w==", True))
        self.assertEqual((of("json")["body"], of("json")["headers"]), ('{"a": 1}', {"content-type": "application/json"}))
        self.assertEqual((of("none")["statusCode"], of("none")["body"]), (204, ""))
        self.assertEqual(base64.b64decode(of("stream")["body"]), b"ab")
        self.assertEqual((of("tuple")["statusCode"], of("tuple")["headers"]), (409, {"content-type": "text/html"}))
        self.assertEqual((of("cookies")["cookies"], of("cookies")["headers"]["x-m"]), (["a=1", "b=2"], "1, 2"))
        self.assertEqual((of("png")["body"], of("png")["isBase64Encoded"]), ("dGV4dA==", True))
        self.assertEqual(of("text", "HEAD")["body"], "")

    def test_an_endless_answer_ends(self):
        call = function("from sf_kit import Response\ndef handler(r, ctx):\n    return Response(iter(lambda: bytes(100000), None))\n")
        value, lines = quiet(call, http_event(), Context())
        self.assertEqual(value["statusCode"], 500)
        self.assertIn("Lambda's limit", lines[0]["fields"]["error"])

    def test_async_handlers_share_one_loop(self):
        code = """
            import asyncio
            from sf_kit import Response
            loops = set()
            async def handler(request, ctx):
                loops.add(id(asyncio.get_running_loop()))
                chunks = [chunk async for chunk in request.stream()]
                async def answer():
                    yield f"{len(loops)} {len(chunks)} "
                    yield await request.body
                return Response(answer(), headers={"content-type": "text/plain"})
        """
        call = function(code)
        self.assertEqual(call(http_event("POST", body=b"one"), Context())["body"], "1 1 one")
        self.assertEqual(call(http_event("POST"), Context())["body"], "1 0 ")

    def test_claims_have_the_types_of_the_token(self):
        claims = {"sub": "ada", "exp": 1767229200, "admin": True, "roles": ["a", "b"]}
        payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        verified = {"sub": "ada", "exp": "1767229200", "admin": "true", "roles": "[a b]"}
        call = function("def handler(request, ctx): return {'auth': ctx.auth}")

        def auth(token, known=verified):
            event = http_event(headers={"authorization": token})
            if known is not None:
                event["requestContext"]["authorizer"] = {"jwt": {"claims": known, "scopes": None}}
            return json.loads(call(event, Context())["body"])["auth"]

        self.assertEqual(auth(f"Bearer e30.{payload}.sig"), claims)
        self.assertEqual(auth("Bearer x"), verified)
        self.assertEqual(auth(f"Bearer e30.{payload}.sig", {"other": "1"}), {"other": "1"}, "another token than the one that was verified")
        self.assertIsNone(auth(f"Bearer e30.{payload}.sig", None), "nobody has verified it")

    def test_a_throw_tells_nothing(self):
        for code in ("def handler(r, ctx): raise KeyError('x')", "async def handler(r, ctx): raise KeyError('x')", "def handler(r, ctx): raise SystemExit('x')"):
            value, lines = quiet(function(code), http_event(), Context())
            self.assertEqual((value["statusCode"], "x" in json.loads(value["body"])["message"].split()), (500, False))
            self.assertEqual((lines[0]["level"], lines[0]["message"]), ("error", "the handler failed"), lines)
            self.assertTrue(lines[0]["fields"]["error"].endswith(("'x'", ": x")), lines)


class Events(unittest.TestCase):
    def test_calls_and_invocations(self):
        call = function(SAY)
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        for payload in ({"Records": [1]}, http_event(), {"sf-call": {"from": "x"}}, None):
            enveloped = {"sf-call": {"from": "match", "traceparent": trace}, "payload": payload}
            for given, context in ((payload, Context("i-1", {"sf-caller": "match", "traceparent": trace})), (enveloped, Context("i-1"))):
                event, ident, got_trace = call(given, context)
                self.assertEqual((event["type"], event["source"], event["data"]), ("sf.call", "/functions/match", payload))
                self.assertEqual((ident, got_trace), ("i-1", trace))
        looks_called = {"sf-call": {"from": "match"}, "payload": 1}
        self.assertEqual(call(looks_called, Context(custom={"sf-invoke": "1"}))[0]["data"], looks_called)
        self.assertEqual(call({"sf-call": 7}, Context())[0]["type"], "sf.invoke")
        for context in (Context(custom={"sf-invoke": "1"}), Context()):
            event, _, got_trace = call([1], context)
            self.assertEqual((event["type"], event["source"], event["data"]), ("sf.invoke", "/cli", [1]))
            self.assertEqual(got_trace, "00-11112222333344445555666677778888-1111222233334444-01")
        self.assertIsNone(call(None, Context())[0]["data"])

    def test_the_trace_is_x_rays_where_nobody_gives_another(self):
        call = function(SAY)
        with mock.patch.dict("os.environ", {"_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"}):
            self.assertEqual(call({}, Context())[2], "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-00")

    def test_what_json_cannot_say_is_no_answer(self):
        for value in ("float('nan')", "{1, 2}", "b'x'"):
            with self.assertRaises((TypeError, ValueError)):
                function(f"def handler(e, ctx): return {value}")({}, Context())

    def test_a_schedule_calls_once(self):
        given = {"sf-schedule": "report-1", "time": "2026-01-01T03:00:00Z", "id": "x-1"}
        (event,) = seen_by(given, **CONFIG)
        expected = {"type": "sf.schedule", "source": "/schedules/f", "id": "x-1", "time": "2026-01-01T03:00:00Z"}
        self.assertEqual({name: event[name] for name in expected}, expected)
        self.assertEqual(event["data"], {"expression": "0 3 * * *", "timezone": "Asia/Seoul"})
        value, lines = quiet(function("def handler(e, ctx): raise ValueError('no')", **CONFIG), given, Context())
        self.assertIsNone(value)
        self.assertEqual([(line["level"], line["message"]) for line in lines], [("error", "the handler failed")])
        self.assertEqual(lines[0]["fields"]["error"], "ValueError: no")
        self.assertIn("user.py", lines[0]["fields"]["stack"])

    def test_names_are_the_manifests(self):
        config = {"from": {"queue": {"shop-dev-mail": "mail"}, "table": {"shop-dev-t": "t"}}, "uses": {"pics": {"bucket": "shop-dev-pics-1a", "access": "read"}}}
        (event,) = seen_by(sqs_event(("m1", "1")), **config)
        self.assertEqual(event["source"], "/queues/mail")
        created = golden("bucket-created")["event"]
        created["Records"][0]["s3"]["bucket"]["name"] = "shop-dev-pics-1a"
        (event,) = seen_by(created, **config)
        self.assertEqual((event["source"], event["data"]["bucket"]), ("/buckets/pics", "pics"))

    def test_the_version_is_no_part_of_an_item(self):
        file = golden("table-update")["event"]
        for image in ("NewImage", "OldImage"):
            file["Records"][0]["dynamodb"][image]["sf:version"] = {"S": "v"}
        (event,) = seen_by(file)
        self.assertNotIn("sf:version", {**event["data"]["before"], **event["data"]["after"]})

    def test_several_records_are_several_events(self):
        for name in ("topic", "bucket-removed", "table-insert"):
            file = golden(name)["event"]
            file["Records"] *= 3
            self.assertEqual(len(seen_by(file)), 3, name)

    def test_a_connection_is_refused(self):
        event = golden("socket-connect")["event"]
        for code, expected in (
            ("return {'status': 401}", {"statusCode": 401}), ("raise ValueError()", {"statusCode": 403}), ("return None", {"statusCode": 200}),
            ("return {'protocol': 'v2'}", {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "v2"}}),
        ):
            value, _ = quiet(function(f"def handler(e, ctx): {code}"), event, Context())
            self.assertEqual(value, expected)
        value, lines = quiet(function("def handler(e, ctx): raise ValueError('no')"), golden("socket-message")["event"], Context())
        self.assertEqual((value, lines[0]["fields"]["error"]), ({"statusCode": 200}, "ValueError: no"))


class Retries(unittest.TestCase):
    def reported(self, code, event):
        """What Lambda is answered, and when the messages come again."""
        from sf_kit_aws import messages

        with mock.patch.object(messages, "postpone") as postpone:
            value, _ = quiet(function(code), event, Context())
        delays = {record["messageId"]: seconds for call in postpone.call_args_list for record, seconds in call.args[1]}
        return [item["itemIdentifier"] for item in value["batchItemFailures"]], delays

    def test_of_a_queue_only_what_failed(self):
        event = sqs_event(("m1", "1"), ("m2", "2", 3), ("m3", "3", 40))
        self.assertEqual(self.reported("def handler(e, ctx): return {'failed': ['m2']}", event), (["m2"], {"m2": 4}))
        everything = (["m1", "m2", "m3"], {"m1": 1, "m2": 4, "m3": 60})
        for code in ("raise ValueError()", "return {'failed': ['m9']}", "return {'failed': True}", "return {'failed': [1]}", "raise SystemExit()"):
            self.assertEqual(self.reported(f"def handler(e, ctx): {code}", event), everything, code)
        for code in ("return None", "return {'failed': []}", "return [1]", "return {'done': 1}"):
            self.assertEqual(self.reported(f"def handler(e, ctx): {code}", event), ([], {}), code)

    def test_of_a_stream_all_from_the_first_that_failed(self):
        event = golden("table-insert")["event"]
        record = event["Records"][0]
        event["Records"] = [{**record, "eventID": f"e-{n}", "dynamodb": {**record["dynamodb"], "SequenceNumber": str(n)}} for n in range(4)]
        code = "seen = []\ndef handler(e, ctx):\n    seen.append(e['id'])\n    if e['id'] == 'e-2': raise ValueError()\n"
        value, _ = quiet(function(code), event, Context())
        self.assertEqual(value, {"batchItemFailures": [{"itemIdentifier": "2"}]})
        self.assertEqual(sys.modules["user"].seen, ["e-0", "e-1", "e-2"])

    def test_of_topics_and_buckets_lambda_hears_the_throw(self):
        for name in ("topic", "bucket-created"):
            event = golden(name)["event"]
            event["Records"] *= 2
            call = function("count = 0\ndef handler(e, ctx):\n    global count\n    count += 1\n    raise ValueError(count)\n")
            with self.assertRaisesRegex(ValueError, "1"):
                quiet(call, event, Context())
            self.assertEqual(sys.modules["user"].count, 2, "the second had its turn")


class Start(unittest.TestCase):
    def test_the_context(self):
        code = """
            import time
            def handler(e, ctx):
                ctx.log.info("said")
                return [ctx.function, ctx.project, ctx.stage, ctx.provider, 0 < ctx.deadline - time.time() <= 30, ctx.cancelled]
        """
        value, lines = quiet(function(code), {}, Context("i-1"))
        self.assertEqual(value, ["f", "shop", "dev", "aws", True, False])
        self.assertEqual((lines[0]["function"], lines[0]["invocation"]), ("f", "i-1"))

    def test_the_artifact_as_lambda_starts_it(self):
        """From the files where they lie in an artifact; without any call of AWS, nothing of its SDK is loaded."""
        with tempfile.TemporaryDirectory() as root:
            lay_out(root, {"src/user.py": "import os\ndef handler(e, ctx): return [k for k in os.environ if k.startswith('SF_')]\n"})
            script = "import json, sys, sf_lambda\nfrom test.aws import Context\n"
            script += "print(json.dumps([sf_lambda.handler({}, Context()), 'botocore' in sys.modules, 'http.client' in sys.modules]))"
            config = {"project": "p", "stage": "s", "function": "f", "handler": {"file": "src/user.py", "export": "handler"}}
            env = {"SF_KIT": json.dumps(config), "PYTHONPATH": f"{root}:{aws.KITS}"}
            ran = subprocess.run([sys.executable, "-c", script], cwd=tempfile.gettempdir(), env=env, stdout=subprocess.PIPE, check=True)
        self.assertEqual(json.loads(ran.stdout), [[], False, False])


def lay_out(root, files):
    """An artifact: the user's files and the kits where `sf build` puts them."""
    import shutil

    root, ignored = pathlib.Path(root), shutil.ignore_patterns("__pycache__")
    shutil.copytree(aws.KITS / "runtime", root / ".sf-kit", ignore=ignored)
    shutil.copytree(aws.KITS / "aws", root, ignore=ignored, dirs_exist_ok=True)
    for path, text in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    unittest.main()
