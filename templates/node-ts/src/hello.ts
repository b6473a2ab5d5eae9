import type { HttpHandler } from "../.sf/types/node.d.ts";

/** A Fetch `Request` in, a `Response` out, on every provider. */
export const hello: HttpHandler = (request, ctx) => {
  const name = ctx.params["name"] ?? "world";
  ctx.log.info("greeted", { name });
  return Response.json({ message: `Hello, ${name}!` });
};
