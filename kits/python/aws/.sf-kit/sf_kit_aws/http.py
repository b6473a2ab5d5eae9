"""HTTP as API Gateway's HTTP APIs and function URLs hand it to Lambda (payload format 2.0), and the way back.

Shapes: "Create AWS Lambda proxy integrations for HTTP APIs in API Gateway" in AWS's developer guide."""

import json
import re
from base64 import b64decode, b64encode
from urllib.parse import quote

LARGEST = 6 << 20
"""Bytes of an answer that Lambda takes."""
NO_BODY = {204, 205, 304}
NOT_FORWARDED = {"connection", "content-length", "keep-alive", "transfer-encoding"}
TEXT = re.compile(r"text/|application/(json|xml|javascript|x-www-form-urlencoded)|[^;]*\+(json|xml)", re.IGNORECASE)
_FAILED = json.dumps({"error": "function-threw", "message": "the function failed; its log says why"})
FAILED = {"statusCode": 500, "headers": {"content-type": "application/json"}, "body": _FAILED, "isBase64Encoded": False}
"""The answer when the handler threw, which tells nothing. Of Lambda's own error HTTP APIs would make a 500 and function URLs a 502."""
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def is_http(event):
    return event.get("version") == "2.0" and "http" in (event.get("requestContext") or {})


def request_head(event):
    """The members of a request's head (docs/worker-protocol.md) that the event has."""
    context, headers = event["requestContext"], event.get("headers") or {}
    pairs = [[name, value] for name, value in headers.items()]
    if event.get("cookies"):
        pairs.append(["cookie", "; ".join(event["cookies"])])
    scheme = headers.get("x-forwarded-proto") or "https"
    host = headers.get("host") or context.get("domainName") or "localhost"
    query = event.get("rawQueryString")
    url = f"{scheme}://{host}{path_of(event)}" + (f"?{query}" if query else "")
    params = event.get("pathParameters") or {}
    return {"method": context["http"]["method"], "url": url, "headers": pairs, "params": params, "auth": claims_of(event)}


def path_of(event):
    """The path as the client wrote it. HTTP APIs decode it, all but `%25`; function URLs do not."""
    path, stage = event.get("rawPath") or "/", event["requestContext"].get("stage")
    if stage not in (None, "$default"):
        # Only the default stage has no place in the path.
        path = path[len(stage) + 1 :] if f"{path}/".startswith(f"/{stage}/") else path
    return quote(_ESCAPE.sub("%25", path), safe="/%:@!$&'()*+,;=~-._") or "/"


def claims_of(event):
    """The verified claims. API Gateway hands them over as texts; the token that it verified still has their types."""
    verified = ((event["requestContext"].get("authorizer") or {}).get("jwt") or {}).get("claims")
    if verified is None:
        return None
    token = ((event.get("headers") or {}).get("authorization") or "").rpartition(" ")[2]
    try:
        payload = token.split(".")[1]
        claims = json.loads(b64decode(payload + "=" * (-len(payload) % 4), altchars=b"-_"))
    except (IndexError, ValueError):
        return verified
    return claims if isinstance(claims, dict) and set(claims) == set(verified) else verified


def body_of(event):
    body = event.get("body") or ""
    return b64decode(body) if event.get("isBase64Encoded") else body.encode()


def answer(response, method, data):
    """What Lambda returns: a Response whose head is `response` and whose body is `data`."""
    pairs = [pair for pair in response.wire()[0] if pair[0] not in NOT_FORWARDED]
    if response.status in NO_BODY or method == "HEAD":
        data = b""
    headers, cookies = {}, []
    for name, value in pairs:
        if name == "set-cookie":
            cookies.append(value)
        else:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    answered = {"statusCode": response.status, "headers": headers, **encoded(data, headers.get("content-type", ""))}
    if cookies:
        answered["cookies"] = cookies
    return answered


def encoded(data, content_type):
    """Text as it is, everything else in base64."""
    if not data or TEXT.match(content_type):
        try:
            return {"body": data.decode(), "isBase64Encoded": False}
        except UnicodeDecodeError:
            pass  # whatever the type says, it is no text
    return {"body": b64encode(data).decode(), "isBase64Encoded": True}
