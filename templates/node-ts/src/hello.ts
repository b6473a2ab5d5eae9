type Context = {
  params: Record<string, string>;
  log: { info(message: string, fields?: Record<string, unknown>): void };
};

/** A Fetch `Request` in, a `Response` out, on every provider. */
export function hello(request: Request, ctx: Context): Response {
  const name = ctx.params["name"] ?? "world";
  ctx.log.info("greeted", { name });
  return Response.json({ message: `Hello, ${name}!` });
}
