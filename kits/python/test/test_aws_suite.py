"""`ctx` on AWS's own APIs, by the conformance suite's cases: the drivers run in this process against the strict counterpart."""

import importlib.util
import pathlib
import time
import types
import unittest

from . import aws, oracle
from .suite import Player, cases

OPERATE = pathlib.Path(__file__).parents[2] / "conformance" / "python" / "operate.py"
KEYS = {
    "items": [["id", "string"]],
    "pairs": [["id", "string"], ["name", "string"]],
    "numbers": [["id", "string"], ["at", "number"]],
    "watched": [["id", "string"]],
    "events": [["run", "string"], ["at", "string"]],
}
KINDS = {"string": "S", "number": "N", "bytes": "B"}


def physical(name):
    return f"suite-py-{name}"


def config_text(function, uses, secrets):
    import json

    given = {"project": "conformance", "stage": "python", "function": function, "uses": uses, "secrets": secrets}
    return json.dumps(given)


class Suite(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        oracle.start()
        for name, key in KEYS.items():
            oracle.table(physical(name), *((one, KINDS[kind]) for one, kind in key), ttl="expires" if name == "items" else None)
        oracle.client("s3").create_bucket(Bucket=physical("files"))
        oracle.client("sqs").create_queue(QueueName=physical("work"))
        oracle.client("sns").create_topic(Name=physical("news"))
        oracle.client("secretsmanager").create_secret(Name="suite/py/greeting", SecretString="grüße 👋 from the suite")
        oracle.client("secretsmanager").create_secret(Name="suite/py/unset")
        uses = {name: {"table": physical(name), "key": key, "access": "read-write"} for name, key in KEYS.items()}
        uses["items"]["ttl"] = "expires"
        uses["files"] = {"bucket": physical("files"), "access": "read-write"}
        uses["work"], uses["news"] = {"queue": physical("work"), "access": "write"}, {"topic": physical("news"), "access": "write"}
        stranger = {"items": {**uses["items"], "access": "read"}}
        secrets = {"greeting": "suite/py/greeting", "unset": "suite/py/unset"}
        cls.configs = {"operate": (uses, secrets), "stranger": (stranger, {})}
        spec = importlib.util.spec_from_file_location("operate", OPERATE)
        cls.operate = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(cls.operate)

    def ask(self, function, step):
        from sf_kit.data import Resources, _secrets
        from sf_kit_aws.config import Config, Place
        from sf_kit_aws.driver import AwsDriver

        _secrets.clear()  # several functions share this process, and only this one
        config = Config(config_text(function, *self.configs[function]))
        config.place = Place(aws.ARN)
        ctx = Resources(AwsDriver(config, types.SimpleNamespace(deadline=time.time() + 300, trace="")))
        request = types.SimpleNamespace(json=lambda: step)
        return self.operate.operate(request, ctx)


def without_head(steps):
    """The counterpart's gate cannot answer HEAD here: what a case reads with it, it reads with GET."""
    return [{**step, "op": "bucket.get"} if step.get("op") == "bucket.head" else step for step in steps]


def add_tests():
    found = list(cases())
    assert len(found) > 25, "the suite has its cases"
    for at, case in enumerate(found):

        def test(self, at=at, case=case):
            if any(step.get("op") == "bucket.head" for step in case["steps"]) and not oracle.answers_head():
                case = {**case, "steps": without_head(case["steps"])}
            Player(self.ask, f"py{at}").play(case)

        test.__doc__ = case["name"]
        setattr(Suite, "test_" + "".join(char if char.isalnum() else "_" for char in case["name"]), test)


add_tests()

if __name__ == "__main__":
    unittest.main()
