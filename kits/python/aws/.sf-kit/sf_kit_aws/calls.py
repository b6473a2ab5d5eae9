"""Calls of functions, and secrets."""

import json
from base64 import b64encode

from .clients import fault
from .grants import granted, granted_secret

LARGEST_PAYLOAD = 6 << 20


class Calls:
    def call(self, what, function, data):
        use, refused = granted(self.config, what, "call", "function", function)
        carried = self._carried(data, use.get("interface"))
        if len(carried["Payload"]) > LARGEST_PAYLOAD:
            raise fault("too-large", f"{what}: a payload has at most {LARGEST_PAYLOAD} bytes")
        answer = self.caller.ask(what, "lambda", "invoke", refused, once=True, FunctionName=f"{use['function']}:live", **carried)
        payload = answer["Payload"].read()
        if answer.get("FunctionError"):
            raise function_failed(what, function, payload)
        return json.loads(payload) if payload else None

    def _carried(self, data, interface):
        """With who calls. A kit takes the envelope off again; a Lambda handler has none, and gets just what it would get of anybody."""
        if interface != "lambda":
            head = json.dumps({"from": self.config.function, "traceparent": self.trace}, separators=(",", ":")).encode()
            return {"Payload": b'{"sf-call":%b,"payload":%b}' % (head, data)}
        custom = {"sf-caller": self.config.function, "traceparent": self.trace}
        return {"Payload": data, "ClientContext": b64encode(json.dumps({"custom": custom}).encode()).decode()}

    def secret(self, what, name):
        ident, refused = granted_secret(self.config, what, name)
        from botocore.exceptions import ClientError

        try:
            answer = self.caller.ask(what, "secretsmanager", "get_secret_value", refused, ("ResourceNotFoundException",), SecretId=ident)
        except ClientError:
            # The secret is there from the first deploy on, its value not before somebody sets it: AWS says the same of both.
            answer = {}
        if "SecretString" in answer:
            return answer["SecretString"].encode()
        if "SecretBinary" in answer:
            return answer["SecretBinary"]
        raise fault("not-found", f"{what}: secret `{name}` has no value", f"sf secret set {name}")


def function_failed(what, function, payload):
    try:
        said = json.loads(payload)
        kind, message = said.get("errorType") or "", said.get("errorMessage") or ""
    except (ValueError, AttributeError):
        kind, message = "", payload.decode("utf-8", "replace")
    if kind == "Sandbox.Timedout" or "Task timed out after" in message:
        code = "function-timed-out"
    else:
        code = "function-crashed" if kind in ("Runtime.ExitError", "Runtime.OutOfMemory") else "function-threw"
    reason = f"{kind}: {message}" if kind else message
    return fault(code, f"{what}: {reason}", f"sf logs {function}", 502)
