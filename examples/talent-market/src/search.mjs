import { having } from "./profiles.mjs";

export function search(request, ctx) {
  const skill = new URL(request.url).searchParams.get("skill");
  const found = having(skill);
  ctx.log.info("searched", { skill, found: found.length });
  return Response.json(found);
}
