"""What handlers may import: `from sf_kit import Response`. Each name is loaded when it is asked for: a cold start pays for nothing else."""

_HOMES = {
    "http": ("Headers", "Request", "Response"),
    "aio": ("AsyncContext", "AsyncRequest"),
    "context": ("Context",),
    "errors": ("Conflict", "NotAvailable", "NotFound", "NotGranted", "SfError", "TooLarge"),
}
__all__ = [name for names in _HOMES.values() for name in names]


def __getattr__(name):
    for home, names in _HOMES.items():
        if name in names:
            module = __import__(f"{__name__}.{home}", fromlist=[name])
            globals()[name] = getattr(module, name)
            return globals()[name]
    raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
