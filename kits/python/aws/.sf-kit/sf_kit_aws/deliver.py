"""Which event goes to the handler as what, and what Lambda is answered so that what failed comes again, and nothing else does."""

import json

from . import events

FIRST_RETRY, LAST_RETRY = 1, 60
"""Seconds after which a message comes again: doubled with each try, up to the last."""


def deliver(event, invocation, config, runner):
    """What Lambda is answered to anything but HTTP."""
    return Delivery(invocation, config, runner).of(event)(event)


class Delivery:
    def __init__(self, invocation, config, runner):
        self._invocation, self._config, self._runner = invocation, config, runner

    def of(self, event):
        """A call is known by who makes it, whatever it carries; everything else by its shape."""
        if not isinstance(event, dict) or self._invocation.is_call:
            return self._call
        if "connectionId" in (event.get("requestContext") or {}):
            return self._socket
        if "sf-schedule" in event:
            return self._schedule
        records = event.get("Records")
        first = records[0] if isinstance(records, list) and records and isinstance(records[0], dict) else {}
        source = first.get("eventSource") or first.get("EventSource")
        of_source = {"aws:sqs": self._queue, "aws:sns": self._topic, "aws:s3": self._bucket, "aws:dynamodb": self._table}
        return of_source.get(source, self._call)

    def _value(self, event, traceparent=None):
        """What the handler returned; it must be what JSON has."""
        value = self._runner.event(self._invocation.head(traceparent, kind="event"), event)
        json.dumps(value, ensure_ascii=False, allow_nan=False)
        return value

    def _call(self, event):
        custom = self._invocation.custom
        called = events.call_event(event, custom.get("sf-caller"), self._invocation.id)
        return self._value(called, custom.get("traceparent"))

    def _schedule(self, event):
        """A schedule calls once each time: were Lambda told of the error, it would call again."""
        try:
            self._value(events.schedule_event(event, self._config))
        except Exception as error:
            self._invocation.failed(error)

    def _socket(self, event):
        """A throw refuses a client that connects. Of others the client hears nothing: API Gateway would send it Lambda's error."""
        called = events.socket_event(event, self._config)
        connects = called["type"] == "sf.socket.connect"
        try:
            answer = self._value(called)
            return connect_answer(answer) if connects else {"statusCode": 200}
        except Exception as error:
            self._invocation.failed(error)
            return {"statusCode": 403 if connects else 200}

    def _queue(self, event):
        records = event["Records"]
        ids = [record["messageId"] for record in records]
        try:
            value = self._value(events.queue_event(records, self._config, self._invocation.id))
            failed = wanted_again(value, ids)
        except Exception as error:
            self._invocation.failed(error)
            failed = ids
        if failed:
            self._postpone([record for record in records if record["messageId"] in failed])
        return {"batchItemFailures": [{"itemIdentifier": ident} for ident in failed]}

    def _postpone(self, records):
        """Says when they come again; if that does not work, they come when the queue's visibility ends."""
        from .messages import postpone

        delays = [(record, min(FIRST_RETRY << min(events.attempt_of(record) - 1, 16), LAST_RETRY)) for record in records]
        try:
            postpone(self._config.place, delays)
        except Exception as error:
            self._invocation.failed(error)

    def _topic(self, event):
        self._each([events.topic_event(record, self._config) for record in event["Records"]])

    def _bucket(self, event):
        self._each([events.bucket_event(record, self._config) for record in event["Records"]])

    def _each(self, made):
        """Every event, also when one before it failed. A throw is Lambda's to repeat: it has all of them in a queue of its own."""
        failure = None
        for event in made:
            try:
                self._value(event)
            except Exception as error:
                if failure is not None:
                    self._invocation.failed(error)
                failure = failure or error
        if failure is not None:
            raise failure

    def _table(self, event):
        """In their order. From the first on that failed, Lambda brings them again."""
        for record in event["Records"]:
            try:
                self._value(events.table_event(record, self._config))
            except Exception as error:
                self._invocation.failed(error)
                return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
        return {"batchItemFailures": []}


def connect_answer(answer):
    """The answer to a client that connects: `{"status": 403}` refuses it, `{"protocol": "…"}` chooses one of those that it offered."""
    answer = answer if isinstance(answer, dict) else {}
    answered = {"statusCode": int(answer.get("status") or 200)}
    if answer.get("protocol"):
        answered["headers"] = {"Sec-WebSocket-Protocol": answer["protocol"]}
    return answered


def wanted_again(value, ids):
    """The messages that a queue's handler wants again: `{"failed": ["id", …]}`. Anything else means that all is done."""
    if not isinstance(value, dict) or "failed" not in value:
        return []
    failed = value["failed"]
    if not isinstance(failed, (list, tuple)):
        raise TypeError("the answer's `failed` is no list of ids")
    for ident in failed:
        if ident not in ids:
            # A message that failed under a wrong name must not be taken for handled.
            raise ValueError(f"the answer's `failed` has {ident!r}, which is no message of the batch")
    return list(dict.fromkeys(failed))
