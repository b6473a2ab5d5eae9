"""What `ctx` reaches, over the data API (docs/data-api.md). Loaded at the first use of a resource."""

import json
from _thread import allocate_lock
from time import monotonic
from urllib.parse import quote

from ..errors import NotFound
from .transport import Call, Transport
from .values import plain

SECRET_SECONDS = 300
_secrets = {}
_transports = {}
_lock = allocate_lock()


def segment(name):
    """A name or a key as one segment of a path."""
    if not isinstance(name, str) or not name:
        raise TypeError(f"a name or a key is text that is not empty, not {name!r}")
    # Many programs take a segment `.` or `..` for a way through the path.
    return name.replace(".", "%2E") if name in (".", "..") else quote(name, safe="")


class Resources:
    """The resources as one invocation reaches them: with its trace, and until its deadline."""

    def __init__(self, source, trace, deadline):
        with _lock:
            if source not in _transports:
                _transports[source] = Transport(*source)
        self._transport = _transports[source]
        self._trace, self._deadline = trace, deadline

    def open(self, method, path, what, **more):
        """An answer whose body is still to be read; raises for any status but 2xx. `what` begins the message of an error."""
        call = Call(method, path, what, self._deadline, **more)
        if self._trace:
            call.headers["traceparent"] = self._trace
        return self._transport.open(call)

    def ask(self, method, path, what, value=None, hook=None, **more):
        """The JSON of an answer."""
        if value is not None:
            more["body"] = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
            more["headers"] = {"content-type": "application/json", **more.get("headers", {})}
        answer = self.open(method, path, what, **more).bytes()
        return json.loads(answer, object_hook=hook) if answer else None

    def table(self, name):
        from .tables import Table

        return Table(self, name)

    def bucket(self, name):
        from .buckets import Bucket

        return Bucket(self, name)

    def queue(self, name):
        from .messages import Queue

        return Queue(self, name)

    def topic(self, name):
        from .messages import Topic

        return Topic(self, name)

    def socket(self, name):
        from .messages import Socket

        return Socket(self, name)

    def call(self, function, payload=None):
        """What the function returned. It is called once: a call that broke is not made again."""
        what = f"call function {function}"
        body = json.dumps(plain(payload, what), ensure_ascii=False).encode()
        headers = {"content-type": "application/json"}
        return self.ask("POST", f"/functions/{segment(function)}", what, body=body, headers=headers)

    def secret(self, name):
        known = _secrets.get(name)
        if known is None or known[1] < monotonic():
            value = self.open("GET", f"/secrets/{segment(name)}", f"read secret {name}", repeatable=True).bytes()
            known = _secrets[name] = value.decode(), monotonic() + SECRET_SECONDS
        return known[0]


def or_none(open_answer):
    """The answer, or None where there is no such thing."""
    try:
        return open_answer()
    except NotFound:
        return None
