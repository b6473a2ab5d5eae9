"""`ctx` on AWS against the strict counterpart: what the conformance suite does not ask, lost answers and refusals among it."""

import base64
import json
import re
import time
import types
import unittest
import urllib.request

from . import aws, oracle

USES = {
    "items": {"table": "drv-py-items", "access": "read-write", "key": [["id", "string"]], "ttl": "expires"},
    "blobs": {"table": "drv-py-blobs", "access": "read-write", "key": [["id", "string"], ["part", "bytes"]]},
    "log": {"table": "drv-py-log", "access": "read-write", "key": [["day", "string"], ["at", "number"]]},
    "pairs": {"table": "drv-py-pairs", "access": "read-write", "key": [["id", "string"], ["name", "string"]]},
    "files": {"bucket": "drv-py-files", "access": "read-write"},
    "gone": {"bucket": "drv-py-no-such-bucket", "access": "read"},
    "mail": {"queue": "drv-py-mail", "access": "write"},
    "news": {"topic": "drv-py-news", "access": "write"},
    "nobody": {"function": "drv-py-no-such-function", "access": "call", "interface": "portable"},
    "legacy": {"function": "drv-py-no-such-function", "access": "call", "interface": "lambda"},
}
CONFIG = {"project": "shop", "stage": "dev", "function": "f", "uses": USES, "secrets": {"key": "drv/py/key"}}


