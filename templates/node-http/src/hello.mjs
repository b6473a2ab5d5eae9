/** A Fetch `Request` in, a `Response` out, on every provider. */
export function hello(request, ctx) {
  ctx.log.info("greeted", { name: ctx.params.name });
  return Response.json({ message: `Hello, ${ctx.params.name}!` });
}
