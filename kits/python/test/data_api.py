"""A data API for tests, written from docs/data-api.md and not from the kit's code. It keeps what it is given, and remembers each request."""

import base64
import hashlib
import json
import threading
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

BASE = "/v1/apps/shop/dev/data"
TOKEN = "of-the-function"
META = "x-sf-meta-"


class Refused(Exception):
    def __init__(self, status, code, message, hint=None):
        self.status, self.body = status, {"code": code, "message": message, "hint": hint}


class DataApi:
    def __init__(self):
        self.tables, self.objects, self.sent, self.requests = {}, {}, [], []
        self.secrets, self.functions, self.connections = {"key": b"s3cret"}, {}, {"c1": []}
        self.changes = 0
        self.hang_up = 0
        """So many of the next requests are answered by closing the connection."""
        self.close_next, self.ended = False, threading.Event()
        """The next answer is the last on its connection; the event tells that it has ended."""
        self.opened = 0
        api = self

        class Handler(Answers):
            state = api

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def env(self):
        return {"SF_DATA_URL": f"http://127.0.0.1:{self.server.server_port}{BASE}", "SF_DATA_TOKEN": TOKEN}

    def version(self):
        self.changes += 1
        return f"v{self.changes}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state = None

    def setup(self):
        super().setup()
        self.state.opened += 1

    def finish(self):
        super().finish()
        self.state.ended.set()

    def log_message(self, *_):
        pass

    def do_any(self):
        state, parts = self.state, urlsplit(self.path)
        if state.hang_up > 0:
            state.hang_up -= 1
            self.close_connection = True
            return
        try:
            if not parts.path.startswith(BASE):
                raise Refused(404, "not-found", f"no such path {self.path}")
            if self.headers.get("authorization") != f"Bearer {TOKEN}":
                raise Refused(401, "unauthorized", "the token is missing or wrong")
            segments = [unquote(part) for part in parts.path[len(BASE) + 1 :].split("/")]
            state.requests.append((self.command, self.path[len(BASE) :], dict(self.headers.items())))
            handler = getattr(self, f"of_{segments[0]}", None)
            if handler is None or segments[1:2] == ["forbidden"]:
                raise Refused(403, "not-granted", 'function "f" may not use this', "add it to `uses`")
            self.query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            handler(*segments[1:])
        except Refused as refused:
            self.drain()
            self.reply(refused.status, json.dumps(refused.body).encode(), {"content-type": "application/json"})

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_any

    # Bodies

    def chunks(self):
        if self.headers.get("transfer-encoding") == "chunked":
            while True:
                size = int(self.rfile.readline(), 16)
                chunk = self.rfile.read(size)
                self.rfile.readline()
                if not size:
                    return
                yield chunk
        left = int(self.headers.get("content-length", 0))
        while left > 0:
            chunk = self.rfile.read(min(left, 65536))
            if not chunk:
                raise ConnectionError("cut off")
            left -= len(chunk)
            yield chunk

    def body(self):
        if not hasattr(self, "_body"):
            self._body = b"".join(self.chunks())
        return self._body

    def drain(self):
        self.body()

    def handle_one_request(self):
        self.__dict__.pop("_body", None)
        super().handle_one_request()

    def json(self):
        if self.headers.get("content-type") != "application/json":
            raise Refused(400, "bad-request", "the body is not JSON")
        return json.loads(self.body())

    def reply(self, status, body=b"", headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204 and not any(name == "content-length" for name in headers or ()):
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        if self.state.close_next:
            self.state.close_next, self.close_connection = False, True

    def answer(self, value):
        self.reply(200, json.dumps(value).encode(), {"content-type": "application/json"})

    # Tables

    def of_tables(self, name, operation):
        body = self.json()
        if name not in self.state.tables:
            raise Refused(404, "not-found", f'no table "{name}"')
        table = self.state.tables[name]
        allowed = {"get": {"key"}, "put": {"item", "ifAbsent", "ifVersion"}, "delete": {"key", "ifVersion"}}
        allowed |= {"query": {"partition", "sort", "reverse", "limit", "cursor"}, "scan": {"limit", "cursor"}}
        if set(body) - allowed[operation] or None in body.values():
            raise Refused(400, "bad-request", f"members {sorted(body)}")
        getattr(self, f"table_{operation}")(table, body)

    @staticmethod
    def key(table, item):
        return json.dumps([item[name] for name in table["key"]])

    def table_get(self, table, body):
        self.answer(table["items"].get(self.key(table, body["key"]), {"item": None}))

    def table_put(self, table, body):
        size = len(json.dumps(body["item"]))
        if size > 400_000:
            raise Refused(413, "too-large", f"an item has at most 400000 bytes, this one has {size}")
        key = self.key(table, body["item"])
        self.check(table["items"].get(key), body)
        table["items"][key] = {"item": body["item"], "version": self.state.version()}
        self.answer({"version": table["items"][key]["version"]})

    def table_delete(self, table, body):
        key = self.key(table, body["key"])
        self.check(table["items"].get(key), body)
        self.answer({"existed": table["items"].pop(key, None) is not None})

    @staticmethod
    def check(stored, body):
        if body.get("ifAbsent") and stored is not None:
            raise Refused(409, "conflict", "there is one")
        if "ifVersion" in body and (stored is None or stored["version"] != body["ifVersion"]):
            raise Refused(409, "conflict", "the version is another")

    def table_query(self, table, body):
        partition, sort = table["key"]
        found = [entry for entry in table["items"].values() if entry["item"][partition] == body["partition"]]
        operator, operand = next(iter(body.get("sort", {"gte": float("-inf")}).items()))
        holds = {
            "eq": lambda v: v == operand,
            "lt": lambda v: v < operand,
            "lte": lambda v: v <= operand,
            "gt": lambda v: v > operand,
            "gte": lambda v: v >= operand,
            "between": lambda v: operand[0] <= v <= operand[1],
            "prefix": lambda v: v.startswith(operand),
        }[operator]
        found = [entry for entry in found if holds(entry["item"][sort])]
        found.sort(key=lambda entry: entry["item"][sort], reverse=body.get("reverse", False))
        self.page(found, body)

    def table_scan(self, table, body):
        self.page(list(table["items"].values()), body)

    def page(self, found, body):
        limit = body.get("limit", 100)
        if not isinstance(limit, int) or not 1 <= limit <= 1000:
            raise Refused(400, "bad-request", "`limit` is 1 to 1000")
        start = int(body.get("cursor", 0))
        end = start + limit
        self.answer({"items": found[start:end], "cursor": str(end) if end < len(found) else None})

    # Buckets

    def of_buckets(self, name, what, key=None):
        if what == "url":
            body = self.json()
            return self.answer({"url": f"http://x/{body['key']}?{body['method']}&{body['expires']}"})
        if key is None:
            return self.list_objects(name)
        getattr(self, f"object_{self.command.lower()}")((name, key))

    def object_get(self, key):
        stored = self.state.objects.get(key)
        if stored is None:
            raise Refused(404, "not-found", "no such key")
        data, status, more = stored["data"], 200, {}
        if "range" in self.headers:
            first, _, last = self.headers["range"][len("bytes=") :].partition("-")
            part = data[int(first) : int(last) + 1 if last else None]
            if not part:
                raise Refused(416, "range-not-satisfiable", f"the object has {len(data)} bytes")
            more = {"content-range": f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"}
            data, status = part, 206
        headers = {"content-type": stored["type"], "etag": stored["etag"], "last-modified": formatdate(0, usegmt=True)}
        headers |= {META + name: value for name, value in stored["meta"].items()} | more
        headers["content-length"] = str(len(data) + stored.get("lie", 0))
        self.reply(status, data, headers)
        self.close_connection = self.close_connection or bool(stored.get("lie"))

    object_head = object_get

    def object_put(self, key):
        digest, size, data = hashlib.md5(), 0, b""
        for chunk in self.chunks():
            digest.update(chunk)
            size += len(chunk)
            data += chunk if size <= 1 << 20 else b""
        self._body = b""
        stored = self.state.objects.get(key)
        if self.headers.get("if-none-match") == "*" and stored is not None:
            raise Refused(409, "conflict", "there is one")
        if "if-match" in self.headers and (stored is None or stored["etag"] != self.headers["if-match"]):
            raise Refused(409, "conflict", "the etag is another")
        meta = {name[len(META) :]: value for name, value in self.headers.items() if name.startswith(META)}
        etag = f'"{digest.hexdigest()}"'
        self.state.objects[key] = {"data": data, "type": self.headers["content-type"], "etag": etag, "meta": meta, "size": size}
        self.answer({"etag": etag, "size": size})

    def object_delete(self, key):
        self.state.objects.pop(key, None)
        self.reply(204)

    def list_objects(self, bucket):
        prefix, delimiter = self.query.get("prefix", ""), self.query.get("delimiter")
        keys = sorted(key for name, key in self.state.objects if name == bucket and key.startswith(prefix))
        prefixes = set()
        if delimiter:
            deeper = [key for key in keys if delimiter in key[len(prefix) :]]
            prefixes = {prefix + key[len(prefix) :].split(delimiter)[0] + delimiter for key in deeper}
            keys = [key for key in keys if key not in deeper]
        start, limit = int(self.query.get("cursor", 0)), int(self.query.get("limit", 1000))
        entries = []
        for key in keys[start : start + limit]:
            stored = self.state.objects[bucket, key]
            entries.append({"key": key, "size": len(stored["data"]), "etag": stored["etag"], "modified": "2026-01-01T00:00:00Z"})
        cursor = str(start + limit) if start + limit < len(keys) else None
        self.answer({"objects": entries, "prefixes": sorted(prefixes), "cursor": cursor})

    # Messages and the rest

    def of_queues(self, name, _messages):
        if len(self.body()) > 256 * 1024:
            raise Refused(413, "too-large", "a message has at most 256 KiB")
        self.state.sent.append((name, self.headers["content-type"], self.body(), self.headers.get("x-sf-delay")))
        self.answer({"id": f"m{len(self.state.sent)}"})

    def of_topics(self, name, _messages):
        self.state.sent.append((name, self.headers["content-type"], self.body(), self.headers.get("x-sf-attributes")))
        self.answer({"id": f"m{len(self.state.sent)}"})

    def of_sockets(self, _name, _connections, connection):
        if self.command == "DELETE":
            self.state.connections.pop(connection, None)
            return self.reply(204)
        frames = self.state.connections.get(connection)
        if frames is not None:
            frames.append((self.headers["content-type"], base64.b64encode(self.body()).decode()))
        self.body()
        self.answer({"delivered": frames is not None})

    def of_functions(self, name):
        payload = self.json()
        if name == "broken":
            raise Refused(502, "function-threw", "ValueError: no")
        self.answer({"of": name, "payload": payload})

    def of_secrets(self, name):
        if name not in self.state.secrets:
            raise Refused(404, "not-found", f'secret "{name}" has no value', f"sf secret set {name}")
        self.reply(200, self.state.secrets[name])
