"""What the calls of `ctx` raise."""


class SfError(Exception):
    """A call that failed. `code` is one word for programs, `hint` says what to do (or is empty), `status` is the HTTP status (0 without an answer)."""

    code = "error"

    def __init__(self, message, code=None, hint="", status=0):
        super().__init__(message)
        self.message, self.hint, self.status = message, hint or "", status
        if code:
            self.code = code

    def __str__(self):
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class Conflict(SfError):
    """A condition (`if_absent`, `if_version`, `if_match`) did not hold."""

    code = "conflict"


class NotGranted(SfError):
    """`uses` in sf.toml does not allow this; the hint is the line to add."""

    code = "not-granted"


class NotFound(SfError):
    """There is no such resource, or a secret has no value."""

    code = "not-found"


class TooLarge(SfError):
    """More than the limit that the message names."""

    code = "too-large"


class NotAvailable(SfError):
    """A part of `ctx` that the provider does not offer."""

    code = "not-available"

    def __init__(self, what, provider):
        super().__init__(f"ctx.{what} is not available on {provider or 'this provider'} yet")


BY_CODE = {kind.code: kind for kind in (Conflict, NotGranted, NotFound, TooLarge)}
