from profiles import profiles


async def statistics(request, ctx):
    rates = [profile["rate"] for profile in profiles()]
    return {"profiles": len(rates), "mean_rate": sum(rates) / len(rates)}
