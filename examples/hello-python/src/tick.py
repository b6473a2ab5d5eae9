async def tick(event, ctx):
    """A CloudEvent 1.0; raising means "deliver again"."""
    ctx.log.info("tick", {"at": event["time"]})
