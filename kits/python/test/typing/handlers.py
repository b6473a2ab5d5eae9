"""Handlers as a project has them: no type checker may complain about any of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sf_kit
from sf_kit import AsyncContext, AsyncRequest, Conflict, Context, QueueEvent, Request, Response

if TYPE_CHECKING:
    from sf_kit import Failed, Item, Table


def newest(table: Table, day: str) -> Item | None:
    return next(iter(table.query(day, sort={"gte": 7}, reverse=True, limit=1)), None)


def profile(request: Request, ctx: Context) -> Response | tuple[str, int]:
    profiles = ctx.table("profiles")
    item = profiles.get({"id": ctx.params["id"]})
    if item is None:
        return "no such profile", 404
    item["seen"] = request.headers.get("user-agent", "?")
    try:
        version: str = profiles.put(item, if_version=profiles.version(item))
    except Conflict as error:
        return f"{error.code} {error.hint} {error.status + 1}", 409
    found = ctx.bucket("portraits").get("raw/7", range=(0, 99))
    if found is not None:
        with found:
            size: int = found.size + len(found.read(10))
            ctx.log.info("read", {"size": size, "day": found.modified.isoformat()})
    ctx.bucket("portraits").put("copy", request.stream(), metadata={"by": version})
    page = ctx.bucket("portraits").list(prefix="raw/", delimiter="/").page()
    keys: list[str] = [entry.key for entry in page.items] + page.prefixes
    return Response.json({"keys": keys, "late": ctx.deadline}, headers={"x-a": 1})


async def upload(request: AsyncRequest, ctx: AsyncContext) -> Response:
    body: bytes = await request.body
    stored = await ctx.bucket("portraits").put("7", request.stream())
    async for item in ctx.table("profiles").scan():
        await ctx.queue("mail").send({"to": item["id"], "bytes": len(body)}, delay=5)
    secret: str = await ctx.secret("key")
    return Response(f"{stored['size']} {len(secret)}")


def work(event: QueueEvent, ctx: Context) -> Failed:
    return {"failed": [message["id"] for message in event["data"]["messages"] if message["attempt"] > 1]}


def qualified(event: sf_kit.TableEvent, ctx: sf_kit.Context) -> None:
    after = event["data"]["after"]
    if after is not None:
        ctx.topic("changed").publish(after, {"change": event["data"]["change"]})
