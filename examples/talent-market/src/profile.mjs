import { find } from "./profiles.mjs";

export function profile(request, ctx) {
  const found = find(ctx.params.id);
  return found ? Response.json(found) : Response.json({ error: "no such profile" }, { status: 404 });
}
