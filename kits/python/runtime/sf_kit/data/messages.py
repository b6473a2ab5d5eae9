"""`ctx.queue(name)`, `ctx.topic(name)`, `ctx.socket(name)`."""

import json

from . import segment
from .values import plain

BYTES = "application/octet-stream"


def message_of(body, what):
    """(body, headers): bytes as they are, everything else as JSON."""
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body), {"content-type": BYTES}
    text = json.dumps(plain(body, what), ensure_ascii=False)
    return text.encode(), {"content-type": "application/json"}


class Queue:
    def __init__(self, resources, name):
        self._resources, self._name = resources, name

    def send(self, body, delay=0):
        """The message's id. JSON, or bytes; `delay` in seconds, at most 900."""
        what = f"send queue {self._name}"
        data, headers = message_of(body, what)
        if delay:
            headers["x-sf-delay"] = str(delay)
        path = f"/queues/{segment(self._name)}/messages"
        return self._resources.ask("POST", path, what, body=data, headers=headers)["id"]


class Topic:
    def __init__(self, resources, name):
        self._resources, self._name = resources, name

    def publish(self, body, attributes=None):
        """The message's id. JSON, or bytes; attributes are texts, which subscriptions filter by."""
        what = f"publish topic {self._name}"
        data, headers = message_of(body, what)
        for name, value in (attributes or {}).items():
            if not isinstance(name, str) or not isinstance(value, str):
                raise TypeError(f"{what}: the attribute {name!r} is {value!r}, which is not text")
        if attributes:
            # A header holds ASCII, and `json.dumps` writes nothing else.
            headers["x-sf-attributes"] = json.dumps(attributes)
        path = f"/topics/{segment(self._name)}/messages"
        return self._resources.ask("POST", path, what, body=data, headers=headers)["id"]


class Socket:
    def __init__(self, resources, name):
        self._resources, self._name = resources, name

    def _path(self, connection):
        return f"/sockets/{segment(self._name)}/connections/{segment(connection)}"

    def send(self, connection, data):
        """Text, and values as JSON, in a text frame; bytes in a binary one. False when the client is gone."""
        what = f"send socket {self._name}"
        if isinstance(data, str):
            body, headers = data.encode(), {"content-type": "text/plain"}
        else:
            body, headers = message_of(data, what)
            headers["content-type"] = BYTES if headers["content-type"] == BYTES else "text/plain"
        return self._resources.ask("POST", self._path(connection), what, body=body, headers=headers)["delivered"]

    def close(self, connection):
        self._resources.open("DELETE", self._path(connection), f"close socket {self._name}", repeatable=True).bytes()
