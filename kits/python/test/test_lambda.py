"""The lambda interface against the golden files that all kits share (kits/conformance/lambda)."""

import base64
import json
import pathlib
import unittest

from .host import Worker

GOLDEN = pathlib.Path(__file__).parent.parent.parent / "conformance" / "lambda"
ENV = {"SF_INTERFACE": "lambda", "SF_FUNCTION": "legacy", "SF_PROJECT": "shop", "SF_STAGE": "dev"}
HANDLER = """
import json
def handler(event, context):
    print(json.dumps({"event": event}), flush=True)
    with open("returns.json") as file:
        return json.load(file)
"""


def raw(body):
    if body is None:
        return b""
    return body.encode() if isinstance(body, str) else base64.b64decode(body["$bytes"])


def without_clock(event):
    """An HTTP request's event tells when it came, which no file can know."""
    context = event.get("requestContext", {}) if isinstance(event, dict) else {}
    for name in ("time", "timeEpoch") if "timeEpoch" in context else ("requestTime", "requestTimeEpoch") if "protocol" in context else ():
        context[name] = type(context[name])()
    return event


class Golden(unittest.TestCase):
    maxDiff = None

    def ask(self, golden, returns):
        env = {**ENV, "SF_PAYLOAD": golden.get("payload", "2.0")}
        with Worker({"handler.py": HANDLER, "returns.json": json.dumps(returns)}, env=env) as worker:
            answer = worker.answer(worker.request(golden["head"], raw(golden.get("body"))))
            printed, errors = worker.close()
        self.assertEqual(errors, "")
        return json.loads(printed)["event"], answer

    def check(self, golden):
        cases = golden.get("cases") or [{"returns": {"statusCode": 200}}]
        for case in cases:
            event, answer = self.ask(golden, case["returns"])
            if "event" in golden:
                self.assertEqual(without_clock(event), without_clock(golden["event"]))
            with self.subTest(returns=case["returns"]):
                self.check_answer(case, answer)

    def check_answer(self, case, answer):
        if case.get("throws"):
            self.assertIsInstance(answer, dict, "an ERROR frame")
        elif "answer" in case:
            self.assertEqual(json.loads(answer[2]), case["answer"])
        elif "status" in case:
            self.assertEqual((answer[0], answer[2]), (case["status"], raw(case["body"])))
            self.assertEqual(sorted(answer.pairs), sorted(map(tuple, case["headers"])))


def add_tests():
    files = sorted(GOLDEN.glob("*.json"))
    assert files, f"no golden files in {GOLDEN}"
    for file in files:
        golden = json.loads(file.read_text(encoding="utf-8"))

        def test(self, golden=golden):
            self.check(golden)

        test.__doc__ = golden["about"]
        setattr(Golden, f"test_{file.stem}", test)


add_tests()


class Runtime(unittest.TestCase):
    def test_the_context_and_the_environment_are_lambdas(self):
        code = """
            import os, threading
            ROOT = os.environ["LAMBDA_TASK_ROOT"] == os.getcwd()
            def handler(event, context):
                return [context.function_name, context.function_version, context.aws_request_id, context.memory_limit_in_mb,
                        context.invoked_function_arn, context.log_group_name, context.client_context, context.identity.cognito_identity_id,
                        0 < context.get_remaining_time_in_millis(), os.environ["AWS_LAMBDA_FUNCTION_NAME"], os.environ["_HANDLER"], ROOT,
                        threading.current_thread() is threading.main_thread()]
        """
        env = {**ENV, "SF_MEMORY": "512"}
        with Worker({"legacy/orders.py": code}, file="legacy/orders.py", env=env) as worker:
            got = worker.run({})
        arn = "arn:aws:lambda:us-east-1:000000000000:function:legacy"
        expected = ["legacy", "$LATEST", "i1", "512", arn, "/aws/lambda/legacy", None, None, True, "legacy", "legacy/orders.handler", True, True]
        self.assertEqual(got, expected)

    def test_calls_run_one_by_one(self):
        """As on Lambda, since handlers keep state of a call in their module: all in one thread, in the order of the requests."""
        code = """
            import threading
            threads = []
            def handler(event, context):
                threads.append(threading.get_ident())
                return [event, len(threads), len(set(threads))]
        """
        with Worker({"handler.py": code}, env=ENV) as worker:
            head = {"kind": "event", "event": {"type": "sf.call", "source": "/functions/a"}}
            idents = [worker.request(head, str(n).encode()) for n in range(10)]
            got = [json.loads(worker.answer(ident)[2]) for ident in idents]
        self.assertEqual(got, [[n, n + 1, 1] for n in range(10)])

    def test_an_exception_is_an_error(self):
        with Worker({"handler.py": "def handler(event, context):\n    raise SystemExit('out')\n"}, env=ENV) as worker:
            for _ in range(2):
                self.assertEqual(worker.event(b"{}", type="sf.call", source="/cli")["name"], "SystemExit")

    def test_a_decimal_in_an_answer_is_a_number(self):
        code = "from decimal import Decimal\ndef handler(event, context): return {'n': Decimal('1.5')}\n"
        with Worker({"handler.py": code}, env=ENV) as worker:
            self.assertEqual(worker.run({}), {"n": 1.5})


if __name__ == "__main__":
    unittest.main()
