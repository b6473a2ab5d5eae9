"""Frames of the worker protocol (docs/worker-protocol.md)."""

import json
from _socket import AF_INET, AF_INET6, IPPROTO_TCP, SOCK_STREAM, TCP_NODELAY, socket
from _struct import Struct
from _thread import allocate_lock
from os import set_inheritable

REQUEST, BODY, CANCEL, CREDIT, READY, RESPONSE, ERROR, FATAL = 1, 2, 3, 4, 16, 17, 18, 19
END = 1
WINDOW = 1 << 20
"""Bytes of one body that may be under way unacknowledged."""
ACKNOWLEDGE = 1 << 19
"""A receiver acknowledges at the latest after so many bytes."""

_HEADER = Struct(">IBI")
_RESPONSE = Struct(">IBIBI")
_COUNT = Struct(">I")


class Connection:
    """A connection to the host. Reading is for one thread; sending is for any."""

    def __init__(self, address):
        kind, _, rest = address.partition(":")
        # The C classes below `socket` and `threading`: importing those would be a third of what a cold start costs here.
        if kind == "fd":
            self._socket = socket(fileno=int(rest))
            set_inheritable(int(rest), False)
        elif kind == "unix":
            from _socket import AF_UNIX

            self._socket = socket(AF_UNIX, SOCK_STREAM)
            self._socket.connect(rest)
        else:
            host, _, port = rest.rpartition(":")
            host = host.strip("[]")
            self._socket = socket(AF_INET6 if ":" in host else AF_INET, SOCK_STREAM)
            # As bytes, since a str would go through the codec of international names.
            self._socket.connect((host.encode(), int(port)))
            self._socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        self._lock = allocate_lock()

    def frames(self):
        """Yields (type, id, payload) until the host is gone."""
        rest = bytearray()
        while True:
            try:
                chunk = self._socket.recv(262144)
            except OSError:
                return
            if not chunk:
                return
            rest += chunk
            at = 0
            while len(rest) - at >= _HEADER.size:
                length, kind, ident = _HEADER.unpack_from(rest, at)
                end = at + 4 + length
                if len(rest) < end:
                    break
                yield kind, ident, bytes(rest[at + _HEADER.size : end])
                at = end
            del rest[:at]

    def _send(self, data):
        with self._lock:
            self._socket.sendall(data)

    def send_json(self, kind, ident, value):
        payload = json.dumps(value).encode()
        self._send(_HEADER.pack(5 + len(payload), kind, ident) + payload)

    def send_body(self, ident, data, last):
        self._send(_HEADER.pack(6 + len(data), BODY, ident) + (b"\1" if last else b"\0") + data)

    def send_credit(self, ident, count):
        self._send(_HEADER.pack(9, CREDIT, ident) + _COUNT.pack(count))

    def send_response(self, ident, status, headers, data, last):
        head = json.dumps({"status": status, "headers": headers}).encode()
        fixed = _RESPONSE.pack(10 + len(head) + len(data), RESPONSE, ident, END if last else 0, len(head))
        self._send(fixed + head + data)
