"""Answers a call with what it was called with."""


def callee(event, ctx):
    data = event.get("data")
    if isinstance(data, dict) and "throw" in data:
        raise RuntimeError(data["throw"])
    return {"type": event["type"], "source": event["source"], "data": data}
