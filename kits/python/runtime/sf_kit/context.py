"""`ctx`: what a handler knows of its invocation, and its way to the project's resources."""

import os

FUNCTION = os.environ.get("SF_FUNCTION", "")
PROJECT = os.environ.get("SF_PROJECT", "")
STAGE = os.environ.get("SF_STAGE", "")
PROVIDER = os.environ.get("SF_PROVIDER", "")


class Log:
    """One JSON line a call, with the invocation's and the trace's ids."""

    def __init__(self, ctx):
        self._ctx = ctx

    def _line(self, level, message, fields):
        from .logs import write

        write(self._ctx, level, message, fields)

    def debug(self, message, fields=None):
        self._line("debug", message, fields)

    def info(self, message, fields=None):
        self._line("info", message, fields)

    def warn(self, message, fields=None):
        self._line("warn", message, fields)

    def error(self, message, fields=None):
        self._line("error", message, fields)


class Context:
    """The same members as the other kits' contexts."""

    function, project, stage, provider = FUNCTION, PROJECT, STAGE, PROVIDER
    driver = None
    """A method that makes what carries out this invocation's calls (see `sf_kit.data`); None where the provider has none."""

    def __init__(self, head, cancelled):
        self.params = head.get("params") or {}
        self.auth = head.get("auth")
        self.id = head["id"]
        self.trace = head.get("trace") or ""
        self._deadline_ms = head["deadline_ms"]
        self._cancelled = cancelled
        self._resources = None

    @property
    def deadline(self):
        """When the call is given up: seconds since the Unix epoch."""
        return self._deadline_ms / 1000

    @property
    def cancelled(self):
        """Whether nobody waits for the answer any more."""
        return self._cancelled()

    @property
    def log(self):
        return Log(self)

    def _reach(self, what):
        """The resources; their clients are loaded at the first use."""
        if self._resources is None:
            if self.driver is None:
                self._missing(what)
            from .data import Resources

            self._resources = Resources(self.driver())
        return self._resources

    def _missing(self, what):
        from .errors import NotAvailable

        raise NotAvailable(what, self.provider)

    def table(self, name):
        return self._reach("table").table(name)

    def bucket(self, name):
        return self._reach("bucket").bucket(name)

    def queue(self, name):
        return self._reach("queue").queue(name)

    def topic(self, name):
        return self._reach("topic").topic(name)

    def socket(self, name):
        return self._reach("socket").socket(name)

    def call(self, function, payload=None):
        return self._reach("call").call(function, payload)

    def secret(self, name):
        return self._reach("secret").secret(name)

    def workflow(self, name):
        self._missing("workflow")
