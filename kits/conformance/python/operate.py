"""One operation on `ctx`, as a step of a case says it: `{"op": "table.put", …}` -> `{"ok": …}` or `{"error": {"code", "hint"}}`.
Bytes travel as `{"$bytes": "base64"}` both ways."""

import base64
import hashlib
import os
import resource
import time


def operate(request, ctx):
    step = from_wire(request.json())
    operation = OPERATIONS.get(step.pop("op"))
    if operation is None:
        return {"error": {"code": "no-such-operation"}}
    try:
        return {"ok": to_wire(operation(ctx, **step))}
    except Exception as error:
        # What no provider could take is refused by the kit, in the language's own way.
        is_misuse = isinstance(error, (TypeError, ValueError))
        code = getattr(error, "code", "bad-request" if is_misuse else type(error).__name__)
        return {"error": {"code": code, "hint": getattr(error, "hint", None), "message": str(error)}}


def context(ctx):
    return {
        "params": ctx.params,
        "auth": ctx.auth,
        "id": ctx.id,
        "function": ctx.function,
        "project": ctx.project,
        "stage": ctx.stage,
        "provider": ctx.provider,
        "remaining": (ctx.deadline - time.time()) * 1000,
        "trace": ctx.trace,
        "environment": [name for name in os.environ if name.startswith("SF_") and ("TOKEN" in name or "KIT" in name)],
    }


def log(ctx, level, message, fields=None):
    getattr(ctx.log, level)(message, fields)


def table_put(ctx, table, item, ifAbsent=False, ifVersion=None):
    return {"version": ctx.table(table).put(item, if_absent=ifAbsent, if_version=ifVersion)}


def table_query(ctx, table, partition, page=False, **options):
    return listed(ctx.table(table).query(partition, **options), page)


def table_scan(ctx, table, page=False, **options):
    return listed(ctx.table(table).scan(**options), page)


def table_increment(ctx, table, key):
    """Read, change, write back if nobody was faster; again until it works."""
    tries = 0
    while True:
        tries += 1
        item = ctx.table(table).get(key)
        try:
            ctx.table(table).put({**item, "count": item["count"] + 1}, if_version=ctx.table(table).version(item))
            return {"tries": tries}
        except Exception as error:
            if getattr(error, "code", None) != "conflict":
                raise


def bucket_put(ctx, bucket, key, body, contentType=None, metadata=None, ifAbsent=False, ifMatch=None):
    options = {"content_type": contentType, "metadata": metadata, "if_absent": ifAbsent, "if_match": ifMatch}
    return ctx.bucket(bucket).put(key, body, **options)


def bucket_get(ctx, bucket, key, range=None):
    found = ctx.bucket(bucket).get(key, range=range)
    return None if found is None else {"body": found.bytes(), **about(found)}


def bucket_head(ctx, bucket, key):
    found = ctx.bucket(bucket).head(key)
    return None if found is None else about(found)


def bucket_list(ctx, bucket, page=False, **options):
    found = ctx.bucket(bucket).list(**options)
    if not page:
        return [entry.key for entry in found]
    one = found.page()
    return {"items": [entry.key for entry in one.items], "prefixes": one.prefixes, "cursor": one.cursor}


def bucket_stream(ctx, bucket, key, size):
    """More than fits the memory that it may use, there and back."""
    sent, received, count = hashlib.sha256(), hashlib.sha256(), 0

    def pieces():
        left = size
        while left > 0:
            piece = b"\7" * min(left, 65536)
            sent.update(piece)
            left -= len(piece)
            yield piece

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ctx.bucket(bucket).put(key, pieces())
    for chunk in ctx.bucket(bucket).get(key):
        received.update(chunk)
        count += len(chunk)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    return {"bytes": count, "same": sent.digest() == received.digest(), "grown": grown}


OPERATIONS = {
    "context": context,
    "log": log,
    "table.get": lambda ctx, table, key: ctx.table(table).get(key),
    "table.put": table_put,
    "table.delete": lambda ctx, table, key, ifVersion=None: ctx.table(table).delete(key, if_version=ifVersion),
    "table.version": lambda ctx, table, key: ctx.table(table).version(ctx.table(table).get(key)),
    "table.query": table_query,
    "table.scan": table_scan,
    "table.increment": table_increment,
    "bucket.put": bucket_put,
    "bucket.get": bucket_get,
    "bucket.head": bucket_head,
    "bucket.delete": lambda ctx, bucket, key: ctx.bucket(bucket).delete(key),
    "bucket.list": bucket_list,
    "bucket.url": lambda ctx, bucket, key, **options: ctx.bucket(bucket).url(key, **options),
    "bucket.stream": bucket_stream,
    "queue.send": lambda ctx, queue, body, delay=0: {"id": ctx.queue(queue).send(body, delay=delay)},
    "topic.publish": lambda ctx, topic, body, attributes=None: {"id": ctx.topic(topic).publish(body, attributes)},
    "socket.send": lambda ctx, socket, connection, data: ctx.socket(socket).send(connection, data),
    "socket.close": lambda ctx, socket, connection: ctx.socket(socket).close(connection),
    "call": lambda ctx, function, payload=None: ctx.call(function, payload),
    "secret": lambda ctx, name: ctx.secret(name),
    "workflow": lambda ctx, name: ctx.workflow(name).start({}),
}


def listed(items, page):
    """All of it, or one page."""
    if not page:
        return list(items)
    one = items.page()
    return {"items": one.items, "cursor": one.cursor}


def about(found):
    return {"size": found.size, "etag": found.etag, "contentType": found.content_type, "metadata": found.metadata}


def from_wire(value):
    if isinstance(value, list):
        return [from_wire(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("$bytes"), str):
        return base64.b64decode(value["$bytes"])
    return {name: from_wire(inner) for name, inner in value.items()}


def to_wire(value):
    if isinstance(value, (bytes, bytearray)):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, (list, tuple)):
        return [to_wire(inner) for inner in value]
    if isinstance(value, dict):
        return {name: to_wire(inner) for name, inner in value.items()}
    return value
