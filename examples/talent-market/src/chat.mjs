// A room in which everyone hears everyone.

/** `…/-/sockets/chat?name=Ada` */
export async function open(event, ctx) {
  const { name } = event.data.query;
  if (!name) return { status: 400 };
  await ctx.table("chatters").put({ connection: event.connection, name });
}

export async function message(event, ctx) {
  const chatters = ctx.table("chatters");
  const { name } = await chatters.get({ connection: event.connection });
  for await (const { connection } of chatters.scan()) {
    const delivered = await ctx.socket("chat").send(connection, `${name}: ${event.data}`);
    if (!delivered) await chatters.delete({ connection });
  }
}
