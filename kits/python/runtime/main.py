"""Runs one function for the embedded host: loads the handler, connects, answers frames (docs/worker-protocol.md)."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

from sf_kit.worker import main  # noqa: E402

main()
