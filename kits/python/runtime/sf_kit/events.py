"""CloudEvents as handlers get them: data parsed, bytes as bytes."""

import json
from binascii import a2b_base64


def bytes_hook(value):
    """For `json.loads`: `{"$bytes": "base64"}` becomes bytes."""
    if len(value) == 1 and isinstance(value.get("$bytes"), str):
        return a2b_base64(value["$bytes"])
    return value


def cloud_event(event, body):
    """The event with its `data`: parsed JSON, text for text/*, else bytes; None when there is none."""
    event = dict(event)
    event["data"] = data_of(event.get("type"), event.get("datacontenttype"), body) if body else None
    return event


def data_of(kind, content_type, body):
    # CloudEvents 1.0, 3.1: without a content type it is JSON.
    media = (content_type or "application/json").split(";")[0].strip().lower()
    if media.startswith("text/"):
        return body.decode("utf-8", "replace")
    if not media.endswith(("/json", "+json")):
        return bytes(body)
    if kind == "sf.table":
        return json.loads(body, object_hook=bytes_hook)
    data = json.loads(body)
    if kind == "sf.queue":
        for message in data["messages"]:
            if isinstance(message.get("body"), dict):
                message["body"] = bytes_hook(message["body"])
    return data
