"""Each line that is marked must be complained about: the types are no `Any` in disguise."""

from sf_kit import AsyncContext, Context, QueueEvent


def plain(event: QueueEvent, ctx: Context) -> None:
    ctx.tabel("profiles")  # wrong: attr-defined
    ctx.table("profiles").put({"id": "7"}, ifAbsent=True)  # wrong: call-arg
    ctx.table("profiles").get({"id": "7"})["id"]  # wrong: index
    ctx.table("profiles").query("a", sort={"like": "x"})  # wrong: typeddict-item, arg-type
    ctx.queue("mail").send(1, delay="5")  # wrong: arg-type
    ctx.topic("t").publish(1, {"n": 1})  # wrong: dict-item
    event["data"]["mesages"]  # wrong: typeddict-item


async def awaited(event: QueueEvent, ctx: AsyncContext) -> None:
    for _ in ctx.table("profiles").scan():  # wrong: attr-defined
        pass
    (await ctx.bucket("b").get("k")).size  # wrong: union-attr
