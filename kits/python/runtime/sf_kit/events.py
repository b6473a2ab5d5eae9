"""CloudEvents as handlers get them: data parsed, bytes as bytes."""

import json
from binascii import a2b_base64


def bytes_hook(value):
    """For `json.loads`: `{"$bytes": "base64"}` becomes bytes."""
    if len(value) == 1 and isinstance(value.get("$bytes"), str):
        return a2b_base64(value["$bytes"])
    return value


def cloud_event(event, body):
    """The event with its `data`: parsed JSON, text for text/*, else bytes. Without a body it is None, or empty text or bytes."""
    event = dict(event)
    content_type = event.get("datacontenttype")
    empty = not body and is_json(media_type(content_type))
    event["data"] = None if empty else data_of(event.get("type"), content_type, body)
    return event


def media_type(content_type):
    # CloudEvents 1.0, 3.1: without a content type it is JSON.
    return (content_type or "application/json").split(";")[0].strip().lower()


def is_json(media):
    return media.endswith(("/json", "+json"))


def data_of(kind, content_type, body):
    media = media_type(content_type)
    if media.startswith("text/"):
        return body.decode("utf-8", "replace")
    if not is_json(media):
        return bytes(body)
    if kind == "sf.table":
        return json.loads(body, object_hook=bytes_hook)
    data = json.loads(body)
    if kind == "sf.queue":
        for message in data["messages"]:
            if isinstance(message.get("body"), dict):
                message["body"] = bytes_hook(message["body"])
    return data