def control(path, method="GET", body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(oracle.start() + path, data=data, method=method, headers={"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read() or "null")


def ctx(remaining=300, **config):
    from sf_kit.data import Resources
    from sf_kit_aws.config import Config, Place
    from sf_kit_aws.driver import AwsDriver

    made = Config(json.dumps({**CONFIG, **config}))
    made.place = Place(aws.ARN)
    return Resources(AwsDriver(made, types.SimpleNamespace(deadline=time.time() + remaining, trace="00-a-b-01")))


def setUpModule():
    oracle.start()
    oracle.table("drv-py-items", ("id", "S"), ttl="expires")
    oracle.table("drv-py-blobs", ("id", "S"), ("part", "B"))
    oracle.table("drv-py-log", ("day", "S"), ("at", "N"))
    oracle.table("drv-py-pairs", ("id", "S"), ("name", "S"))
    oracle.client("s3").create_bucket(Bucket="drv-py-files")
    oracle.client("sqs").create_queue(QueueName="drv-py-mail")
    oracle.client("sns").create_topic(Name="drv-py-news")


class Drivers(unittest.TestCase):
    def setUp(self):
        self.ctx = ctx()
        self.addCleanup(control, "/_oracle/faults", "DELETE")

    def fault(self, service, operation, action, count=1):
        control("/_oracle/faults", "POST", {"service": service, "operation": operation, "count": count, "action": action})

    def refuse(self, service, operation, code, status, count=1):
        self.fault(service, operation, {"type": "error", "code": code, "status": status, "message": "as the test wants it"}, count)

    def code_of(self, act, *arguments, **more):
        from sf_kit.errors import SfError

        with self.assertRaises(SfError) as caught:
            act(*arguments, **more)
        return caught.exception.code

    def requests(self, act):
        """The operations that were asked for meanwhile."""
        before = control("/_oracle/log")["entries"]
        since = before[-1]["seq"] if before else 0
        act()
        return [entry for entry in control("/_oracle/log")["entries"] if entry["seq"] > since]


class Tables(Drivers):
    def test_a_conditional_put_whose_answer_was_lost_is_known_to_be_ours(self):
        table = self.ctx.table("items")
        self.fault("dynamodb", "PutItem", "lost")
        asked = []
        operations = self.requests(lambda: asked.append(table.put({"id": "lost", "n": 1}, if_absent=True)))
        self.assertEqual([entry["operation"] for entry in operations], ["PutItem", "PutItem"])
        self.assertEqual(table.version(table.get({"id": "lost"})), asked[0])
        self.fault("dynamodb", "PutItem", "lost")
        version = table.put({"id": "lost", "n": 2}, if_version=asked[0])
        self.assertEqual(table.get({"id": "lost"}), {"id": "lost", "n": 2})
        self.assertEqual(self.code_of(table.put, {"id": "lost"}, if_absent=True), "conflict")
        self.assertNotEqual(version, asked[0])

    def test_what_something_else_wrote_has_no_version(self):
        oracle.client("dynamodb").put_item(TableName="drv-py-items", Item={"id": {"S": "other"}, "tags": {"SS": ["a", "b"]}, "n": {"N": "1.50"}})
        table = self.ctx.table("items")
        item = table.get({"id": "other"})
        self.assertEqual((table.version(item), item["n"], sorted(item["tags"])), ("", 1.5, ["a", "b"]))
        table.put(item, if_version="")
        self.assertEqual(self.code_of(table.put, item, if_version=""), "conflict")
        self.assertEqual(self.code_of(table.put, {"id": "none"}, if_version=""), "conflict")

    def test_numbers_come_back_as_they_can_be_written_again(self):
        numbers = [0, -1, 1.5, 1e20, 1e-7, (1 << 64) - 1, -(1 << 63), 123456789.123, 1e100]
        table = self.ctx.table("items")
        table.put({"id": "numbers", "all": numbers})
        found = table.get({"id": "numbers"})
        self.assertEqual(found["all"], numbers)
        table.put(found)
        self.assertEqual(table.get({"id": "numbers"})["all"], numbers)

    def test_an_expired_item_is_none(self):
        table = self.ctx.table("items")
        version = table.put({"id": "old", "expires": time.time() - 1})
        self.assertIsNone(table.get({"id": "old"}))
        self.assertNotIn("old", [item["id"] for item in table.scan()])
        self.assertEqual(self.code_of(table.put, {"id": "old"}, if_version=version), "conflict")
        self.assertFalse(table.delete({"id": "old"}))
        table.put({"id": "old", "expires": 1})
        table.put({"id": "old", "expires": "no number"}, if_absent=True)
        self.assertEqual(table.get({"id": "old"})["expires"], "no number")

    def test_bytes_are_keys(self):
        table = self.ctx.table("blobs")
        for part in (b"\xff", b"\0", b"a"):
            table.put({"id": "1", "part": part, "data": [b"x"]})
        self.assertEqual([item["part"] for item in table.query("1")], [b"\0", b"a", b"\xff"])
        page = table.query("1", sort={"gte": b"a"}, limit=1).page()
        self.assertEqual([item["part"] for item in table.query("1", sort={"gte": b"a"}, cursor=page.cursor)], [b"\xff"])
        self.assertEqual(table.get({"id": "1", "part": b"a"})["data"], [b"x"])
        self.assertEqual(self.code_of(table.query("1", sort={"prefix": "a"}).page), "bad-request")

    def test_conditions_that_dynamodb_does_not_take(self):
        table = self.ctx.table("pairs")
        table.put({"id": "1", "name": "a"})
        names = lambda **sort: [item["name"] for item in table.query("1", sort=sort)]
        self.assertEqual([names(prefix=""), names(gt=""), names(gte=""), names(between=["", "b"])], [["a"]] * 4)
        self.assertEqual([names(lt=""), names(lte=""), names(eq=""), names(between=["b", "a"]), names(between=["", ""])], [[]] * 5)
        for sort in ({"like": "a"}, {"gt": 1}, {"between": ["a"]}, {}):
            self.assertEqual(self.code_of(table.query("1", sort=sort).page), "bad-request", sort)
        self.assertEqual(self.code_of(self.ctx.table("items").query("1", sort={"eq": 1}).page), "bad-request")

    def test_what_is_no_key_or_no_cursor(self):
        log = self.ctx.table("log")
        for key in ({"day": "mon"}, {"day": "mon", "at": "7"}, {"day": "mon", "at": 1, "x": 1}, {"day": "mon", "at": (1 << 53) + 1}, {"day": "", "at": 1}):
            self.assertEqual(self.code_of(log.get, key), "bad-request", key)
        self.assertEqual(self.code_of(log.put, {"day": "mon", "at": 1, "sf:version": "mine"}), "bad-request")
        self.assertEqual(self.code_of(log.put, {"day": "mon", "at": 1}, if_absent=True, if_version="v"), "bad-request")
        for n in range(3):
            log.put({"day": "tue", "at": n})
        cursor = log.query("tue", limit=1).page().cursor
        self.assertEqual([item["at"] for item in log.query("tue", cursor=cursor)], [1, 2])
        self.assertIsNone(log.query("tue", limit=3).page().cursor, "the end is known when it is reached")
        for wrong in ("x", "e30=", "bnVsbA=="):
            self.assertEqual(self.code_of(log.query("tue", cursor=wrong).page), "bad-request")
        self.assertEqual(self.code_of(log.query("mon", cursor=cursor).page), "bad-request")

    def test_a_page_has_a_megabyte(self):
        table = self.ctx.table("pairs")
        for n in range(4):
            table.put({"id": "large", "name": str(n), "text": "x" * 390_000})
        page = table.query("large").page()
        self.assertTrue(0 < len(page) < 4 and page.cursor)
        self.assertEqual([item["name"] for item in table.query("large")], list("0123"))


class Buckets(Drivers):
    def test_a_stream_that_breaks_stores_nothing(self):
        def broken():
            for _ in range(9):
                yield bytes(1 << 20)
            raise ZeroDivisionError

        bucket = self.ctx.bucket("files")
        with self.assertRaises(ZeroDivisionError):
            bucket.put("never", broken())
        self.assertIsNone(bucket.get("never"))
        self.assertFalse(oracle.client("s3").list_multipart_uploads(Bucket="drv-py-files").get("Uploads"))

    def test_conditions_hold_for_streams(self):
        bucket, parts = self.ctx.bucket("files"), [bytes(5 << 20)] * 3
        first = bucket.put("parts", iter(parts), if_absent=True)
        self.assertEqual(first["size"], 15 << 20)
        self.assertEqual(self.code_of(bucket.put, "parts", iter(parts), if_absent=True), "conflict")
        self.assertEqual(self.code_of(bucket.put, "parts", b"x", if_match="other"), "conflict")
        self.assertEqual(self.code_of(bucket.put, "none", b"x", if_match="other"), "conflict")
        with bucket.get("parts") as found:
            self.assertEqual((len(found.read(10)), found.etag.strip('"')), (10, first["etag"]))
            bucket.put("parts", b"whole", if_match=found.etag)
        self.assertFalse(oracle.client("s3").list_multipart_uploads(Bucket="drv-py-files").get("Uploads"))

    def test_what_s3_would_say_otherwise(self):
        bucket = self.ctx.bucket("files")
        bucket.put("k", "four", metadata={"Owner": "ada"})
        found = bucket.get("k", range=(1, None))
        self.assertEqual((found.text(), found.size, found.metadata, found.content_type), ("our", 4, {"owner": "ada"}, "text/plain; charset=utf-8"))
        self.assertEqual(found.modified.tzinfo.utcoffset(None).seconds, 0)
        self.assertEqual(self.code_of(bucket.get, "k", range=(9, None)), "bad-request")
        for key in ("a\nb", "a\x85"):
            self.assertEqual(self.code_of(bucket.put, key, b""), "bad-request")
        self.assertEqual(self.code_of(bucket.put, "k", b"", metadata={"a": "x" * 2100}), "too-large")
        for more in ({"expires": 0}, {"expires": 604801}, {"method": "DELETE"}):
            self.assertEqual(self.code_of(bucket.url, "k", **more), "bad-request")
        self.assertEqual(self.code_of(self.ctx.bucket("gone").get, "k"), "not-found")

    def test_a_part_whose_answer_was_lost_is_sent_again(self):
        bucket = self.ctx.bucket("files")
        self.fault("s3", "UploadPart", "lost")
        self.assertEqual(bucket.put("again", iter([b"x" * (9 << 20)]))["size"], 9 << 20)
        self.assertEqual(len(bucket.get("again").bytes()), 9 << 20)


class Once(Drivers):
    def test_what_is_made_once_is_not_made_again_when_its_answer_is_lost(self):
        self.ctx.table("items").put({"id": "once"})
        cases = (
            ("dynamodb", "DeleteItem", lambda: self.ctx.table("items").delete({"id": "once"})),
            ("s3", "PutObject", lambda: self.ctx.bucket("files").put("once", "x", if_absent=True)),
            ("sqs", "SendMessage", lambda: self.ctx.queue("mail").send({})),
            ("sns", "Publish", lambda: self.ctx.topic("news").publish({})),
        )
        for service, operation, act in cases:
            self.fault(service, operation, "lost")
            entries = self.requests(lambda: self.assertEqual(self.code_of(act), "unreachable", operation))
            self.assertEqual([entry["operation"] for entry in entries], [operation])

    def test_what_was_refused_for_a_moment_is_asked_again(self):
        for service, operation, code, act in (
            ("sqs", "SendMessage", "RequestThrottled", lambda: self.ctx.queue("mail").send({})),
            ("dynamodb", "DeleteItem", "ThrottlingException", lambda: self.ctx.table("items").delete({"id": "never"})),
        ):
            self.refuse(service, operation, code, 400, count=2)
            self.assertEqual(len(self.requests(act)), 3)

    def test_what_can_be_repeated_is(self):
        self.fault("dynamodb", "GetItem", "drop")
        self.assertIsNone(self.ctx.table("items").get({"id": "never"}))

    def test_nothing_is_asked_after_the_deadline(self):
        late = ctx(remaining=-1)
        acts = (lambda: late.table("items").get({"id": "1"}), lambda: late.queue("mail").send(1), lambda: late.bucket("files").head("x"))
        for act in acts:
            self.assertEqual(self.requests(lambda act=act: self.assertEqual(self.code_of(act), "timed-out")), [])


class Calls(Drivers):
    def test_a_kit_gets_an_envelope_and_a_lambda_handler_a_client_context(self):
        def call():
            for name in ("nobody", "legacy"):
                self.code_of(lambda name=name: self.ctx.call(name, {"n": 1}))

        enveloped, bare = [entry["params"] for entry in self.requests(call) if entry["operation"] == "Invoke"]
        # The counterpart's log tells no more of a payload.
        size = lambda entry: int(re.search(r"<(\d+) bytes>", entry["Payload"])[1])
        self.assertEqual((size(bare), size(enveloped) > 50, enveloped.get("ClientContext")), (len('{"n": 1}'), True, None))
        custom = json.loads(base64.b64decode(bare["ClientContext"]))["custom"]
        self.assertEqual((custom["sf-caller"], custom["traceparent"][:3]), ("f", "00-"))


class Refusals(Drivers):
    def test_what_iam_refuses_is_not_granted(self):
        from sf_kit.errors import NotGranted

        for service, operation, code, act, hint in (
            ("dynamodb", "PutItem", "AccessDeniedException", lambda: self.ctx.table("items").put({"id": "1"}), 'items = "write"'),
            ("s3", "GetObject", "AccessDenied", lambda: self.ctx.bucket("files").get("k"), 'files = "read"'),
            ("sns", "Publish", "AuthorizationError", lambda: self.ctx.topic("news").publish(1), 'news = "write"'),
            ("lambda", "Invoke", "AccessDeniedException", lambda: self.ctx.call("nobody"), 'nobody = "call"'),
        ):
            self.refuse(service, operation, code, 403)
            with self.assertRaises(NotGranted) as caught:
                act()
            self.assertIn(f"uses = {{ {hint} }}", caught.exception.hint)
            self.assertIn("as the test wants it", caught.exception.message)

    def test_what_uses_does_not_say_is_not_asked_for(self):
        reader = ctx(uses={"items": {**USES["items"], "access": "read"}}, secrets={})
        acts = (lambda: reader.table("items").put({"id": "1"}), lambda: reader.bucket("items").get("k"), lambda: reader.call("items"), lambda: reader.secret("key"))
        entries = self.requests(lambda: [self.assertEqual(self.code_of(act), "not-granted") for act in acts])
        self.assertEqual(entries, [])

    def test_what_is_not_there(self):
        self.assertEqual(self.code_of(self.ctx.call, "nobody"), "not-found")
        self.assertEqual(self.code_of(self.ctx.secret, "key"), "not-found")

    def test_limits_of_messages(self):
        queue, topic = self.ctx.queue("mail"), self.ctx.topic("news")
        self.assertTrue(queue.send(b"\xff" * (256 << 10)))
        self.assertTrue(queue.send("\ufffe\x01"))
        self.assertEqual(self.code_of(queue.send, b"\xff" * ((256 << 10) + 1)), "too-large")
        self.assertEqual(self.code_of(topic.publish, b"\xff" * (200 << 10)), "too-large")
        self.assertEqual(self.code_of(topic.publish, 1, {str(n): "x" for n in range(11)}), "bad-request")
        for delay in (-1, 901, 1.5, "1"):
            self.assertEqual(self.code_of(queue.send, 1, delay=delay), "bad-request")


class Handlers(Drivers):
    def test_everything_is_awaited(self):
        code = """
            import asyncio
            from sf_kit import Conflict
            async def handler(event, ctx):
                table, bucket = ctx.table("items"), ctx.bucket("files")
                version = await table.put({"id": "async", "b": b"x"})
                item = await table.get({"id": "async"})
                async def stream():
                    for _ in range(3):
                        yield b"abc"
                await bucket.put("async", stream())
                chunks = [chunk async for chunk in await bucket.get("async")]
                try:
                    await table.put({"id": "async"}, if_absent=True)
                except Conflict as error:
                    said = error.code
                many = await asyncio.gather(*(table.get({"id": "async"}) for _ in range(20)))
                return [table.version(item) == version, item["b"].decode(), b"".join(chunks).decode(), said, len(many), [i["id"] async for i in table.scan()]]
        """
        call = aws.function(code, uses=USES)
        for _ in range(2):
            got = call({}, aws.Context())
            self.assertEqual(got[:5], [True, "x", "abcabcabc", "conflict", 20])
            self.assertIn("async", got[5])

    def test_a_failed_message_comes_again_when_the_kit_says(self):
        sqs = oracle.client("sqs")
        url = sqs.create_queue(QueueName="drv-py-again", Attributes={"VisibilityTimeout": "600"})["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="1")
        (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
        event = aws.sqs_event((message["MessageId"], "1", 2), queue="drv-py-again")
        event["Records"][0]["receiptHandle"] = message["ReceiptHandle"]
        from .test_aws import quiet

        call = aws.function("def handler(e, ctx): raise ValueError()")
        entries = self.requests(lambda: quiet(call, event, aws.Context()))
        self.assertEqual([(entry["operation"], entry["status"]) for entry in entries], [("ChangeMessageVisibilityBatch", 200)])
        self.assertEqual(entries[0]["params"]["Entries"][0]["VisibilityTimeout"], 2)


if __name__ == "__main__":
    unittest.main()
