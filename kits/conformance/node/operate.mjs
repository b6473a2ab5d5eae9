// One operation on `ctx`, as a step of a case says it: `{"op": "table.put", …}` -> `{"ok": …}` or `{"error": {"code", "hint"}}`.
// Bytes travel as `{"$bytes": "base64"}` both ways.

import { createHash } from "node:crypto";

export async function operate(request, ctx) {
  const { op, ...step } = fromWire(await request.json());
  const operation = operations[op];
  if (!operation) return Response.json({ error: { code: "no-such-operation" } }, { status: 400 });
  try {
    return Response.json({ ok: toWire((await operation(ctx, step)) ?? null) });
  } catch (error) {
    // What no provider could take is refused by the kit, in the language's own way.
    const { code = error instanceof TypeError ? "bad-request" : error.name, hint = null, message } = error;
    return Response.json({ error: { code, hint, message } });
  }
}

const operations = {
  context: (ctx) => ({
    params: ctx.params,
    auth: ctx.auth,
    id: ctx.id,
    function: ctx.function,
    project: ctx.project,
    stage: ctx.stage,
    provider: ctx.provider,
    remaining: ctx.deadline.getTime() - Date.now(),
    trace: ctx.trace,
    environment: Object.keys(process.env).filter((name) => name.startsWith("SF_") && (name.includes("TOKEN") || name.includes("KIT"))),
  }),
  log: (ctx, { level, message, fields }) => ctx.log[level](message, fields),

  "table.get": (ctx, { table, key }) => ctx.table(table).get(key),
  "table.put": (ctx, { table, item, ...options }) => ctx.table(table).put(item, options),
  "table.delete": (ctx, { table, key, ...options }) => ctx.table(table).delete(key, options),
  "table.version": async (ctx, { table, key }) => ctx.table(table).version(await ctx.table(table).get(key)),
  "table.query": (ctx, { table, partition, page, ...options }) => list(ctx.table(table).query(partition, options), page),
  "table.scan": (ctx, { table, page, ...options }) => list(ctx.table(table).scan(options), page),
  // Read, change, write back if nobody was faster; again until it works.
  "table.increment": async (ctx, { table, key }) => {
    for (let tries = 1; ; tries++) {
      const item = await ctx.table(table).get(key);
      try {
        await ctx.table(table).put({ ...item, count: item.count + 1 }, { ifVersion: ctx.table(table).version(item) });
        return { tries };
      } catch (error) {
        if (error.code !== "conflict") throw error;
      }
    }
  },

  "bucket.put": (ctx, { bucket, key, body, ...options }) => ctx.bucket(bucket).put(key, body, options),
  "bucket.get": async (ctx, { bucket, key, ...options }) => {
    const object = await ctx.bucket(bucket).get(key, options);
    return object && { body: await object.bytes(), ...about(object) };
  },
  "bucket.head": async (ctx, { bucket, key }) => {
    const object = await ctx.bucket(bucket).head(key);
    return object && about(object);
  },
  "bucket.delete": (ctx, { bucket, key }) => ctx.bucket(bucket).delete(key),
  "bucket.list": async (ctx, { bucket, page, ...options }) => {
    const listed = await list(ctx.bucket(bucket).list(options), page);
    const keys = (objects) => objects.map((object) => object.key);
    return Array.isArray(listed) ? keys(listed) : { ...listed, items: keys(listed.items) };
  },
  "bucket.url": (ctx, { bucket, key, ...options }) => ctx.bucket(bucket).url(key, options),
  // More than fits the memory that it may use, there and back.
  "bucket.stream": async (ctx, { bucket, key, size }) => {
    const piece = Buffer.alloc(64 * 1024, 7);
    const sent = createHash("sha256");
    async function* pieces() {
      for (let left = size; left > 0; left -= piece.length) {
        const next = piece.subarray(0, Math.min(left, piece.length));
        sent.update(next);
        yield next;
      }
    }
    const before = process.memoryUsage().rss;
    let peak = before;
    await ctx.bucket(bucket).put(key, pieces());
    const received = createHash("sha256");
    let bytes = 0;
    for await (const chunk of (await ctx.bucket(bucket).get(key)).body) {
      received.update(chunk);
      bytes += chunk.length;
      peak = Math.max(peak, process.memoryUsage().rss);
    }
    return { bytes, same: sent.digest("hex") === received.digest("hex"), grown: peak - before };
  },

  "queue.send": (ctx, { queue, body, ...options }) => ctx.queue(queue).send(body, options),
  "topic.publish": (ctx, { topic, body, attributes }) => ctx.topic(topic).publish(body, attributes),
  "socket.send": (ctx, { socket, connection, data }) => ctx.socket(socket).send(connection, data),
  "socket.close": (ctx, { socket, connection }) => ctx.socket(socket).close(connection),
  call: (ctx, { function: name, payload }) => ctx.call(name, payload),
  secret: (ctx, { name }) => ctx.secret(name),
  workflow: (ctx, { name }) => ctx.workflow(name).start({}),
};

/** All of it, or one page. */
async function list(items, page) {
  if (page) return items.page();
  const all = [];
  for await (const item of items) all.push(item);
  return all;
}

const about = ({ size, etag, contentType, metadata }) => ({ size, etag, contentType, metadata });

function fromWire(value) {
  if (Array.isArray(value)) return value.map(fromWire);
  if (value === null || typeof value !== "object") return value;
  if (typeof value.$bytes === "string") return new Uint8Array(Buffer.from(value.$bytes, "base64"));
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, fromWire(inner)]));
}

function toWire(value) {
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString("base64") };
  if (Array.isArray(value)) return value.map(toWire);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, toWire(inner)]));
}
