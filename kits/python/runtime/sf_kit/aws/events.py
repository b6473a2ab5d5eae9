"""CloudEvents of the host as the events that AWS's services send to Lambda, and what comes back.

Shapes: the pages "Using AWS Lambda with …" of AWS's developer guide, and the samples that AWS's own event libraries are tested with."""

from base64 import b64encode
from hashlib import md5
from time import gmtime, strftime
from urllib.parse import quote_plus

from ..times import epoch_ms
from .http import dumps, grouped, last_hop, request_time


def lambda_event(event, names):
    """The Lambda event of a CloudEvent whose data is decoded. A call's and an invocation's payload is the event itself; an event that
    AWS has no form for stays a CloudEvent."""
    kind = event["type"]
    if kind == "sf.queue":
        return {"Records": [sqs_record(event, message, names) for message in event["data"]["messages"]]}
    if kind == "sf.topic":
        return {"Records": [sns_record(event, names)]}
    if kind in ("sf.bucket.created", "sf.bucket.removed"):
        return {"Records": [s3_record(event, names)]}
    if kind == "sf.table":
        return {"Records": [dynamodb_record(event, names)]}
    if kind == "sf.schedule":
        return scheduled_event(event, names)
    if kind.startswith("sf.socket."):
        return socket_event(event, names)
    return event["data"] if kind in ("sf.call", "sf.invoke") else event


def source_name(event):
    """`/queues/mail` -> `mail`."""
    return event["source"].rpartition("/")[2]


def message_text(value):
    """A message is text at AWS: bytes are sent as base64, anything else as JSON."""
    if isinstance(value, str):
        return value
    return b64encode(value).decode() if isinstance(value, bytes) else dumps(value)


def aws_time(text):
    """With milliseconds, always three digits."""
    ms = epoch_ms(text)
    return f"{strftime('%Y-%m-%dT%H:%M:%S', gmtime(ms // 1000))}.{ms % 1000:03}Z"


def sqs_record(event, message, names):
    body = message_text(message["body"])
    sent = message.get("sent") or event["time"]
    return {
        "messageId": message["id"],
        "receiptHandle": message["id"],
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": str(message.get("attempt", 1)),
            "SentTimestamp": str(epoch_ms(sent)),
            "SenderId": names.project,
            "ApproximateFirstReceiveTimestamp": str(epoch_ms(sent)),
        },
        "messageAttributes": {},
        # Part of the shape; it protects nothing.
        "md5OfBody": md5(body.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": names.arn("sqs", source_name(event)),
        "awsRegion": names.region,
    }


def sns_record(event, names):
    topic = names.arn("sns", source_name(event))
    attributes = event.get("attributes") or {}
    return {
        "EventVersion": "1.0",
        "EventSubscriptionArn": f"{topic}:{names.function}",
        "EventSource": "aws:sns",
        "Sns": {
            "SignatureVersion": "1",
            "Timestamp": aws_time(event["time"]),
            "Signature": "",
            "SigningCertUrl": "",
            "MessageId": event["id"],
            "Message": message_text(event["data"]),
            "MessageAttributes": {name: {"Type": "String", "Value": value} for name, value in attributes.items()},
            "Type": "Notification",
            "UnsubscribeUrl": "",
            "TopicArn": topic,
            "Subject": None,
        },
    }


def s3_record(event, names):
    data = event["data"]
    created = event["type"] == "sf.bucket.created"
    # S3 encodes a key as Java's URLEncoder does, but leaves its slashes.
    item = {"key": quote_plus(data["key"], safe="/*").replace("~", "%7E")}
    if created:
        item.update(size=data["size"], eTag=data["etag"].strip('"'))
    # Greater means later; S3 promises no more than that.
    item["sequencer"] = f"{epoch_ms(event['time']):016X}"
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": names.region,
        "eventTime": aws_time(event["time"]),
        "eventName": "ObjectCreated:Put" if created else "ObjectRemoved:Delete",
        "userIdentity": {"principalId": names.project},
        "requestParameters": {"sourceIPAddress": ""},
        "responseElements": {"x-amz-request-id": event["id"], "x-amz-id-2": event["id"]},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": names.function,
            "bucket": {
                "name": data["bucket"],
                "ownerIdentity": {"principalId": names.project},
                "arn": f"arn:aws:s3:::{data['bucket']}",
            },
            "object": item,
        },
    }


def attribute_value(value):
    """A value as DynamoDB writes it."""
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bytes):
        return {"B": b64encode(value).decode()}
    if isinstance(value, list):
        return {"L": [attribute_value(part) for part in value]}
    if isinstance(value, dict):
        return {"M": attribute_map(value)}
    # JSON has one kind of number: 3.0 is 3.
    return {"N": str(int(value)) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else str(value)}


