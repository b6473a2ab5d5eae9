"""The driver of `ctx` (see `sf_kit.data`) on AWS, of one invocation."""

from .buckets import Objects
from .calls import Calls
from .clients import Caller
from .messages import Messages
from .tables import Tables


class AwsDriver(Tables, Objects, Messages, Calls):
    """`config` says what AWS's names are, `ctx` who calls and until when."""

    def __init__(self, config, ctx):
        self.config, self.caller, self.trace = config, Caller(config.place, ctx.deadline), ctx.trace
