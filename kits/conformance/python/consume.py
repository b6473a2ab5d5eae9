"""Each event is written to the table `events` under the run that caused it, where the case looks for it."""

import time
import uuid


def record(ctx, run, **seen):
    ctx.table("events").put({"run": run, "at": f"{time.time_ns()}-{uuid.uuid4()}", "function": ctx.function, **seen})


def bytes_of(value):
    return {"length": len(value), "first": value[0] if value else None} if isinstance(value, bytes) else None


def field(body, name):
    return body.get(name) if isinstance(body, dict) else None


def worker(event, ctx):
    """A message fails as often as it says; with `part` only itself, else the whole batch."""
    failed = []
    for message in event["data"]["messages"]:
        body, attempt = message["body"], message["attempt"]
        seen = {"id": message["id"], "attempt": attempt, "n": field(body, "n"), "bytes": bytes_of(body)}
        record(ctx, field(body, "run") or "bytes", type=event["type"], source=event["source"], **seen)
        if attempt > (field(body, "fail") or 0):
            continue
        if not field(body, "part"):
            raise RuntimeError(f"message {message['id']} wants to fail")
        failed.append(message["id"])
    return {"failed": failed}


def reader(event, ctx):
    data, attributes = event["data"], event["attributes"]
    run = field(data, "run") or attributes["run"]
    seen = {"attributes": attributes, "bytes": bytes_of(data), "n": field(data, "n")}
    record(ctx, run, type=event["type"], source=event["source"], **seen)


urgent = reader


def stored(event, ctx):
    run = event["subject"].split("/")[1]
    record(ctx, run, type=event["type"], source=event["source"], subject=event["subject"], data=event["data"])


def changed(event, ctx):
    data = event["data"]
    seen = {name: data[name] for name in ("change", "key", "before", "after")}
    record(ctx, data["key"]["id"].split("/")[0], type=event["type"], source=event["source"], **seen)


def tick(event, ctx):
    record(ctx, "tick", type=event["type"], source=event["source"], data=event["data"])


def talk(event, ctx):
    """Repeats each message; refuses those who come with `?refuse`."""
    connection = event["connection"]
    if event["type"] == "sf.socket.connect":
        if "refuse" in event["data"]["query"]:
            return {"status": 403}
        record(ctx, event["data"]["query"].get("run", "chat"), type=event["type"], connection=connection)
    elif event["type"] == "sf.socket.message":
        ctx.socket("chat").send(connection, event["data"])
    else:
        record(ctx, "chat", type=event["type"], connection=connection)
    return None
