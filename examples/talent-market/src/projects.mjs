// Projects are not kept: they are told to whom they concern.

export async function post(request, ctx) {
  const { title, skills } = await request.json();
  if (typeof title !== "string" || !Array.isArray(skills)) {
    return Response.json({ error: "a project has a title and skills" }, { status: 422 });
  }
  const project = { id: ctx.id, title, skills, by: ctx.auth.sub };
  await ctx.topic("projects").publish(project);
  return Response.json(project, { status: 202 });
}
