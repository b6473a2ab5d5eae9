"""SF_KIT: who the function is, what it may use, and what AWS's names are called in the manifest."""

import json


class Place:
    """Where the function runs; it is made of `arn:aws:lambda:eu-west-1:123456789012:function:shop-dev-profile:live`."""

    def __init__(self, function_arn):
        parts = (function_arn.split(":") + [""] * 5)[:5]
        self.partition, self.region, self.account = parts[1] or "aws", parts[3], parts[4]

    def arn(self, service, name):
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{name}"


class Config:
    def __init__(self, text):
        given = json.loads(text)
        self.project, self.stage, self.function = given["project"], given["stage"], given["function"]
        self.handler = given.get("handler")
        self.uses, self.secrets = given.get("uses") or {}, given.get("secrets") or {}
        self.schedules = given.get("schedules") or {}
        self._from = given.get("from") or {}
        self.has_events = bool(self._from or self.schedules)
        self.place = None
        """Known from the first invocation on."""

    def name_of(self, kind, physical):
        """The manifest's name of what AWS calls `physical`."""
        known = (self._from.get(kind) or {}).get(physical)
        if known is not None:
            return known
        # What it may use, it knows the name of too.
        return next((name for name, use in self.uses.items() if use.get(kind) == physical), physical)

    def table_named(self, physical):
        """What is known of a table of this name in AWS, or nothing."""
        return next((use for use in self.uses.values() if use.get("table") == physical), {})
