// Every part of the type definitions as a project would use it, and what they must refuse.

import type { BucketHandler, CallHandler, ConnectHandler, Context, HttpHandler, QueueHandler, SfError, TableHandler, TopicHandler } from "../.sf/types/node.d.ts";
import type { CloudEvent, EventHandler, MessageHandler, ScheduleHandler } from "../.sf/types/node.d.ts";

interface Profile {
  id: string;
  name: string;
  picture?: Uint8Array;
}

export const profile: HttpHandler = async (request, ctx) => {
  const profiles = ctx.table<Profile>("profiles");
  const id = ctx.params["id"] ?? "";
  const item = await profiles.get({ id });
  if (item === null) return new Response("no such profile", { status: 404 });
  const name: string = item.name;
  // @ts-expect-error: a profile has no such attribute
  item.nme;
  // @ts-expect-error: a profile needs a name
  await profiles.put({ id });
  // @ts-expect-error: no such option
  await profiles.put(item, { ifAbsnt: true });
  try {
    const version = profiles.version(item);
    if (version !== undefined) await profiles.put({ ...item, name: `${name}!` }, { ifVersion: version });
  } catch (error) {
    if ((error as SfError).code === "conflict") return { again: true };
    throw error;
  }
  for await (const { name, picture } of profiles.query(id, { sort: { between: [1, 5] }, reverse: true, limit: 5 })) {
    ctx.log.info("seen", { name, bytes: picture?.length });
  }
  const { items, cursor } = await profiles.scan({ limit: 10 }).page();
  await profiles.scan({ cursor }).page();
  // @ts-expect-error: one range at a time
  profiles.query(id, { sort: 5 });
  const existed: boolean = await profiles.delete({ id });
  return Response.json({ count: items.length, existed, method: request.method, sub: ctx.auth?.sub, until: ctx.deadline.getTime() });
};

export async function upload(request: Request, ctx: Context): Promise<Response> {
  const portraits = ctx.bucket("portraits");
  await portraits.put("raw", request, { metadata: { owner: "ada" }, ifAbsent: true });
  const object = await portraits.get("raw", { range: [0, 99] });
  if (object === null) return new Response(null, { status: 404 });
  await portraits.put("copy", object, { contentType: object.contentType });
  await portraits.put("text", "text");
  await portraits.put("bytes", new Uint8Array(1));
  await portraits.put("stream", (async function* () { yield "piece"; })());
  // @ts-expect-error: a number has no bytes
  await portraits.put("number", 5);
  const { prefixes } = await portraits.list({ delimiter: "/" }).page();
  for await (const { key, modified } of portraits.list({ prefix: prefixes[0] ?? "" })) ctx.log.debug(key, { at: modified.getTime() });
  const url: string = await portraits.url("raw", { method: "PUT", expires: 60 });
  const size: number = (await portraits.head("raw"))?.size ?? 0;
  return new Response(object.body, { headers: { "x-url": url, "x-size": String(size) } });
}

export const send: QueueHandler<{ to: string }> = async ({ data }, ctx) => {
  const failed: string[] = [];
  const password: string = await ctx.secret("smtp-password");
  for (const { id, body, attempt } of data.messages) if (attempt > 3 || body.to === password) failed.push(id);
  return { failed };
};

// @ts-expect-error: `failed` is a list
export const wrong: QueueHandler = () => ({ failed: "1" });

export const announce: TopicHandler<{ id: string }> = async ({ data, attributes }, ctx) => {
  const { id } = await ctx.queue("mail").send({ to: data.id, kind: attributes?.["kind"] }, { delay: 5 });
  await ctx.topic("sent").publish(new Uint8Array(1), { id });
  // @ts-expect-error: attributes are texts
  await ctx.topic("sent").publish(1, { n: 1 });
};

export const resize: BucketHandler = ({ type, data, subject }) => {
  if (type === "sf.bucket.created") return { subject, key: data.key, size: data.size };
  // @ts-expect-error: what is gone has no size
  return data.size;
};

export const index: TableHandler<Profile> = ({ data }) => data.after?.name ?? data.before?.name;
export const nightly: ScheduleHandler = ({ data }) => data.timezone;
export const open: ConnectHandler = ({ data, connection }) => ({ status: data.query["token"] === connection ? 200 : 403 });
export const match: CallHandler<{ a: number }, number> = ({ data }) => data.a + 1;

export const message: MessageHandler = async ({ data, connection }, ctx) => {
  const chat = ctx.socket("chat");
  const text = typeof data === "string" ? data : data.length;
  const answer = await ctx.call<number>("match", { a: 1 });
  if (!(await chat.send(connection, { text, answer }))) await chat.close(connection);
};

export const any: EventHandler = (event: CloudEvent) => (event.type === "sf.queue" ? event.data.messages.length : event.id);
