"""Plays those cases of the conformance suite that need nothing but `ctx`: a small reading of kits/conformance/README.md."""

import concurrent.futures
import json
import pathlib
import urllib.error
import urllib.request

SUITE = pathlib.Path(__file__).parents[2] / "conformance" / "suite"
RUN_OP = {"op", "with", "as", "expect", "error", "hint", "save", "times", "together"}
FETCH = {"fetch", "expect"}


def cases():
    """Each case whose steps are all of this kind; the tables that events are written to, nobody writes to here."""
    for file in sorted(SUITE.glob("*.json")):
        for case in json.loads(file.read_text(encoding="utf-8")):
            if all(set(step) <= RUN_OP and step["op"] not in ("context", "log", "call") or set(step) <= FETCH for step in case["steps"]):
                yield case


class Player:
    """`operate(function, step)` does what a step says and gives `{"ok"}` or `{"error"}`."""

    def __init__(self, operate, run):
        self._operate, self._saved = operate, {"run": run}

    def play(self, case):
        for step in case["steps"]:
            value = self.fetch(self.filled(step["fetch"])) if "fetch" in step else self.call(step)
            if "expect" in step:
                problem = mismatch(self.filled(step["expect"]), value)
                if problem:
                    raise AssertionError(f"{json.dumps(step, ensure_ascii=False)[:300]}: {problem}")
            self.save(step.get("save"), value)

    def call(self, step):
        function = step.get("as", "operate")
        if "times" in step:
            each = [{"op": step["op"], **self.filled(step["with"], {"nth": f"{n:03}"})} for n in range(step["times"])]
            if step.get("together"):
                with concurrent.futures.ThreadPoolExecutor(step["times"]) as pool:
                    return list(pool.map(lambda one: self._operate(function, one), each))
            return [self._operate(function, one) for one in each]
        answer = self._operate(function, {"op": step["op"], **self.filled(step["with"])})
        if "error" not in step:
            if "error" in answer:
                raise AssertionError(f"{json.dumps(step, ensure_ascii=False)[:300]}: {answer['error']}")
            return answer["ok"]
        failure = answer.get("error") or {}
        if failure.get("code") != step["error"] or step.get("hint", "") not in (failure.get("hint") or ""):
            raise AssertionError(f"{json.dumps(step, ensure_ascii=False)[:300]}: {str(answer)[:300]}")
        return None

    def fetch(self, asked):
        body = asked.get("body")
        request = urllib.request.Request(asked["url"], data=body and body.encode(), method=asked["method"])
        try:
            with urllib.request.urlopen(request) as answer:
                return {"status": answer.status, "headers": {name.lower(): value for name, value in answer.headers.items()}, "body": answer.read().decode()}
        except urllib.error.HTTPError as error:
            return {"status": error.code}

    def save(self, what, value):
        for name, pointer in ({what: ""} if isinstance(what, str) else what or {}).items():
            part = value
            for member in pointer.split("/")[1:]:
                part = part[int(member) if isinstance(part, list) else member]
            self._saved[name] = part

    def filled(self, value, more=()):
        known = {**self._saved, **dict(more)}
        if isinstance(value, str):
            for name, text in known.items():
                value = value.replace(f"{{{name}}}", str(text)) if isinstance(text, str) else value
            return value
        if isinstance(value, list):
            return [self.filled(part, more) for part in value]
        if not isinstance(value, dict):
            return value
        if "$saved" in value:
            return known[value["$saved"]]
        if "$repeat" in value:
            return value["$repeat"][0] * value["$repeat"][1]
        return {name: self.filled(part, more) for name, part in value.items()}


def mismatch(expected, value):
    """What is wrong, or nothing."""
    if isinstance(expected, dict) and len(expected) == 1 and next(iter(expected)).startswith("$") and "$bytes" not in expected:
        (kind, operand), = expected.items()
        holds = {
            "$any": lambda: value is not None,
            "$length": lambda: len(value) == operand,
            "$some": lambda: any(not mismatch(operand, one) for one in value),
            "$count": lambda: sum(not mismatch(operand[0], one) for one in value) == operand[1],
            "$not": lambda: mismatch(operand, value),
            "$contains": lambda: operand in value,
            "$below": lambda: value < operand,
            "$above": lambda: value > operand,
        }[kind]()
        return "" if holds else f"{str(value)[:300]} does not meet {str(expected)[:300]}"
    if isinstance(expected, dict) and isinstance(value, dict):
        for name, part in expected.items():
            if part == {"$absent": True}:
                if name in value:
                    return f"there is {name}"
            elif name not in value:
                return f"there is no {name} in {str(value)[:300]}"
            else:
                problem = mismatch(part, value[name])
                if problem:
                    return f"{name}: {problem}"
        return ""
    if isinstance(expected, list) and isinstance(value, list) and len(expected) == len(value):
        return next((problem for problem in map(mismatch, expected, value) if problem), "")
    same = expected == value and isinstance(expected, bool) == isinstance(value, bool)
    return "" if same else f"{str(value)[:300]} is not {str(expected)[:300]}"
