"""`interface = "lambda"`: unchanged AWS Lambda handlers. Loaded only for them; shapes as AWS documents them."""

import os


class Names:
    """What AWS's names are made of. There is no account here, so its number is twelve zeros."""

    ACCOUNT = "000000000000"

    def __init__(self, function, project, stage, region):
        self.function, self.project, self.stage, self.region = function, project, stage, region

    def arn(self, service, resource):
        return f"arn:aws:{service}:{self.region}:{self.ACCOUNT}:{resource}"


def names_from(environ):
    """The worker's own names, from its environment."""
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    return Names(environ.get("SF_FUNCTION", ""), environ.get("SF_PROJECT", ""), environ.get("SF_STAGE", ""), region)


def install_environment(environ, names, file, export):
    """Variables that Lambda sets for every function, and that handlers therefore read while they are loaded."""
    defaults = {
        "AWS_REGION": names.region,
        "AWS_DEFAULT_REGION": names.region,
        "AWS_LAMBDA_FUNCTION_NAME": names.function,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": environ.get("SF_MEMORY", "128"),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{names.function}",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"{names.stage}/[$LATEST]{os.getpid()}",
        "LAMBDA_TASK_ROOT": os.getcwd(),
        "_HANDLER": f"{os.path.splitext(file)[0]}.{export}",
    }
    for name, value in defaults.items():
        environ.setdefault(name, value)


class LambdaInterface:
    """Between a request of the host and a handler `(event, context)`."""

    def __init__(self, environ):
        self.names = names_from(environ)
        self.payload = environ.get("SF_PAYLOAD") or "2.0"

    def arguments(self, exchange):
        from time import time

        from .context import LambdaContext

        head, body = exchange.head, b"".join(exchange.body)
        if head["kind"] == "http":
            from .http import http_event

            event = http_event(head, body, self.payload, self.names, int(time() * 1000))
        else:
            from ..events import cloud_event
            from .events import lambda_event

            exchange.event = cloud_event(head["event"], body)
            if not body and exchange.event["data"] is None:
                exchange.event["data"] = {}  # so does Lambda's Invoke without a payload
            event = lambda_event(exchange.event, self.names)
        return event, LambdaContext(head, self.names, os.environ)

    def result(self, exchange, value):
        """What the handler returned, as the portable interface has it."""
        if exchange.head["kind"] == "http":
            from .http import http_response

            return http_response(value, self.payload)
        from json import loads

        from .events import lambda_result
        from .http import dumps

        # By way of JSON, as AWS's runtime does: a Decimal is a number.
        return loads(dumps(lambda_result(exchange.event, value)))
