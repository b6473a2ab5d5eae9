// The index of skills: brought up to date by each change of a profile, asked by visitors.

/**
 * Changes may arrive twice and in any order, so this does not replay them: it looks at what the profile is now, and makes the entries
 * for all skills that it ever had agree.
 */
export async function index(event, ctx) {
  const { key, before, after } = event.data;
  const now = await ctx.table("profiles").get(key);
  const has = new Set(now?.skills);
  const skills = ctx.table("skills");
  for (const skill of new Set([...(before?.skills ?? []), ...(after?.skills ?? []), ...has])) {
    if (has.has(skill)) await skills.put({ skill, id: key.id, name: now.name });
    else await skills.delete({ skill, id: key.id });
  }
}

export async function search(request, ctx) {
  const found = [];
  for await (const { id, name } of ctx.table("skills").query(ctx.params.skill)) found.push({ id, name });
  return Response.json(found);
}
