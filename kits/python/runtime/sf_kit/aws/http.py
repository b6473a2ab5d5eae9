"""HTTP as API Gateway's HTTP API hands it to Lambda, payload formats 2.0 and 1.0, and the way back.

Shapes: "Create AWS Lambda proxy integrations for HTTP APIs in API Gateway" in AWS's developer guide."""

import json
from base64 import b64decode, b64encode
from time import gmtime
from urllib.parse import parse_qsl, urlsplit

from ..http import Headers, Response

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
TEXT_TYPES = {"application/json", "application/xml", "application/javascript"}
"""Beside text/*, what API Gateway passes on as text; everything else, a missing type included, is base64."""

NOT_FORWARDED = {"connection", "content-length", "keep-alive", "transfer-encoding"}
"""What concerns one connection only; the length is that of what is sent."""


def request_time(ms):
    """`12/Mar/2020:19:03:58 +0000`, whatever the locale."""
    at = gmtime(ms // 1000)
    clock = f"{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02}"
    return f"{at.tm_mday:02}/{MONTHS[at.tm_mon - 1]}/{at.tm_year}:{clock} +0000"


def grouped(pairs):
    """name -> its values."""
    groups = {}
    for name, value in pairs:
        groups.setdefault(name, []).append(value)
    return groups


class Gateway:
    """A request as both payload formats need it."""

    def __init__(self, head, body, names, now):
        self.head, self.names, self.now = head, names, now
        parts = urlsplit(head["url"])
        self.path, self.query_string, self.host = parts.path or "/", parts.query, parts.hostname or ""
        self.query = grouped(parse_qsl(parts.query, keep_blank_values=True))
        self.headers = grouped((name.lower(), value) for name, value in head["headers"])
        self.source_ip = head.get("client") or last_hop(self.headers.get("x-forwarded-for", ["127.0.0.1"])[-1])
        port = parts.port or (443 if parts.scheme == "https" else 80)
        added = (("x-forwarded-for", self.source_ip), ("x-forwarded-port", str(port)), ("x-forwarded-proto", parts.scheme))
        for name, value in added:
            self.headers.setdefault(name, [value])
        self.user_agent = self.headers.get("user-agent", [""])[-1]
        self.body, self.is_base64 = text_or_base64(body, self.headers.get("content-type", [""])[-1])

    def context(self):
        """The members of `requestContext` that both formats have."""
        return {
            "accountId": self.names.ACCOUNT,
            "apiId": self.names.project,
            "domainName": self.host,
            "domainPrefix": self.host.split(".")[0],
            "requestId": self.head["id"],
            "stage": "$default",
        }


def last_hop(forwarded):
    """The address in an `x-forwarded-for` that the gateway before the function added; those before it are the client's word."""
    return forwarded.split(",")[-1].strip()


def text_or_base64(body, content_type):
    """(text, whether it is base64) or (None, False) for no body."""
    if not body:
        return None, False
    kind = content_type.split(";")[0].strip().lower()
    if kind.startswith("text/") or kind in TEXT_TYPES:
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass  # whatever the type says, it is no text
    return b64encode(body).decode(), True


def http_event(head, body, payload, names, now):
    """The event of one HTTP request; `now` in milliseconds since the Unix epoch."""
    gateway = Gateway(head, body, names, now)
    return version_1(gateway) if payload == "1.0" else version_2(gateway)


def version_2(gateway):
    route = gateway.head.get("route") or "$default"
    headers = {name: ",".join(values) for name, values in gateway.headers.items() if name != "cookie"}
    http = {"method": gateway.head["method"], "path": gateway.path, "protocol": "HTTP/1.1"}
    http.update(sourceIp=gateway.source_ip, userAgent=gateway.user_agent)
    context = gateway.context()
    context.update(routeKey=route, http=http, time=request_time(gateway.now), timeEpoch=gateway.now)
    event = {"version": "2.0", "routeKey": route, "rawPath": gateway.path, "rawQueryString": gateway.query_string}
    cookies = [part.strip() for value in gateway.headers.get("cookie", ()) for part in value.split(";") if part.strip()]
    if cookies:
        event["cookies"] = cookies
    event["headers"] = headers
    if gateway.query:
        event["queryStringParameters"] = {name: ",".join(values) for name, values in gateway.query.items()}
    if gateway.head.get("auth") is not None:
        context["authorizer"] = {"jwt": {"claims": claims(gateway.head["auth"]), "scopes": None}}
    event["requestContext"] = context
    if gateway.head.get("params"):
        event["pathParameters"] = dict(gateway.head["params"])
    if gateway.body is not None:
        event["body"] = gateway.body
    event["isBase64Encoded"] = gateway.is_base64
    return event


def version_1(gateway):
    auth = gateway.head.get("auth")
    resource = (gateway.head.get("route") or "").partition(" ")[2] or gateway.path
    nobody = ("accessKey", "accountId", "caller", "cognitoAuthenticationProvider", "cognitoAuthenticationType")
    nobody += ("clientCert", "cognitoIdentityId", "cognitoIdentityPoolId", "principalOrgId", "user", "userArn")
    identity = dict.fromkeys(nobody)
    identity.update(sourceIp=gateway.source_ip, userAgent=gateway.user_agent)
    context = gateway.context()
    context.update(
        authorizer={"claims": None if auth is None else claims(auth), "scopes": None},
        extendedRequestId=gateway.head["id"],
        httpMethod=gateway.head["method"],
        identity=identity,
        path=gateway.path,
        protocol="HTTP/1.1",
        requestTime=request_time(gateway.now),
        requestTimeEpoch=gateway.now,
        resourceId=None,
        resourcePath=resource,
    )
    return {
        "version": "1.0",
        "resource": resource,
        "path": gateway.path,
        "httpMethod": gateway.head["method"],
        "headers": {name: values[-1] for name, values in gateway.headers.items()},
        "multiValueHeaders": gateway.headers,
        "queryStringParameters": {name: values[-1] for name, values in gateway.query.items()} or None,
        "multiValueQueryStringParameters": gateway.query or None,
        "requestContext": context,
        "pathParameters": dict(gateway.head.get("params") or {}) or None,
        "stageVariables": None,
        "body": gateway.body,
        "isBase64Encoded": gateway.is_base64,
    }


def claims(auth):
    """API Gateway hands every claim over as text, an array as `[a b]`."""
    return {name: claim_text(value) for name, value in auth.items()}


def claim_text(value):
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return f"[{' '.join(claim_text(part) for part in value)}]"
    return dumps(value)


def http_response(value, payload):
    """The response that API Gateway makes of what the handler returned."""
    if isinstance(value, dict) and value.get("statusCode") is not None:
        return explicit_response(value, payload)
    if payload == "1.0":
        raise TypeError('a Lambda handler with payload 1.0 must return {"statusCode": …, "body": …}')
    # Payload 2.0 infers: JSON with status 200; text stands for itself.
    body = value if isinstance(value, str) else dumps(value)
    return Response(body.encode(), 200, {"content-type": "application/json"})


def explicit_response(value, payload):
    headers = Headers()
    multiple = value.get("multiValueHeaders") or {} if payload == "1.0" else {}
    for name, values in multiple.items():
        for text in values:
            headers.append(name, header_text(text))
    for name, text in (value.get("headers") or {}).items():
        # Both are merged; what the list of values has already is not said twice.
        if text is not None and header_text(text) not in headers.get_all(name):
            headers.append(name, header_text(text))
    for cookie in value.get("cookies") or () if payload != "1.0" else ():
        headers.append("set-cookie", cookie)
    body = value.get("body")
    if body is None:
        body = ""
    if not isinstance(body, str):
        raise TypeError(f"the `body` of a Lambda response must be text, not {type(body).__name__}: use json.dumps")
    data = b64decode(body) if value.get("isBase64Encoded") else body.encode()
    if data and "content-type" not in headers:
        headers.append("content-type", "text/plain; charset=utf-8")
    headers.pairs = [pair for pair in headers.pairs if pair[0] not in NOT_FORWARDED]
    return Response(data, status(value["statusCode"]), headers)


def status(code):
    try:
        number = int(code)
    except (TypeError, ValueError):
        number = 0
    if not 200 <= number <= 599:
        raise ValueError(f"the handler returned the statusCode {code!r}")
    return number


def header_text(value):
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def dumps(value):
    """As AWS's runtime writes what a handler returned: a Decimal is a number."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=decimal_number)


def decimal_number(value):
    from decimal import Decimal

    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"a value of type {type(value).__name__} has no JSON form")