def attribute_map(item):
    return {name: attribute_value(value) for name, value in item.items()}


CHANGES = {"insert": "INSERT", "update": "MODIFY", "remove": "REMOVE"}


def sequence_number(event):
    return f"{epoch_ms(event['time']):021}"


def dynamodb_record(event, names):
    data = event["data"]
    images = {"Keys": attribute_map(data["key"])}
    if data.get("after") is not None:
        images["NewImage"] = attribute_map(data["after"])
    if data.get("before") is not None:
        images["OldImage"] = attribute_map(data["before"])
    table = names.arn("dynamodb", f"table/{source_name(event)}")
    return {
        "eventID": event["id"],
        "eventName": CHANGES[data["change"]],
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": names.region,
        "dynamodb": {
            "ApproximateCreationDateTime": epoch_ms(event["time"]) // 1000,
            **images,
            "SequenceNumber": sequence_number(event),
            "SizeBytes": sum(len(dumps(image).encode()) for image in images.values()),
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": f"{table}/stream/1970-01-01T00:00:00.000",
    }


def scheduled_event(event, names):
    return {
        "version": "0",
        "id": event["id"],
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": names.ACCOUNT,
        "time": f"{aws_time(event['time'])[:19]}Z",
        "region": names.region,
        "resources": [names.arn("events", f"rule/{source_name(event)}")],
        "detail": {},
    }


ROUTES = {"connect": "$connect", "message": "$default", "disconnect": "$disconnect"}


def socket_event(event, names):
    """A WebSocket event of API Gateway. Every message has the route `$default`: the manifest names one function for all."""
    kind, data = event["type"].rpartition(".")[2], event["data"]
    now = epoch_ms(event["time"])
    headers = data.get("headers") or {} if kind == "connect" else {}
    headers = {name.lower(): value for name, value in headers.items()}
    context = {
        "routeKey": ROUTES[kind],
        "eventType": kind.upper(),
        "extendedRequestId": event["id"],
        "requestTime": request_time(now),
        "messageDirection": "IN",
        "stage": names.stage,
        "requestTimeEpoch": now,
        "identity": {"userAgent": headers.get("user-agent", ""), "sourceIp": last_hop(headers.get("x-forwarded-for", ""))},
        "requestId": event["id"],
        "domainName": headers.get("host", "").split(":")[0],
        "connectionId": event["connection"],
        "apiId": source_name(event),
    }
    if kind == "connect":
        context["connectedAt"] = now
        return connect_event(context, headers, data.get("query") or {})
    if kind == "disconnect":
        context.update(disconnectStatusCode=data.get("code"), disconnectReason="")
        return {"headers": {}, "multiValueHeaders": {}, "requestContext": context, "isBase64Encoded": False}
    context["messageId"] = event["id"]
    is_bytes = isinstance(data, bytes)
    body = b64encode(data).decode() if is_bytes else "" if data is None else data
    return {"requestContext": context, "body": body, "isBase64Encoded": is_bytes}


def connect_event(context, headers, query):
    result = {"headers": headers, "multiValueHeaders": grouped(headers.items())}
    if query:
        result["queryStringParameters"] = dict(query)
        result["multiValueQueryStringParameters"] = grouped(query.items())
    return {**result, "requestContext": context, "isBase64Encoded": False}


def lambda_result(event, value):
    """What the handler returned, as the portable interface has it; raises where AWS takes it for a failure."""
    kind = event["type"]
    if kind == "sf.queue":
        return {"failed": failed_items(value, [message["id"] for message in event["data"]["messages"]])}
    if kind == "sf.table":
        if failed_items(value, [sequence_number(event), event["id"]]):
            raise RuntimeError("the handler reported its record as failed (batchItemFailures)")
        return None
    if kind == "sf.socket.connect":
        if not isinstance(value, dict) or value.get("statusCode") is None:
            raise TypeError('a Lambda handler of $connect must return {"statusCode": 200}, or another status to refuse')
        return {"status": int(value["statusCode"])}
    return value if kind in ("sf.call", "sf.invoke") else None


def failed_items(value, known):
    """The identifiers in `batchItemFailures`. An identifier that is empty, missing or unknown fails the whole batch, as at AWS."""
    failures = value.get("batchItemFailures") if isinstance(value, dict) else None
    failed = [item.get("itemIdentifier") if isinstance(item, dict) else None for item in failures or ()]
    for item in failed:
        if item not in known:
            raise ValueError(f"batchItemFailures names {item!r}, which is no item of this batch: all of it is delivered again")
    return failed
