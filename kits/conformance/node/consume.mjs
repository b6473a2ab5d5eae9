// Each event is written to the table `events` under the run that caused it, where the case looks for it.

import { randomUUID } from "node:crypto";

async function record(ctx, run, seen) {
  await ctx.table("events").put({ run, at: `${Date.now()}-${randomUUID()}`, function: ctx.function, ...seen });
}

const bytes = (value) => (value instanceof Uint8Array ? { length: value.length, first: value[0] ?? null } : null);

/** A message fails as often as it says; with `part` only itself, else the whole batch. */
export async function worker(event, ctx) {
  const failed = [];
  for (const { id, body, attempt } of event.data.messages) {
    const run = body.run ?? "bytes";
    await record(ctx, run, { type: event.type, source: event.source, id, attempt, n: body.n ?? null, bytes: bytes(body) });
    if (attempt > (body.fail ?? 0)) continue;
    if (!body.part) throw new Error(`message ${id} wants to fail`);
    failed.push(id);
  }
  return { failed };
}

async function topic(event, ctx) {
  const run = event.data.run ?? event.attributes.run;
  await record(ctx, run, { type: event.type, source: event.source, attributes: event.attributes, bytes: bytes(event.data), n: event.data.n ?? null });
}

export const reader = topic;
export const urgent = topic;

export async function stored(event, ctx) {
  const [, run] = event.subject.split("/");
  await record(ctx, run, { type: event.type, source: event.source, subject: event.subject, data: event.data });
}

export async function changed(event, ctx) {
  const { key, change, before, after } = event.data;
  await record(ctx, key.id.split("/")[0], { type: event.type, source: event.source, change, key, before, after });
}

export async function tick(event, ctx) {
  await record(ctx, "tick", { type: event.type, source: event.source, data: event.data });
}

/** Repeats each message; refuses those who come with `?refuse`. */
export async function talk(event, ctx) {
  const { connection } = event;
  if (event.type === "sf.socket.connect") {
    if ("refuse" in event.data.query) return { status: 403 };
    await record(ctx, event.data.query.run ?? "chat", { type: event.type, connection });
  } else if (event.type === "sf.socket.message") {
    await ctx.socket("chat").send(connection, event.data);
  } else {
    await record(ctx, "chat", { type: event.type, connection });
  }
}
