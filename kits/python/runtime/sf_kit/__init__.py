"""What handlers may import: `from sf_kit import Response`. Each name is loaded when it is asked for: a cold start pays for nothing else."""

_HOMES = {
    "http": ("Headers", "Request", "Response"),
    "aio": ("AsyncContext", "AsyncRequest"),
    "context": ("Context",),
    "errors": ("Conflict", "NotAvailable", "NotFound", "NotGranted", "SfError", "TooLarge"),
}
# The types of events, for annotations; an event is a dict.
_EVENTS = ("Event", "ScheduleEvent", "QueueEvent", "TopicEvent", "BucketCreatedEvent", "BucketRemovedEvent", "BucketEvent", "TableEvent")
_EVENTS += ("SocketConnectEvent", "SocketMessageEvent", "SocketDisconnectEvent", "CallEvent")
__all__ = [name for names in _HOMES.values() for name in names]


def __getattr__(name):
    for home, names in _HOMES.items():
        if name in names:
            module = __import__(f"{__name__}.{home}", fromlist=[name])
            globals()[name] = getattr(module, name)
            return globals()[name]
    if name in _EVENTS:
        return dict
    raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
