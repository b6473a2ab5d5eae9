"""The lines of `ctx.log`."""

import json
import sys
import threading
from time import gmtime, strftime, time

_PRINTING = threading.Lock()


def write(ctx, level, message, fields):
    now = time()
    stamp = f"{strftime('%Y-%m-%dT%H:%M:%S', gmtime(now))}.{int(now * 1000) % 1000:03d}Z"
    record = {"time": stamp, "level": level, "message": str(message), "function": ctx.function, "invocation": ctx.id}
    # Of a traceparent, the second part is the trace's id.
    record["trace"] = (ctx.trace.split("-") + [""])[1]
    if fields:
        record["fields"] = fields
    try:
        line = json.dumps(record, ensure_ascii=False, default=readable)
    except (TypeError, ValueError) as error:
        # A cycle, or a key that is no text: the message must get through all the same.
        line = json.dumps({**record, "fields": {"unprintable": str(error)}}, ensure_ascii=False)
    with _PRINTING:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def readable(value):
    """What JSON has no form for."""
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    return str(value)
