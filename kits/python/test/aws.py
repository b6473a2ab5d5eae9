"""The kit on Lambda, in this process, with contexts as Lambda's runtime makes them."""

import base64
import json
import pathlib
import sys
import tempfile
import textwrap
import types

KITS = pathlib.Path(__file__).parent.parent
for part in (KITS / "aws" / ".sf-kit", KITS / "runtime"):
    if str(part) not in sys.path:
        sys.path.insert(0, str(part))

ACCOUNT, REGION = "000000000000", "us-east-1"
ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:shop-dev-f:live"


class Context:
    """The second argument of a Lambda handler."""

    invoked_function_arn = ARN

    def __init__(self, ident="11112222-3333-4444-5555-666677778888", custom=None, remaining=30000):
        self.aws_request_id, self._remaining = ident, remaining
        self.client_context = None if custom is None else types.SimpleNamespace(custom=custom)

    def get_remaining_time_in_millis(self):
        return self._remaining


def function(code, name="handler", **config):
    """The kit's `handler`, made for a module of this text."""
    from sf_kit_aws import start

    given = {"project": "shop", "stage": "dev", "function": "f", "handler": {"file": "user.py", "export": name}, **config}
    with tempfile.TemporaryDirectory() as root:
        pathlib.Path(root, "user.py").write_text(textwrap.dedent(code), encoding="utf-8")
        sys.modules.pop("user", None)
        environ = {"SF_KIT": json.dumps(given)}
        made = start(root, environ)
        sys.path[:] = [entry for entry in sys.path if entry != root]
    assert "SF_KIT" not in environ
    return made


def http_event(method="GET", path="/", query="", body=None, headers=None, **more):
    event = {"version": "2.0", "rawPath": path, "rawQueryString": query, "headers": {"host": "api.example", **(headers or {})}, "isBase64Encoded": False}
    event["requestContext"] = {"http": {"method": method, "path": path}, "stage": "$default", "requestId": "r"}
    if body is not None:
        event.update(body=base64.b64encode(body).decode(), isBase64Encoded=True)
    return {**event, **more}


def sqs_event(*messages, queue="shop-dev-mail"):
    """`messages`: (id, body) or (id, body, attempt)."""
    records = []
    for ident, body, *attempt in messages:
        attributes = {"ApproximateReceiveCount": str((attempt or [1])[0]), "SentTimestamp": "1767225600000"}
        record = {"messageId": ident, "receiptHandle": f"handle-{ident}", "body": body, "attributes": attributes, "messageAttributes": {}}
        records.append({**record, "eventSource": "aws:sqs", "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}", "awsRegion": REGION})
    return {"Records": records}
