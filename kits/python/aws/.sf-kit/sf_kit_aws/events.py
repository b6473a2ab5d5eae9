"""What AWS's services send to Lambda, as the CloudEvents that handlers get (docs/data-api.md). Pure: shapes in, shapes out.

Shapes: the pages "Using AWS Lambda with …" of AWS's developer guide, and "Working with WebSocket APIs" of API Gateway's."""

import json
from base64 import b64decode, b64encode
from time import gmtime, strftime, time
from urllib.parse import unquote_plus

from sf_kit.times import epoch_ms

from .values import item_of

JSON = "application/json"
BYTES = "application/octet-stream"
ENCODING = "sf-encoding"
NO_CODE = 1005
"""RFC 6455, section 7.1.5: the client closed without a code."""


def rfc3339(ms):
    """`2026-01-01T00:00:00Z`, with milliseconds where there are any."""
    ms = int(ms)
    fraction = f".{ms % 1000:03}" if ms % 1000 else ""
    return f"{strftime('%Y-%m-%dT%H:%M:%S', gmtime(ms // 1000))}{fraction}Z"


def cloud_event(kind, source, ident, ms, data, **more):
    content_type = more.pop("datacontenttype", BYTES if isinstance(data, bytes) else JSON)
    head = {"specversion": "1.0", "id": ident, "type": kind, "source": source, "time": rfc3339(ms)}
    return {**head, "datacontenttype": content_type, **more, "data": data}


def now_ms():
    return int(time() * 1000)


def message_body(text, is_bytes):
    """A message's body. What something else than the kit sent may be no JSON: then it is the text."""
    if is_bytes:
        return b64decode(text)
    try:
        return json.loads(text)
    except ValueError:
        return text


def queue_event(records, config, ident):
    """One event for a batch."""
    queue = config.name_of("queue", records[0]["eventSourceARN"].rpartition(":")[2])
    return cloud_event("sf.queue", f"/queues/{queue}", ident, now_ms(), {"messages": [queue_message(record) for record in records]})


def queue_message(record):
    encoding = (record.get("messageAttributes") or {}).get(ENCODING) or {}
    return {
        "id": record["messageId"],
        "body": message_body(record["body"], encoding.get("stringValue") == "base64"),
        "attempt": attempt_of(record),
        "sent": rfc3339(record["attributes"]["SentTimestamp"]),
    }


def attempt_of(record):
    return int(record["attributes"]["ApproximateReceiveCount"])


def topic_event(record, config):
    sns = record["Sns"]
    topic = config.name_of("topic", sns["TopicArn"].rpartition(":")[2])
    attributes = {name: one["Value"] for name, one in (sns.get("MessageAttributes") or {}).items()}
    data = message_body(sns["Message"], attributes.pop(ENCODING, None) == "base64")
    return cloud_event("sf.topic", f"/topics/{topic}", sns["MessageId"], epoch_ms(sns["Timestamp"]), data, attributes=attributes)


def bucket_event(record, config):
    """Without the `contentType` of what was stored: S3 does not say it."""
    stored = record["s3"]["object"]
    bucket, key = config.name_of("bucket", record["s3"]["bucket"]["name"]), unquote_plus(stored["key"])
    created = record["eventName"].startswith("ObjectCreated")
    data = {"bucket": bucket, "key": key}
    if created:
        data.update(size=stored.get("size", 0), etag=stored.get("eTag", ""))
    # One request may have removed a thousand objects.
    ident = f"{(record.get('responseElements') or {}).get('x-amz-request-id', '')}-{stored.get('sequencer', '')}"
    kind = "sf.bucket.created" if created else "sf.bucket.removed"
    return cloud_event(kind, f"/buckets/{bucket}", ident, epoch_ms(record["eventTime"]), data, subject=key)


CHANGES = {"INSERT": "insert", "MODIFY": "update", "REMOVE": "remove"}


def table_event(record, config):
    """An item that expired was removed, as one that somebody deleted."""
    physical = record["eventSourceARN"].partition(":table/")[2].partition("/")[0]
    change, images = record["dynamodb"], {}
    for name, image in (("before", "OldImage"), ("after", "NewImage")):
        images[name] = item_of(change[image]) if change.get(image) else None
    key = ordered(item_of(change["Keys"]), config.table_named(physical).get("key") or ())
    data = {"change": CHANGES[record["eventName"]], "key": key, **images}
    subject = json.dumps(key, ensure_ascii=False, separators=(",", ":"), default=bytes_form)
    at = int(change.get("ApproximateCreationDateTime", 0) * 1000)
    return cloud_event("sf.table", f"/tables/{config.name_of('table', physical)}", record["eventID"], at, data, subject=subject)


def ordered(key, definition):
    """The partition's attribute first, where that is known."""
    names = [name for name, _ in definition if name in key]
    return {name: key[name] for name in [*names, *(name for name in key if name not in names)]}


def bytes_form(value):
    return {"$bytes": b64encode(value).decode()}


def schedule_event(event, config):
    known = config.schedules.get(event["sf-schedule"]) or {}
    data = {"expression": known.get("expression"), "timezone": known.get("timezone")}
    return cloud_event("sf.schedule", f"/schedules/{config.function}", event["id"], epoch_ms(event["time"]), data)


def socket_event(event, config):
    context = event["requestContext"]
    kind = context["eventType"].lower()
    more, data = {}, None
    if kind == "connect":
        data = opening(event)
    elif kind == "disconnect":
        code = context.get("disconnectStatusCode")
        data = {"code": code if isinstance(code, int) and code > 0 else NO_CODE}
    else:
        text = event.get("body") or ""
        data = b64decode(text) if event.get("isBase64Encoded") else text
        more["datacontenttype"] = BYTES if event.get("isBase64Encoded") else "text/plain"
    source = f"/sockets/{config.name_of('socket', context['apiId'])}"
    ms = context.get("requestTimeEpoch") or now_ms()
    return cloud_event(f"sf.socket.{kind}", source, context["requestId"], ms, data, connection=context["connectionId"], **more)


def opening(event):
    headers = {}
    for name, values in (event.get("multiValueHeaders") or {}).items():
        name = name.lower()
        headers[name] = ", ".join([headers[name], *values] if name in headers else values)
    for name, value in (event.get("headers") or {}).items():
        headers.setdefault(name.lower(), value)
    query = dict(event.get("queryStringParameters") or {})
    query.update((name, values[0]) for name, values in (event.get("multiValueQueryStringParameters") or {}).items() if values)
    return {"headers": headers, "query": query}


def call_event(payload, caller, ident):
    """A call of another function, or from the command line: whoever else invokes a portable function is such a one too."""
    kind, source = ("sf.call", f"/functions/{caller}") if caller else ("sf.invoke", "/cli")
    return cloud_event(kind, source, ident, now_ms(), payload)
