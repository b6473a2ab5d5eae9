"""A small host that speaks the worker protocol, written from docs/worker-protocol.md and not from the kit's code."""

import json
import os
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import textwrap

MAIN = pathlib.Path(__file__).parent.parent / "runtime" / "main.py"
REQUEST, BODY, CANCEL, CREDIT, READY, RESPONSE, ERROR, FATAL = 1, 2, 3, 4, 16, 17, 18, 19
DEADLINE_S = 20


def http_head(method="GET", url="http://h/", params=None, headers=()):
    pairs = [["x-a", "1"], *headers]
    return {"kind": "http", "method": method, "url": url, "headers": pairs, "params": params or {}, "auth": None}


class Answer(tuple):
    """Status, headers, body; `pairs` keeps headers of one name apart."""

    pairs = ()


class Worker:
    """The kit, running `files` (name -> text)."""

    def __init__(self, files, file="handler.py", name="handler", env=None, python=sys.executable):
        self._folder = tempfile.TemporaryDirectory()
        work = pathlib.Path(self._folder.name, "work")
        for path, text in files.items():
            target = work / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(textwrap.dedent(text), encoding="utf-8")
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(DEADLINE_S)
        own, env = env or {}, {key: os.environ[key] for key in ("PATH", "SYSTEMROOT") if key in os.environ}
        env |= {"SF_WORKER_SOCKET": f"tcp:127.0.0.1:{listener.getsockname()[1]}", "SF_WORKER_TOKEN": "token"}
        env |= {"SF_HANDLER_FILE": file, "SF_HANDLER_EXPORT": name, "SF_STAGE": "dev", "SF_FUNCTION": "f"}
        env |= own
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen([python, str(MAIN)], cwd=work, env=env, **pipes)
        self._socket, _ = listener.accept()
        listener.close()
        self._socket.settimeout(DEADLINE_S)
        self._next = 1
        self.first = self.frame()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends the connection; what the worker printed."""
        self._socket.close()
        printed = self.process.communicate(timeout=DEADLINE_S)
        self._folder.cleanup()
        return [text.decode() for text in printed]

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            chunk = self._socket.recv(count - len(data))
            if not chunk:
                raise EOFError("the worker closed the connection")
            data += chunk
        return data

    def frame(self):
        length, kind, ident = struct.unpack(">IBI", self._exactly(9))
        return kind, ident, self._exactly(length - 5)

    def send(self, kind, ident, payload):
        self._socket.sendall(struct.pack(">IBI", 5 + len(payload), kind, ident) + payload)

    def request(self, head, body=b"", last=True):
        ident, self._next = self._next, self._next + 1
        head = json.dumps({"id": f"i{ident}", "deadline_ms": 4e12, "trace": "00-a-b-01", **head}).encode()
        self.send(REQUEST, ident, bytes([last]) + struct.pack(">I", len(head)) + head + body)
        return ident

    def http(self, method="GET", url="http://h/", body=b"", params=None, headers=()):
        """Status, headers, body."""
        return self.answer(self.request(http_head(method, url, params, headers), body))

    def event(self, data, kind="application/json", **attributes):
        event = {"specversion": "1.0", "id": "e", "type": "sf.invoke", "source": "/", "datacontenttype": kind, **attributes}
        return self.answer(self.request({"kind": "event", "event": event}, data))

    def run(self, data=None):
        """What an event's handler returned."""
        answer = self.event(json.dumps(data).encode())
        if isinstance(answer, dict):
            raise AssertionError(answer["stack"])
        return json.loads(answer[2])

    def answer(self, ident):
        kind, got, payload = self.frame()
        while kind == CREDIT:
            kind, got, payload = self.frame()
        assert got == ident, (got, ident)
        if kind == ERROR:
            return json.loads(payload)
        assert kind == RESPONSE, kind
        last, length = payload[0], struct.unpack(">I", payload[1:5])[0]
        head, body = json.loads(payload[5 : 5 + length]), payload[5 + length :]
        while not last & 1:
            kind, _, payload = self.frame()
            if kind == BODY:
                last, body = payload[0], body + payload[1:]
                self.send(CREDIT, ident, struct.pack(">I", len(payload) - 1))
        answer = Answer((head["status"], dict(head["headers"]), body))
        answer.pairs = [tuple(pair) for pair in head["headers"]]
        return answer
