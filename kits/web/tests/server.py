#!/usr/bin/env python3
"""Echoes what it gets as JSON, and does as the path or the event's data says."""

import http.server
import json
import os
import signal
import sys
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_any(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path == "/exit":
            os._exit(3)
        if self.path == "/hang":
            time.sleep(3600)
        if self.path == "/bytes":
            return self.answer(200, "image/png", b"\xff\x00")
        if self.path[1:].isdigit():
            # So many MiB, a third more as base64.
            return self.answer(200, "image/png", bytes(int(self.path[1:]) << 20))
        event = json.loads(body) if "ce-type" in self.headers else None
        if event is not None:
            return self.event(event)
        self.answer(200, "application/json", json.dumps(self.echo(body)).encode())

    do_GET = do_PUT = do_POST = do_any

    def event(self, event):
        if self.headers["ce-type"] == "sf.queue":
            bodies = [message["body"] for message in event["messages"]]
            status = max(body.get("answer", 200) for body in bodies)
            failed = [message["id"] for message in event["messages"] if message["body"].get("failed")]
            return self.answer(status, "application/json", json.dumps({"failed": failed}).encode())
        if self.headers["ce-type"] == "sf.schedule":
            return self.answer(500, "text/plain", b"")
        if self.headers["ce-type"] == "sf.socket.connect":
            return self.answer(int(event["query"]["answer"]), "text/plain", b"")
        if "text" in event:
            return self.answer(200, "text/plain", event["text"].encode())
        self.answer(200, "application/json", json.dumps({**self.echo(b""), "json": event}).encode())

    def echo(self, body):
        return {
            "method": self.command,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": list(body),
            "process": os.getpid(),
            "environment": dict(os.environ),
        }

    def answer(self, status, kind, body):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.send_header("set-cookie", "one=1; Path=/")
        self.send_header("set-cookie", "two=2")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def end(*_):
    with open("ended", "w") as file:
        file.write("tidied up")
    sys.exit()


signal.signal(signal.SIGTERM, end)
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
