"""Says what came, in the way that the request asks for."""

import time
from urllib.parse import parse_qsl, urlsplit

from sf_kit import Response


def echo(request, ctx):
    url = urlsplit(request.url)
    pairs = parse_qsl(url.query, keep_blank_values=True)
    asked = dict(pairs)
    if "throw" in asked:
        raise RuntimeError(asked["throw"])
    if "bytes" in asked:
        return Response(request.body, headers={"content-type": "application/octet-stream"})
    if "pieces" in asked:
        return Response(pieces(int(asked["pieces"])), headers={"content-type": "text/plain"})
    if "pass" in asked:
        return Response(request.stream())
    if "cookies" in asked:
        headers = [("set-cookie", "a=1; Path=/"), ("set-cookie", "b=2; Path=/")]
        return Response.json(request.headers.get("cookie"), headers=headers)
    status = int(asked.get("status", 200))
    if status in (204, 304):
        return Response(None, status=status)
    said = {
        "method": request.method,
        "path": url.path,
        "query": [list(pair) for pair in pairs],
        "params": ctx.params,
        "auth": ctx.auth,
        "text": request.text(),
        "header": request.headers.get("x-said"),
    }
    return Response.json(said, status=status, headers={"x-answer": "yes"})


def pieces(count):
    for number in range(count):
        yield f"piece {number}\n"
        time.sleep(0.02)
