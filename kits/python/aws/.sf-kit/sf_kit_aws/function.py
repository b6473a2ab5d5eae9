"""What Lambda calls with `(event, context)`. HTTP is answered here; all else by `deliver.py`, which functions without other events never load."""

from . import http
from .config import Place
from .invocation import Invocation


class Function:
    def __init__(self, config, runner):
        self._config, self._runner = config, runner

    def __call__(self, event, context):
        if self._config.place is None:
            self._config.place = Place(context.invoked_function_arn)
        invocation = Invocation(context)
        event = invocation.opened(event)
        # A call may pass on what looks like a request; who calls says so.
        if isinstance(event, dict) and http.is_http(event) and not invocation.is_call:
            return self._http(event, invocation)
        from .deliver import deliver

        return deliver(event, invocation, self._config, self._runner)

    def _http(self, event, invocation):
        request = http.request_head(event)
        given = next((value for name, value in request["headers"] if name == "traceparent"), None)
        head = invocation.head(given, kind="http", **request)
        try:
            response, data = self._runner.http(head, http.body_of(event))
            return http.answer(response, head["method"], data)
        except Exception as error:
            invocation.failed(error)
            return http.FAILED
