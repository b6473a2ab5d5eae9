"""What `uses` and `secrets` in sf.toml grant, with the refusals of the embedded host. IAM holds the same line; its refusals are turned into these."""

from .clients import fault

OPEN = {"read": ("read",), "write": ("write",), "read-write": ("read", "write"), "call": ("call",)}


def granted(config, what, access, kind, name):
    """What is known of the resource, and what to raise if AWS refuses all the same."""
    use = config.uses.get(name)
    held = use.get("access") if use is not None and kind in use else None
    # What it may do already, it goes on doing.
    wanted = "read-write" if held in ("read", "write") and access != "call" and held != access else access

    def refused(what, cause=None):
        message = f'{what}: function "{config.function}" may not {access} {kind} "{name}"'
        hint = f"add `uses = {{ {name} = \"{wanted}\" }}` to `[functions.{config.function}]` in sf.toml"
        return fault("not-granted", f"{message} (AWS: {cause})" if cause else message, hint)

    if access not in OPEN.get(held, ()):
        raise refused(what)
    return use, refused


def granted_secret(config, what, name):
    def refused(what, cause=None):
        message = f'{what}: function "{config.function}" may not read secret "{name}"'
        hint = f'add `secrets = ["{name}"]` to `[functions.{config.function}]` in sf.toml'
        return fault("not-granted", f"{message} (AWS: {cause})" if cause else message, hint)

    if name not in config.secrets:
        raise refused(what)
    return config.secrets[name], refused
