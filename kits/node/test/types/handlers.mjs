// The same in JavaScript, checked by its JSDoc.

/** @type {import("../.sf/types/node.d.ts").HttpHandler} */
export const profile = async (request, ctx) => {
  const item = await ctx.table("profiles").get({ id: ctx.params.id });
  // @ts-expect-error: there is no such log level
  ctx.log.inform("read");
  return item ? Response.json({ ...item, url: request.url }) : new Response("no such profile", { status: 404 });
};

/** @type {import("../.sf/types/node.d.ts").QueueHandler<{ to: string }>} */
export const send = async ({ data }, ctx) => {
  for (const { body } of data.messages) ctx.log.info("sent", { to: body.to.trim() });
};

/** @type {import("../.sf/types/node.d.ts").BucketHandler} */
export const resize = async ({ data }, ctx) => {
  const object = await ctx.bucket(data.bucket).get(data.key);
  // @ts-expect-error: it may be gone
  await object.text();
};

/**
 * @param {Request} request
 * @param {import("../.sf/types/node.d.ts").Context} ctx
 */
export async function upload(request, ctx) {
  // @ts-expect-error: a key is a text
  await ctx.bucket("portraits").put(7, request);
}
