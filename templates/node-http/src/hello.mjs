/**
 * A Fetch `Request` in, a `Response` out, on every provider.
 *
 * @param {Request} request
 * @param {import("../.sf/types/node.d.ts").Context} ctx
 */
export function hello(request, ctx) {
  ctx.log.info("greeted", { name: ctx.params.name });
  return Response.json({ message: `Hello, ${ctx.params.name}!` });
}
