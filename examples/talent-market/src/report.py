from profiles import profiles


def nightly(event, ctx):
    """A CloudEvent 1.0; raising means "deliver again"."""
    skills = sorted({skill for profile in profiles() for skill in profile["skills"]})
    ctx.log.info("nightly report", {"at": event["time"], "profiles": len(profiles()), "skills": skills})
    return {"skills": skills}
