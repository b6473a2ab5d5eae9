"""What Lambda starts for portable functions: `sf_lambda.handler`. At the artifact's root, since Lambda imports handlers as modules."""

import os
import sys

_ROOT = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(_ROOT, ".sf-kit"))

from sf_kit_aws import start  # noqa: E402

# Here, and not at the first event: the time before it has the whole processor, whatever the function's memory.
handler = start(_ROOT, os.environ)
