"""Applications made with the frameworks that people deploy on Lambda, unmodified: they and their adapters come from PyPI."""

import json
import pathlib
import unittest

from .host import Worker
from .venv import python_with

SOURCE = pathlib.Path(__file__).parent / "frameworks"
HEADERS = (("host", "market.example:8080"), ("user-agent", "test"), ("x-forwarded-for", "192.0.2.1"), ("cookie", "c=3; d=4"))


class Frameworks(unittest.TestCase):
    def start(self, file, name, payload):
        python = python_with(SOURCE / "requirements.txt")
        env = {"SF_INTERFACE": "lambda", "SF_PAYLOAD": payload}
        return Worker({file: (SOURCE / file).read_text(encoding="utf-8")}, file=file, name=name, env=env, python=python)

    def send(self, worker, method, path, kind=None, body=b""):
        headers = [*HEADERS, *([("content-type", kind)] if kind else [])]
        answer = worker.http(method, f"http://market.example:8080{path}", body, headers=headers)
        self.assertNotIsInstance(answer, dict, answer)
        return answer

    def check(self, file, name, payload):
        with self.start(file, name, payload) as worker:
            status, headers, body = self.send(worker, "GET", "/profiles/a%20b?x=1&x=2&y=%C3%A9")
            self.assertEqual((status, headers["content-type"].split(";")[0]), (201, "application/json"))
            seen = {"id": "a b", "agent": "test", "cookie": "4", "user": "192.0.2.1", "query": {"x": ["1", "2"], "y": ["é"]}}
            self.assertEqual(json.loads(body), seen)
            self.assertEqual(json.loads(self.send(worker, "GET", "/profiles/%ED%95%9C")[2])["id"], "한")
            answer = self.send(worker, "POST", "/json", "application/json", '{"a":"ü"}'.encode())
            self.assertEqual(json.loads(answer[2]), {"a": "ü"})
            answer = self.send(worker, "POST", "/form", "application/x-www-form-urlencoded", b"a=1&b=%C3%A9")
            self.assertEqual(json.loads(answer[2]), {"a": "1", "b": "é"})
            data = bytes(range(256)) * 400
            self.assertEqual(self.send(worker, "POST", "/bytes", "application/octet-stream", data)[2], data)
            answer = self.send(worker, "GET", "/cookies")
            cookies = [value.split(";")[0] for name, value in answer.pairs if name == "set-cookie"]
            self.assertEqual((cookies, answer[2]), (["a=1", "b=2"], b"set"))
            status, headers, _ = self.send(worker, "GET", "/moved")
            self.assertEqual((status, headers["location"]), (302, "http://market.example:8080/profiles/7"))
            self.assertEqual(self.send(worker, "GET", "/nowhere")[0], 404)
            self.check_failure(worker)
            self.assertEqual(self.send(worker, "GET", "/profiles/7")[0], 201, "it lives on")

    def check_failure(self, worker):
        self.assertEqual(self.send(worker, "GET", "/fails")[0], 500)

    def test_flask_by_apig_wsgi(self):
        for payload in ("2.0", "1.0"):
            with self.subTest(payload=payload):
                self.check("flask_app.py", "by_apig_wsgi", payload)

    def test_flask_by_serverless_wsgi(self):
        for payload in ("2.0", "1.0"):
            with self.subTest(payload=payload):
                self.check("flask_app.py", "by_serverless_wsgi", payload)

    def test_fastapi_by_mangum(self):
        for payload in ("2.0", "1.0"):
            with self.subTest(payload=payload):
                self.check("fastapi_app.py", "handler", payload)


if __name__ == "__main__":
    unittest.main()
