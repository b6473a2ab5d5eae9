"""The kit as Lambda runs it: functions of the conformance project, deployed to the strict AWS counterpart and called from outside."""

import asyncio
import io
import json
import pathlib
import tempfile
import time
import unittest
import urllib.error
import urllib.request
import zipfile

from . import oracle
from .test_aws import lay_out

SOURCES = pathlib.Path(__file__).parents[2] / "conformance" / "python"
ACCOUNT, REGION = "000000000000", "us-east-1"
DEADLINE_S = 120
EVENTS = {"table": "dep-py-events", "access": "read-write", "key": [["run", "string"], ["at", "string"]]}
WATCHED = {"table": "dep-py-watched", "access": "read-write", "key": [["id", "string"]]}
TABLES = [f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/dep-py-{name}" for name in ("events", "watched")]
ALLOWED = [
    {"Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:Query"], "Resource": TABLES},
    {"Effect": "Allow", "Action": ["dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:DescribeStream", "dynamodb:ListStreams"],
     "Resource": [f"{TABLES[1]}/stream/*"]},
    # AWS asks for the first for both; the counterpart for each by its own name.
    {"Effect": "Allow", "Action": ["sqs:ChangeMessageVisibility", "sqs:ChangeMessageVisibilityBatch"], "Resource": f"arn:aws:sqs:{REGION}:{ACCOUNT}:dep-py-work"},
    {"Effect": "Allow", "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:SendMessage"],
     "Resource": f"arn:aws:sqs:{REGION}:{ACCOUNT}:dep-py-work"},
    {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:dep-py-callee:live"},
]


def until(ask, holds, what):
    """Asks until the answer is as it should be."""
    end = time.monotonic() + DEADLINE_S
    while True:
        answer = ask()
        if holds(answer):
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"{what}: after {DEADLINE_S} seconds it is still {str(answer)[:500]}")


