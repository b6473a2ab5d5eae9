import { greeting } from "./greeting.mjs";

/** A Fetch `Request` in, a `Response` out, on every provider. */
export async function hello(request, ctx) {
  if (request.method === "POST") return new Response(await request.text());
  ctx.log.info("greeted", { name: ctx.params.name });
  return Response.json({ message: greeting(ctx.params.name), stage: ctx.stage });
}
