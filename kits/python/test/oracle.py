"""The strict AWS counterpart, started once for all tests of a process. It lies beside the repository, or where SF_ORACLES says."""

import atexit
import functools
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).parents[3]
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@functools.lru_cache(None)
def start():
    """Its address. The AWS SDK that it has can be imported from then on."""
    folder = pathlib.Path(os.environ.get("SF_ORACLES") or ROOT.parent / "shared" / "oracles") / "aws"
    if not (folder / "start").exists():
        raise unittest.SkipTest(f"there is no AWS counterpart at {folder}: set SF_ORACLES")
    cache = pathlib.Path(os.environ.get("SF_ORACLE_CACHE") or ROOT / "target" / "oracles" / "aws")
    port, said = free_port(), tempfile.TemporaryFile()
    env = {**os.environ, "SF_ORACLE_CACHE": str(cache)}
    process = subprocess.Popen([str(folder / "start"), "--port", str(port)], env=env, stdout=subprocess.PIPE, stderr=said)
    atexit.register(stop, process)
    if not process.stdout.readline().startswith(b"ready"):
        said.seek(0)
        reason = f"the AWS counterpart did not start: {said.read().decode()[-2000:]}"
        # It installs itself at its first start: where no registry answers, that is nobody's mistake.
        raise AssertionError(reason) if (cache / ".requirements").exists() else unittest.SkipTest(reason)
    sys.path.extend(str(path) for path in cache.glob("lib/python*/site-packages") if str(path) not in sys.path)
    address = f"http://127.0.0.1:{port}"
    os.environ.update(KEYS, AWS_ENDPOINT_URL=address)
    return address


def stop(process):
    process.terminate()
    process.wait()
    process.stdout.close()


@functools.lru_cache(None)
def client(service):
    """A client of the counterpart's own root user."""
    address = start()
    from botocore.session import Session

    return Session().create_client(service, region_name="us-east-1", endpoint_url=address)


def waiter(service, name, **parameters):
    """Waits for what the API says, not for a time."""
    client(service).get_waiter(name).wait(WaiterConfig={"Delay": 0.1, "MaxAttempts": 300}, **parameters)


@functools.lru_cache(None)
def answers_head():
    """Its gate fails on every HEAD that is about something, with some versions of the library that it is written with."""
    from botocore.exceptions import ClientError

    client("s3").create_bucket(Bucket="answers-head")
    client("s3").put_object(Bucket="answers-head", Key="k", Body=b"")
    try:
        client("s3").head_object(Bucket="answers-head", Key="k")
        return True
    except ClientError:
        return False


def table(name, *key, ttl=None, stream=False):
    """`key`: (attribute, S, N or B)."""
    kinds = ("HASH", "RANGE")
    more = {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}} if stream else {}
    client("dynamodb").create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST", **more,
        KeySchema=[{"AttributeName": one, "KeyType": kind} for (one, _), kind in zip(key, kinds)],
        AttributeDefinitions=[{"AttributeName": one, "AttributeType": kind} for one, kind in key],
    )
    waiter("dynamodb", "table_exists", TableName=name)
    if ttl:
        client("dynamodb").update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": ttl})
