// Profiles, and where their portraits are.

export async function profile(request, ctx) {
  const profiles = ctx.table("profiles");
  const { id } = ctx.params;
  if (request.method === "PUT") {
    if (ctx.auth.sub !== id) return error(403, "this is somebody else's profile");
    const { name, email, skills } = await request.json();
    if (typeof name !== "string" || !Array.isArray(skills)) return error(422, "a profile has a name and skills");
    await profiles.put({ id, name, email, skills });
  }
  const found = await profiles.get({ id });
  if (!found) return error(404, "no such profile");
  return Response.json({ ...found, portrait: await ctx.bucket("portraits").url(`small/${id}.png`, { expires: 3600 }) });
}

/** Answers with a link to which the picture can be put: it need not come by here. */
export async function portrait(request, ctx) {
  const { id } = ctx.params;
  if (ctx.auth.sub !== id) return error(403, "this is somebody else's profile");
  const url = await ctx.bucket("portraits").url(`raw/${id}.png`, { method: "PUT", expires: 900 });
  return Response.json({ url });
}

const error = (status, message) => Response.json({ error: message }, { status });
