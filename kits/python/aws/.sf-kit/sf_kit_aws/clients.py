"""Calls of AWS's APIs: one client a service, kept; and their errors as `ctx` raises them.

botocore is the runtime's own, as boto3 is, which would only take longer to load; it is loaded at the first call."""

from _thread import allocate_lock
from random import random
from time import sleep, time

from sf_kit.errors import BY_CODE, SfError

_clients = {}
_lock = allocate_lock()
_session = None
ONCE_TRIES = 4
LONGEST_CALL = 910
"""Seconds: a called function runs for 900 at most."""

STATUSES = {"bad-request": 400, "not-granted": 403, "not-found": 404, "conflict": 409, "too-large": 413, "throttled": 429, "function-threw": 502}
"""What the data API answers with."""
CODES = {
    "bad-request": """ValidationException ValidationError InvalidArgument InvalidRequest InvalidRange KeyTooLongError BadRequestException
        InvalidParameter InvalidParameterValue InvalidParameterValueException ParameterValueInvalid InvalidMessageContents SerializationException
        InvalidRequestContentException""",
    "not-granted": "AccessDenied AccessDeniedException AuthorizationError AuthorizationErrorException ForbiddenException 403",
    "not-found": """ResourceNotFoundException NoSuchBucket NotFound NotFoundException AWS.SimpleQueueService.NonExistentQueue
        QueueDoesNotExist 404""",
    "too-large": "EntityTooLarge PayloadTooLargeException RequestTooLargeException RequestEntityTooLargeException MetadataTooLarge 413",
    "throttled": """ThrottlingException Throttling ThrottledException RequestThrottled RequestLimitExceeded TooManyRequestsException
        ProvisionedThroughputExceededException LimitExceededException SlowDown EC2ThrottledException KMSThrottlingException""",
}
_BY_AWS = {name: code for code, names in CODES.items() for name in names.split()}


def client(service, region, once=False, endpoint=None):
    """`once`: one that never repeats a request by itself."""
    global _session
    key = service, once, endpoint
    with _lock:
        if key not in _clients:
            from botocore.config import Config
            from botocore.session import Session

            _session = _session or Session()
            options = {"max_pool_connections": 64, "connect_timeout": 10, "read_timeout": LONGEST_CALL if service == "lambda" else 60}
            if once:
                options["retries"] = {"mode": "standard", "total_max_attempts": 1}
            if service == "s3":
                options["signature_version"] = "s3v4"
            _clients[key] = _session.create_client(service, region_name=region, endpoint_url=endpoint, config=Config(**options))
        return _clients[key]


class Caller:
    """Calls as one invocation makes them: until its deadline."""

    def __init__(self, place, deadline):
        self.place, self._deadline = place, deadline

    def client(self, service, once=False, endpoint=None):
        return client(service, self.place.region, once, endpoint)

    def check_deadline(self, what):
        if self._deadline <= time():
            raise SfError(f"{what}: the invocation's deadline has passed", "timed-out")

    def ask(self, what, service, operation, refused=None, known=(), once=False, endpoint=None, **parameters):
        """The answer. `refused` makes the error for what IAM does not allow; a ClientError whose code is in `known` is the caller's to
        understand; `once`: the call does harm if it is made twice."""
        from botocore.exceptions import BotoCoreError, ClientError

        method = getattr(self.client(service, once, endpoint), operation)
        tries = ONCE_TRIES if once else 1
        while True:
            self.check_deadline(what)
            tries -= 1
            try:
                return method(**parameters)
            except ClientError as error:
                if code_of(error) in known:
                    raise
                failure = failed(what, error, refused)
                if tries == 0 or failure.code != "throttled":
                    raise failure from error
            except BotoCoreError as error:
                if tries == 0 or not never_sent(error):
                    raise unreachable(what, error) from error
            # Refused or never sent: nothing happened, so that it is safe to ask again.
            sleep(random() * 0.1 * 2 ** (ONCE_TRIES - tries))


def code_of(error):
    return error.response.get("Error", {}).get("Code", "")


def never_sent(error):
    from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError

    return isinstance(error, (ConnectTimeoutError, EndpointConnectionError))


def unreachable(what, error):
    from botocore.exceptions import ParamValidationError

    code = "bad-request" if isinstance(error, ParamValidationError) else "unreachable"
    return SfError(f"{what}: {type(error).__name__}: {error}", code)


def failed(what, error, refused=None):
    """The exception for a ClientError."""
    said, name = error.response.get("Error", {}), code_of(error)
    http_status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    message, code = said.get("Message") or "AWS gave no reason", _BY_AWS.get(name)
    if code == "not-granted" and refused is not None:
        return refused(what, message)
    if code is None:
        # Whether it took effect is not known.
        code = "unreachable" if http_status >= 500 else "error"
    return fault(code, f"{what}: {message} ({name})", status=http_status)


def fault(code, message, hint="", status=None):
    """The exception of a code, with the status that the data API has for it."""
    return BY_CODE.get(code, SfError)(message, code, hint, STATUSES.get(code, 0) if status is None else status)
