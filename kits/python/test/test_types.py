"""The type definitions, by a type checker from PyPI."""

import os
import pathlib
import re
import subprocess
import unittest

from .host import Worker
from .venv import python_with

TYPES = pathlib.Path(__file__).parent.parent / "types"
SOURCE = pathlib.Path(__file__).parent / "typing"
TEMPLATE = pathlib.Path(__file__).parents[3] / "templates" / "python-http"


class Types(unittest.TestCase):
    def mypy(self, file):
        python = python_with(SOURCE / "requirements.txt")
        command = [python, "-m", "mypy", "--strict", "--no-incremental", "--cache-dir", os.devnull, "--hide-error-context", file]
        ran = subprocess.run(command, cwd=SOURCE, env={**os.environ, "MYPYPATH": str(TYPES)}, stdout=subprocess.PIPE, text=True)
        return ran.returncode, ran.stdout

    def test_handlers_are_without_errors(self):
        code, said = self.mypy("handlers.py")
        self.assertEqual(code, 0, said)

    def test_the_template_is_without_errors(self):
        code, said = self.mypy(str(TEMPLATE / "src" / "hello.py"))
        self.assertEqual(code, 0, said)

    def test_mistakes_are_found(self):
        lines = (SOURCE / "mistakes.py").read_text(encoding="utf-8").splitlines()
        expected = {number for number, line in enumerate(lines, 1) if "# wrong" in line}
        _, said = self.mypy("mistakes.py")
        self.assertEqual({int(number) for number in re.findall(r"^mistakes\.py:(\d+): error", said, re.M)}, expected, said)

    def test_the_names_exist_when_the_code_runs(self):
        files = {"handlers.py": (SOURCE / "handlers.py").read_text(encoding="utf-8")}
        with Worker(files, file="handlers.py", name="work") as worker:
            messages = [{"id": "1", "attempt": 1}, {"id": "2", "attempt": 2}]
            self.assertEqual(worker.run({"messages": messages}), {"failed": ["2"]})

    def test_classes_and_stubs_have_the_same_members(self):
        """Every public member of the running classes is in the stub, and the other way round."""
        code = """
            from sf_kit.data.aio import AsyncBucket, AsyncTable
            from sf_kit.data.buckets import Bucket
            from sf_kit.data.messages import Queue, Socket, Topic
            from sf_kit.data.tables import Table
            def handler(event, ctx):
                return {kind.__name__: [name for name in dir(kind) if not name.startswith("_")]
                        for kind in (AsyncBucket, AsyncTable, Bucket, Table, Queue, Topic, Socket)}
        """
        with Worker({"handler.py": code}) as worker:
            running = worker.run()
        stub = (TYPES / "sf_kit" / "__init__.pyi").read_text(encoding="utf-8")
        for kind, members in running.items():
            text = re.search(rf"^class {kind}\(.*?(?=^\S)", stub, re.M | re.S).group()
            declared = set(re.findall(r"def (\w+)\(", text))
            self.assertEqual(declared, set(members), kind)


if __name__ == "__main__":
    unittest.main()
