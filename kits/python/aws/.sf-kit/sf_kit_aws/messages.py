"""Queues, topics and WebSockets: SQS, SNS and API Gateway's management API."""

from base64 import b64encode

from .clients import client, code_of, fault
from .events import ENCODING
from .grants import granted

LARGEST = 256 << 10
LONGEST_DELAY = 900
MOST_ATTRIBUTES = 10
LARGEST_FRAME = 128 << 10
BASE64 = {ENCODING: {"DataType": "String", "StringValue": "base64"}}
BATCH = 10


def message_text(what, data, is_json):
    """(text, attributes) of a message's body."""
    if len(data) > LARGEST:
        raise fault("too-large", f"{what}: the message has {len(data)} bytes, the limit is 256 KiB")
    if not is_json:
        return b64encode(data).decode(), BASE64
    # XML 1.0 has no such characters, and therefore SQS has not; below U+0020, JSON has escaped them already.
    return data.decode().replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff"), {}


def queue_url(sqs, account, name):
    # The address that the client calls anyway: it needs no request, and no right to ask for it.
    return f"{sqs.meta.endpoint_url}/{account}/{name}"


def postpone(place, delays):
    """`delays`: (record of SQS, seconds)."""
    sqs = client("sqs", place.region)
    account, name = delays[0][0]["eventSourceARN"].split(":")[4:6]
    entries = [
        {"Id": str(at), "ReceiptHandle": record["receiptHandle"], "VisibilityTimeout": seconds} for at, (record, seconds) in enumerate(delays)
    ]
    for at in range(0, len(entries), BATCH):
        sqs.change_message_visibility_batch(QueueUrl=queue_url(sqs, account, name), Entries=entries[at : at + BATCH])


class Messages:
    def queue_send(self, what, queue, data, is_json, delay):
        use, refused = granted(self.config, what, "write", "queue", queue)
        if isinstance(delay, bool) or not isinstance(delay, int) or not 0 <= delay <= LONGEST_DELAY:
            raise fault("bad-request", f"{what}: `delay` is 0 to {LONGEST_DELAY} seconds")
        text, attributes = message_text(what, data, is_json)
        url = queue_url(self.caller.client("sqs", True), self.caller.place.account, use["queue"])
        message = {"QueueUrl": url, "MessageBody": text, "DelaySeconds": delay, "MessageAttributes": attributes}
        return self.caller.ask(what, "sqs", "send_message", refused, once=True, **message)["MessageId"]

    def topic_publish(self, what, topic, data, is_json, attributes):
        use, refused = granted(self.config, what, "write", "topic", topic)
        if len(attributes) > MOST_ATTRIBUTES:
            raise fault("bad-request", f"{what}: {len(attributes)} attributes are over the limit of {MOST_ATTRIBUTES}")
        text, own = message_text(what, data, is_json)
        if len(text.encode()) > LARGEST:
            raise fault("too-large", f"{what}: the message has {len(text)} bytes as base64, the limit of a topic is 256 KiB")
        named = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        message = {"TopicArn": self.caller.place.arn("sns", use["topic"]), "Message": text, "MessageAttributes": {**named, **own}}
        return self.caller.ask(what, "sns", "publish", refused, once=True, **message)["MessageId"]

    def socket_send(self, what, socket, connection, data, is_text):
        if len(data) > LARGEST_FRAME:
            granted(self.config, what, "write", "socket", socket)
            raise fault("too-large", f"{what}: a frame has at most {LARGEST_FRAME} bytes")
        return self._to_client(what, "post_to_connection", socket, ConnectionId=connection, Data=data)

    def socket_close(self, what, socket, connection):
        self._to_client(what, "delete_connection", socket, ConnectionId=connection)

    def _to_client(self, what, operation, socket, **parameters):
        """Whether the client was there."""
        from botocore.exceptions import ClientError

        use, refused = granted(self.config, what, "write", "socket", socket)
        known = "GoneException", "410", "BadRequestException"
        try:
            self.caller.ask(what, "apigatewaymanagementapi", operation, refused, known, True, use["socket"], **parameters)
        except ClientError as error:
            if code_of(error) == "BadRequestException" and "onnectionId" not in str(error):
                raise fault("bad-request", f"{what}: {error}") from error
            # What was never a connection's id is nobody's.
            return False
        return True
