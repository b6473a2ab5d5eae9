import json
from collections import Counter


def nightly(event, ctx):
    """Who can do what, counted, as an object of the bucket `reports`."""
    profiles = 0
    skills = Counter()
    for profile in ctx.table("profiles").scan():
        profiles += 1
        skills.update(profile["skills"])
    day = event["time"][:10]
    report = {"day": day, "profiles": profiles, "skills": dict(sorted(skills.items()))}
    ctx.bucket("reports").put(f"{day}.json", json.dumps(report), content_type="application/json")
    ctx.log.info("nightly report", report)
    return report
