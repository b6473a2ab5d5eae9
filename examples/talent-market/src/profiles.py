import json
from pathlib import Path

_FILE = Path(__file__).parent.parent / "data" / "profiles.json"


def profiles():
    return json.loads(_FILE.read_text(encoding="utf-8"))
