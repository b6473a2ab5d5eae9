def hello(request, ctx):
    """What a handler returns becomes the response: a dict is JSON."""
    ctx.log.info("greeted", {"name": ctx.params["name"]})
    return {"message": f"Hello, {ctx.params['name']}!"}