class Deployed(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        oracle.start()
        oracle.table("dep-py-events", ("run", "S"), ("at", "S"))
        oracle.table("dep-py-watched", ("id", "S"), stream=True)
        cls.queue = oracle.client("sqs").create_queue(QueueName="dep-py-work", Attributes={"VisibilityTimeout": "180"})["QueueUrl"]
        cls.artifact = artifact()
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
        iam = oracle.client("iam")
        cls.role = iam.create_role(RoleName="dep-py", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        cls.chat = oracle.client("apigatewayv2").create_api(Name="dep-py-chat", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")["ApiId"]
        manage = {"Effect": "Allow", "Action": "execute-api:ManageConnections", "Resource": f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{cls.chat}/live/*"}
        policy = {"Version": "2012-10-17", "Statement": [*ALLOWED, manage]}
        iam.put_role_policy(RoleName="dep-py", PolicyName="uses", PolicyDocument=json.dumps(policy))
        uses = {"events": EVENTS, "watched": WATCHED, "work": {"queue": "dep-py-work", "access": "write"}}
        uses["chat"] = {"socket": f"{oracle.start()}/_aws/execute-api/{cls.chat}/live", "access": "write"}
        uses["callee"] = {"function": "dep-py-callee", "access": "call"}
        names = {"socket": {cls.chat: "chat"}, "queue": {"dep-py-work": "work"}, "table": {"dep-py-watched": "watched"}}
        cls.aliases = {
            name: cls.deploy(name, file, uses, names)
            for name, file in (("echo", "echo.py"), ("operate", "operate.py"), ("callee", "callee.py"), ("worker", "consume.py"), ("changed", "consume.py"), ("talk", "consume.py"))
        }
        cls.socket()
        cls.url = cls.api({"POST /operate": "operate", "ANY /echo": "echo", "ANY /echo/{first}/{second}": "echo", "ANY /rest/{path+}": "echo"})
        mapping = oracle.client("lambda").create_event_source_mapping
        mapping(FunctionName=cls.aliases["worker"], EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:dep-py-work", FunctionResponseTypes=["ReportBatchItemFailures"])
        stream = oracle.client("dynamodb").describe_table(TableName="dep-py-watched")["Table"]["LatestStreamArn"]
        more = {"StartingPosition": "TRIM_HORIZON", "FunctionResponseTypes": ["ReportBatchItemFailures"]}
        mapping(FunctionName=cls.aliases["changed"], EventSourceArn=stream, **more)

    @classmethod
    def deploy(cls, name, file, uses, names):
        """The alias's ARN."""
        from botocore.exceptions import ClientError

        api, physical = oracle.client("lambda"), f"dep-py-{name}"
        kit = {"project": "conformance", "stage": "python", "function": name, "handler": {"file": f"python/{file}", "export": name}, "uses": uses, "from": names}
        given = {"FunctionName": physical, "Role": cls.role, "Handler": "sf_lambda.handler", "Runtime": "python3.13", "Timeout": 30, "Code": {"ZipFile": cls.artifact}}

        def create():
            try:
                return api.create_function(Environment={"Variables": {"SF_KIT": json.dumps(kit)}}, **given)
            except ClientError as error:
                if "assumed" not in str(error):
                    raise
                return None  # a new role is not known everywhere at once

        until(create, lambda made: made is not None, f"create {physical}")
        oracle.waiter("lambda", "function_active_v2", FunctionName=physical)
        version = api.publish_version(FunctionName=physical)["Version"]
        return api.create_alias(FunctionName=physical, Name="live", FunctionVersion=version)["AliasArn"]

    @classmethod
    def api(cls, routes):
        api = oracle.client("apigatewayv2")
        ident = api.create_api(Name="dep-py", ProtocolType="HTTP")["ApiId"]
        integrations = {}
        for key, name in routes.items():
            if name not in integrations:
                target = {"IntegrationType": "AWS_PROXY", "IntegrationUri": cls.aliases[name], "PayloadFormatVersion": "2.0"}
                integrations[name] = api.create_integration(ApiId=ident, **target)["IntegrationId"]
                cls.permit(ident, name)
            api.create_route(ApiId=ident, RouteKey=key, Target=f"integrations/{integrations[name]}")
        api.create_stage(ApiId=ident, StageName="$default", AutoDeploy=True)
        return ident

    @classmethod
    def permit(cls, ident, name):
        source = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{ident}/*"
        who = {"StatementId": "api", "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com", "SourceArn": source}
        oracle.client("lambda").add_permission(FunctionName=f"dep-py-{name}", Qualifier="live", **who)

    @classmethod
    def socket(cls):
        """A WebSocket API whose one function is `talk`."""
        api = oracle.client("apigatewayv2")
        arn = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{cls.aliases['talk']}/invocations"
        target = api.create_integration(ApiId=cls.chat, IntegrationType="AWS_PROXY", IntegrationUri=arn)["IntegrationId"]
        for key in ("$connect", "$default", "$disconnect"):
            api.create_route(ApiId=cls.chat, RouteKey=key, Target=f"integrations/{target}")
        cls.permit(cls.chat, "talk")
        api.create_stage(ApiId=cls.chat, StageName="live", AutoDeploy=True)

    def http(self, path, method="GET", body=None, headers=None):
        host = {"host": f"{self.url}.execute-api.{REGION}.amazonaws.com"}
        request = urllib.request.Request(oracle.start() + path, data=body, method=method, headers={**host, **(headers or {})})
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def operate(self, op, **given):
        status, _, body = self.http("/operate", "POST", json.dumps({"op": op, **given}).encode(), {"content-type": "application/json"})
        self.assertEqual(status, 200, body)
        return json.loads(body)

    def seen(self, run):
        return self.operate("table.query", table="events", partition=run)["ok"]

    def test_http(self):
        status, headers, body = self.http("/echo?a=1&a=2&b=%C3%BC", "POST", "grüße".encode(), {"x-said": "hello", "content-type": "text/plain; charset=utf-8"})
        self.assertEqual((status, headers["x-answer"], headers["content-type"]), (200, "yes", "application/json"))
        expected = {"method": "POST", "path": "/echo", "query": [["a", "1"], ["a", "2"], ["b", "ü"]], "params": {}, "auth": None, "text": "grüße", "header": "hello"}
        self.assertEqual(json.loads(body), expected)
        _, _, body = self.http("/echo/a%20b/%C3%BC")
        self.assertEqual(json.loads(body)["params"], {"first": "a b", "second": "ü"})
        self.assertEqual(json.loads(body)["path"], "/echo/a%20b/%C3%BC")
        self.assertEqual(json.loads(self.http("/rest/a/b/c")[2])["params"], {"path": "a/b/c"})
        self.assertEqual(self.http("/echo?bytes", "POST", b"\0\1\xfe\xff")[2], b"\0\1\xfe\xff")
        self.assertEqual(self.http("/echo?pieces=3")[2], b"piece 0\npiece 1\npiece 2\n")
        status, headers, body = self.http("/echo?cookies", headers={"cookie": "c=3; d=4"})
        self.assertEqual((headers.get_all("set-cookie"), json.loads(body)), (["a=1; Path=/", "b=2; Path=/"], "c=3; d=4"))
        self.assertEqual(self.http("/echo?status=204")[0], 204)
        status, _, body = self.http("/echo?throw=hidden")
        self.assertEqual((status, b"hidden" in body), (500, False))

    def test_who_runs(self):
        found = self.operate("context")["ok"]
        expected = {"function": "operate", "project": "conformance", "stage": "python", "provider": "aws", "params": {}, "auth": None, "environment": []}
        self.assertEqual({name: found[name] for name in expected}, expected)
        self.assertTrue(1000 < found["remaining"] < 30001 and found["trace"].startswith("00-"), found)

    def test_of_a_batch_only_what_failed_comes_again(self):
        for body in ({"run": "part", "n": 1, "fail": 1, "part": True}, {"run": "part", "n": 2}, {"run": "part", "n": 2}):
            self.assertIn("ok", self.operate("queue.send", queue="work", body=body))
        seen = until(lambda: self.seen("part"), lambda items: len(items) >= 4, "a message that failed comes again")
        self.assertEqual(sorted((item["n"], item["attempt"]) for item in seen), [(1, 1), (1, 2), (2, 1), (2, 1)])
        self.assertEqual({(item["type"], item["source"]) for item in seen}, {("sf.queue", "/queues/work")})
        empty = {"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0"}
        attributes = lambda: oracle.client("sqs").get_queue_attributes(QueueUrl=self.queue, AttributeNames=list(empty))["Attributes"]
        until(attributes, lambda found: found == empty, "the queue is empty in the end")

    def test_a_throw_means_again(self):
        self.operate("queue.send", queue="work", body={"run": "throw", "fail": 1})
        seen = until(lambda: self.seen("throw"), lambda items: len(items) >= 2, "a message whose handler threw comes again")
        self.assertEqual(sorted(item["attempt"] for item in seen), [1, 2])

    def test_changes_of_a_table_arrive(self):
        self.operate("table.put", table="watched", item={"id": "w/1", "n": 1})
        self.operate("table.put", table="watched", item={"id": "w/1", "n": 2})
        self.operate("table.delete", table="watched", key={"id": "w/1"})
        seen = until(lambda: self.seen("w"), lambda items: len(items) >= 3, "three changes arrive")
        one, two = {"id": "w/1", "n": 1}, {"id": "w/1", "n": 2}
        expected = [("insert", None, one), ("update", one, two), ("remove", two, None)]
        self.assertEqual([(item["change"], item["before"], item["after"]) for item in seen], expected)

    def test_sockets(self):
        """With the client of the library that the counterpart is written with."""
        import aiohttp

        async def converse(query, texts):
            url = f"{oracle.start().replace('http', 'ws')}/live?{query}"
            host = {"host": f"{self.chat}.execute-api.{REGION}.amazonaws.com"}
            async with aiohttp.ClientSession() as session, session.ws_connect(url, headers=host) as socket:
                for text in texts:
                    await socket.send_str(text)
                return [(await socket.receive(DEADLINE_S)).data for _ in texts]

        self.assertEqual(asyncio.run(converse("run=chat-run", ["hello", "grüße 👋"])), ["hello", "grüße 👋"])
        (seen,) = until(lambda: self.seen("chat-run"), len, "the connection is written down")
        gone = lambda: [item for item in self.seen("chat") if item["connection"] == seen["connection"]]
        (left,) = until(gone, len, "the end of the connection is written down")
        self.assertEqual((seen["type"], left["type"]), ("sf.socket.connect", "sf.socket.disconnect"))
        for connection in (seen["connection"], "never-one="):
            self.assertEqual(self.operate("socket.send", socket="chat", connection=connection, data="late"), {"ok": False})
        with self.assertRaises(aiohttp.WSServerHandshakeError) as caught:
            asyncio.run(converse("refuse", []))
        self.assertEqual(caught.exception.status, 403)

    def test_calls(self):
        answer = self.operate("call", function="callee", payload={"a": [1, "zwei"]})
        self.assertIn("ok", answer)
        self.assertEqual(answer["ok"], {"type": "sf.call", "source": "/functions/operate", "data": {"a": [1, "zwei"]}})
        error = self.operate("call", function="callee", payload={"throw": "no"})["error"]
        self.assertEqual((error["code"], error["hint"]), ("function-threw", "sf logs callee"))

    def test_invoked_from_outside(self):
        invoke = oracle.client("lambda").invoke
        answer = invoke(FunctionName="dep-py-callee", Qualifier="live", Payload=b'{"a": [1]}')
        self.assertEqual(json.loads(answer["Payload"].read()), {"type": "sf.invoke", "source": "/cli", "data": {"a": [1]}})
        answer = invoke(FunctionName="dep-py-callee", Qualifier="live", Payload=b'{"throw": "no"}')
        self.assertEqual(answer["FunctionError"], "Unhandled")


def artifact():
    packed = io.BytesIO()
    with tempfile.TemporaryDirectory() as root, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        lay_out(root, {f"python/{file.name}": file.read_text(encoding="utf-8") for file in SOURCES.glob("*.py")})
        for file in sorted(pathlib.Path(root).rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(root))
    return packed.getvalue()


if __name__ == "__main__":
    unittest.main()
