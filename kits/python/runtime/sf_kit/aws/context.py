"""The second argument of a Lambda handler."""

from time import time


class CognitoIdentity:
    cognito_identity_id = None
    cognito_identity_pool_id = None

    def __repr__(self):
        return "CognitoIdentity([cognito_identity_id=None,cognito_identity_pool_id=None])"


class LambdaContext:
    """The attributes of AWS's own Python runtime. There are no mobile clients here: `client_context` is None, `identity` is empty."""

    def __init__(self, head, names, environ):
        self.aws_request_id = head["id"]
        self.function_name = names.function
        self.function_version = environ.get("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        self.invoked_function_arn = names.arn("lambda", f"function:{names.function}")
        self.memory_limit_in_mb = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        self.log_group_name = environ.get("AWS_LAMBDA_LOG_GROUP_NAME", "")
        self.log_stream_name = environ.get("AWS_LAMBDA_LOG_STREAM_NAME", "")
        self.identity = CognitoIdentity()
        self.client_context = None
        self.tenant_id = None
        self._deadline_ms = head["deadline_ms"]

    def get_remaining_time_in_millis(self):
        return max(0, int(self._deadline_ms - time() * 1000))

    def log(self, message):
        print(message, end="", flush=True)

    def __repr__(self):
        shown = ("aws_request_id", "function_name", "function_version", "invoked_function_arn", "memory_limit_in_mb")
        return f"LambdaContext([{','.join(f'{name}={getattr(self, name)}' for name in shown)}])"
