from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sf_kit import Context, Request


def hello(request: "Request", ctx: "Context") -> dict[str, str]:
    """What a handler returns becomes the response: a dict is JSON."""
    ctx.log.info("greeted", {"name": ctx.params["name"]})
    return {"message": f"Hello, {ctx.params['name']}!"}
