"""`ctx.queue(name)`, `ctx.topic(name)`, `ctx.socket(name)`."""

import json

from . import named
from .values import plain


def message_of(body, what):
    """(bytes, whether they are JSON): bytes as they are, everything else as JSON."""
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body), False
    return json.dumps(plain(body, what), ensure_ascii=False).encode(), True


class Queue:
    def __init__(self, driver, name):
        self._driver, self._name = driver, name

    def send(self, body, delay=0):
        """The message's id. JSON, or bytes; `delay` in seconds, at most 900."""
        what = f"send queue {self._name}"
        return self._driver.queue_send(what, self._name, *message_of(body, what), delay)


class Topic:
    def __init__(self, driver, name):
        self._driver, self._name = driver, name

    def publish(self, body, attributes=None):
        """The message's id. JSON, or bytes; attributes are texts, which subscriptions filter by."""
        what = f"publish topic {self._name}"
        for name, value in (attributes or {}).items():
            if not isinstance(name, str) or not isinstance(value, str):
                raise TypeError(f"{what}: the attribute {name!r} is {value!r}, which is not text")
        return self._driver.topic_publish(what, self._name, *message_of(body, what), attributes or {})


class Socket:
    def __init__(self, driver, name):
        self._driver, self._name = driver, name

    def send(self, connection, data):
        """Text, and values as JSON, in a text frame; bytes in a binary one. False when the client is gone."""
        what = f"send socket {self._name}"
        frame = (data.encode(), True) if isinstance(data, str) else message_of(data, what)
        return self._driver.socket_send(what, self._name, named(connection), *frame)

    def close(self, connection):
        self._driver.socket_close(f"close socket {self._name}", self._name, named(connection))
