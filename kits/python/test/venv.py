"""Virtual environments for tests, kept under the repository's `target/`."""

import functools
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import unittest

TARGET = pathlib.Path(__file__).parent.parent.parent.parent / "target" / "python-tests"


@functools.lru_cache(None)
def python_with(requirements):
    """The interpreter of an environment that has what a requirements file says; skips the test where pip cannot get it."""
    text = pathlib.Path(requirements).read_bytes() + sys.version.encode()
    folder = TARGET / hashlib.sha256(text).hexdigest()[:16]
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    done = folder / "complete"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        for command in (
            [sys.executable, "-m", "venv", str(folder)],
            [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "-r", str(requirements)],
        ):
            ran = subprocess.run(command, **quiet)
            if ran.returncode != 0:
                raise unittest.SkipTest(f"{' '.join(command[1:4])} failed: {ran.stdout.strip()[-400:]}")
        done.touch()
    return str(python)
