from greeting import greeting


def hello(request, ctx):
    """What a handler returns becomes the response: a dict is JSON."""
    ctx.log.info("greeted", {"name": ctx.params["name"]})
    return {"message": greeting(ctx.params["name"]), "stage": ctx.stage}
