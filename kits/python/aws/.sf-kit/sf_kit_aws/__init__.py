"""Portable functions on AWS Lambda (docs/providers/aws.md, "What a function is started with"). From an event to a handler and back:

    config      SF_KIT, and where the function is (region, account)
    http        payload format 2.0 <-> Request and Response
    events      what AWS's services send -> CloudEvents
    invocation  ctx's facts of one call; plain and async handlers
    function    what Lambda calls
    deliver     which event goes to the handler as what, and what Lambda is answered
    driver      ctx's resources: tables, buckets, messages, calls and secrets, on botocore"""


def start(root, environ):
    """Loads the user's handler, and gives the function that Lambda calls."""
    from sf_kit.context import Context
    from sf_kit.worker import load

    from .config import Config
    from .function import Function
    from .invocation import runner_for

    config = Config(environ.pop("SF_KIT"))
    Context.function, Context.project, Context.stage, Context.provider = config.function, config.project, config.stage, "aws"

    def driver(ctx):
        from .driver import AwsDriver

        return AwsDriver(config, ctx)

    Context.driver = driver
    if config.has_events:
        # Now, since the first event would wait longer for it.
        from . import deliver  # noqa: F401
    handler = load(config.handler["file"], config.handler["export"], root)
    return Function(config, runner_for(handler))
