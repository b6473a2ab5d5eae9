"""`ctx`: what a handler knows of its invocation."""

import json
import os
import sys
import threading

FUNCTION = os.environ.get("SF_FUNCTION", "")
PROJECT = os.environ.get("SF_PROJECT", "")
STAGE = os.environ.get("SF_STAGE", "")
PROVIDER = os.environ.get("SF_PROVIDER", "")
_PRINTING = threading.Lock()


class Log:
    """One JSON line a call, with the invocation's and the trace's ids."""

    def __init__(self, ctx):
        self._ctx = ctx

    def _line(self, level, message, fields):
        from time import gmtime, strftime, time

        now = time()
        stamp = f"{strftime('%Y-%m-%dT%H:%M:%S', gmtime(now))}.{int(now * 1000) % 1000:03d}Z"
        record = {"time": stamp, "level": level, "message": str(message), "function": FUNCTION}
        record.update(invocation=self._ctx.id, trace=self._ctx.trace)
        if fields:
            record["fields"] = fields
        with _PRINTING:
            sys.stdout.write(json.dumps(record, ensure_ascii=False, default=str) + "\n")
            sys.stdout.flush()

    def debug(self, message, fields=None):
        self._line("debug", message, fields)

    def info(self, message, fields=None):
        self._line("info", message, fields)

    def warn(self, message, fields=None):
        self._line("warn", message, fields)

    def error(self, message, fields=None):
        self._line("error", message, fields)


class Context:
    """The same members as the other kits' contexts."""

    function, project, stage, provider = FUNCTION, PROJECT, STAGE, PROVIDER

    def __init__(self, head, cancelled):
        self.params = head.get("params") or {}
        self.auth = head.get("auth")
        self.id = head["id"]
        self.trace = head.get("trace")
        self._deadline_ms = head["deadline_ms"]
        self._cancelled = cancelled

    @property
    def deadline(self):
        """When the call is given up: seconds since the Unix epoch."""
        return self._deadline_ms / 1000

    @property
    def cancelled(self):
        """Whether nobody waits for the answer any more."""
        return self._cancelled()

    @property
    def log(self):
        return Log(self)


def _missing(name):
    def unavailable(self, *_args, **_kwargs):
        raise RuntimeError(f"ctx.{name} is not available on {PROVIDER} yet")

    return unavailable


for _name in ("table", "bucket", "queue", "topic", "socket", "workflow", "call", "secret"):
    setattr(Context, _name, _missing(_name))
