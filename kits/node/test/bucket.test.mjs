// `ctx.bucket` against a data API in memory.

import assert from "node:assert/strict";
import { test } from "node:test";

import { CAUGHT, withApi } from "./with-api.mjs";

test("an object is put, read whole and in part, listed, linked to and deleted", async () => {
  await withApi(async ({ api, run }) => {
    const result = await run(`
      const portraits = ctx.bucket("portraits");
      const key = "raw/ü 7?.png";
      const put = await portraits.put(key, "héllo", { contentType: "text/x", metadata: { Owner: "ada" } });
      const object = await portraits.get(key);
      const { size, etag, contentType, metadata, modified } = object;
      const facts = { size, same: etag === put.etag, contentType, metadata, modified: modified.toISOString() };
      const text = await object.text();
      const again = await object.text().catch((error) => error.message);
      const part = await portraits.get(key, { range: [1, 2] });
      const tail = await portraits.get(key, { range: [4] });
      const head = await portraits.head(key);
      return { put: put.size, facts, text, again, part: [part.size, await part.text()], tail: [...await tail.bytes()], head: head.size,
        none: [await portraits.get("no"), await portraits.head("no")], beyond: await portraits.get(key, { range: [50] }).catch(${CAUGHT}),
        absent: await portraits.put(key, "", { ifAbsent: true }).catch((error) => error.code),
        matched: (await portraits.put(key, "{}", { ifMatch: put.etag })).size,
        stale: await portraits.put(key, "", { ifMatch: put.etag }).catch((error) => error.code), json: await (await portraits.get(key)).json(),
        url: await portraits.url(key, { method: "PUT", expires: 60 }), deleted: await portraits.delete(key) ?? null, left: await portraits.head(key) };`);
    const { beyond, again, ...rest } = result;
    assert.deepEqual(rest, {
      put: 6,
      facts: { size: 6, same: true, contentType: "text/x", metadata: { owner: "ada" }, modified: "2026-01-02T03:04:05.000Z" },
      text: "héllo",
      part: [6, "é"],
      tail: [108, 111],
      head: 6,
      none: [null, null],
      absent: "conflict",
      matched: 2,
      stale: "conflict",
      json: {},
      url: "http://signed.example/raw/ü 7?.png?PUT&60",
      deleted: null,
      left: null,
    });
    assert.match(again, /read already/);
    assert.deepEqual([beyond.code, beyond.status], ["range-not-satisfiable", 416]);
    assert.ok(api.requests[0].path.endsWith("/buckets/portraits/objects/raw%2F%C3%BC%207%3F.png"));
  });
});

test("a listing has its objects, its prefixes, and its pages", async () => {
  await withApi(async ({ run }) => {
    const result = await run(`
      const bucket = ctx.bucket("b");
      for (const key of ["a/1", "a/2", "b/1", "c", "d", ".."]) await bucket.put(key, "");
      const keys = []; for await (const { key } of bucket.list({ limit: 4 })) keys.push(key);
      const { items, prefixes, cursor } = await bucket.list({ delimiter: "/", limit: 2 }).page();
      return { keys, items: items.map(({ key }) => key), is: items[0].modified instanceof Date, prefixes, cursor,
        under: (await bucket.list({ prefix: "a/" }).page()).items.length };`);
    const keys = ["..", "a/1", "a/2", "b/1"];
    assert.deepEqual(result, { keys, items: ["..", "c"], is: true, prefixes: ["a/", "b/"], cursor: "2", under: 2 });
  });
});

test("a body may be anything that has bytes, and keeps its type", async () => {
  await withApi(async ({ api, run, send }) => {
    await run(`
      const bucket = ctx.bucket("b");
      await bucket.put("bytes", new Uint16Array([258]));
      await bucket.put("buffer", Buffer.from("b").buffer.slice(0, 0));
      await bucket.put("stream", new ReadableStream({ start(c) { c.enqueue(new Uint8Array([1])); c.close() } }));
      await bucket.put("iterable", (async function* () { yield "one"; yield Buffer.from("two") })());
      await bucket.put("response", new Response("r", { headers: { "content-type": "text/r" } }));
      await bucket.put("blob", new Blob(["b"], { type: "text/b" }));
      await bucket.put("empty", new Response(null));
      await bucket.put("copy", await bucket.get("response"));
      await bucket.put("chosen", "x", { contentType: "text/csv" });`);
    const answer = await send('await ctx.bucket("b").put("request", request)', { body: "posted" });
    assert.equal(answer.error, null, answer.error?.stack);
    const stored = (key) => [api.objects.get(`b/${key}`).bytes.toString("latin1"), api.objects.get(`b/${key}`).type];
    const bytes = "application/octet-stream";
    assert.deepEqual(["bytes", "buffer", "stream", "iterable", "response", "blob", "empty", "copy", "chosen", "request"].map(stored), [
      ["\x02\x01", bytes],
      ["", bytes],
      ["\x01", bytes],
      ["onetwo", bytes],
      ["r", "text/r"],
      ["b", "text/b"],
      ["", bytes],
      ["r", "text/r"],
      ["x", "text/csv"],
      ["posted", bytes],
    ]);
  });
});

test("a stream that fails half-way stores nothing, and its error is the caller's", async () => {
  await withApi(async ({ api, run }) => {
    const result = await run(`
      const message = (promise) => promise.then(() => "stored", (error) => error.message);
      const failing = async function* () { yield "first"; throw new RangeError("no more") };
      return [await message(ctx.bucket("b").put("half", failing())), await message(ctx.bucket("b").put("odd", [5])),
        await message(ctx.bucket("b").put("numbers", (async function* () { yield 5 })())), await message(ctx.bucket("b").put("ok", "fine"))];`);
    assert.equal(result[0], "no more");
    assert.match(result[1], /neither text, bytes, a stream/);
    assert.match(result[2], /gave a number in place of bytes/);
    assert.equal(result[3], "stored");
    assert.deepEqual([...api.objects.keys()], ["b/ok"]);
    // What the server saw of the broken bodies is its own affair, as long as it was not stored.
    api.wrong.length = 0;
  });
});

test("100 MB pass through in both directions, and little of them is ever under way", async () => {
  await withApi(async ({ api, run }) => {
    const size = 100 * 1024 * 1024;
    let sent = 0;
    let received = 0;
    let most = 0;
    const give = (response) => {
      const chunk = Buffer.alloc(256 * 1024, 7);
      const more = () => {
        while (sent < size) {
          sent += chunk.length;
          most = Math.max(most, sent - received);
          if (!response.write(chunk)) return void response.once("drain", more);
        }
        response.end();
      };
      response.writeHead(200, { "content-length": size, etag: '"big"' });
      more();
    };
    /** Slower than what gives, so that whatever collects would show. */
    const take = async (request, response) => {
      for await (const chunk of request) {
        received += chunk.length;
        for (let turn = 0; turn < 40; turn++) await new Promise(setImmediate);
      }
      response.writeHead(200).end(JSON.stringify({ etag: '"big"', size: received }));
    };
    api.intercept = (request, response) => {
      if (request.method === "PUT") void take(request, response);
      else give(response);
      return true;
    };
    const stored = await run('return ctx.bucket("b").put("copy", await ctx.bucket("b").get("big"))');
    assert.equal(stored.size, size);
    // The buffers of two connections, on both sides; without flow control it would be nearly all.
    assert.ok(most < 32 * 1024 * 1024, `${most} bytes`);
  });
});

test("a reader that stops holds the sender back, and one that cancels frees the connection", async () => {
  await withApi(async ({ api, run }) => {
    let sent = 0;
    let closed;
    const ended = new Promise((resolve) => (closed = resolve));
    api.intercept = (request, response) => {
      if (!request.url.endsWith("endless")) return false;
      response.on("close", closed);
      const chunk = Buffer.alloc(64 * 1024);
      const more = () => {
        do sent += chunk.length;
        while (response.write(chunk));
        response.once("drain", more);
      };
      more();
      return true;
    };
    await run(`
      const object = await ctx.bucket("b").get("endless");
      const reader = object.body.getReader();
      await reader.read();
      for (let i = 0; i < 100; i++) await ctx.queue("mail").send(i);
      await reader.cancel();`);
    await ended;
    // What fits the two sides' buffers, as against gigabytes.
    assert.ok(sent < 32 * 1024 * 1024, `${sent} bytes`);
  });
});

test("an answer before the end of the body ends the sending", async () => {
  await withApi(async ({ api, run }) => {
    api.intercept = (_request, response) => {
      response.writeHead(403, { "content-type": "application/json" }).end('{"code":"not-granted","message":"no"}');
      return true;
    };
    const result = await run(`
      let given = 0, stopped = false;
      const endless = async function* () { try { for (;;) { given += 1; yield new Uint8Array(65536) } } finally { stopped = true } };
      const code = await ctx.bucket("b").put("k", endless()).catch((error) => error.code);
      while (!stopped) await new Promise(setImmediate);
      return { code, given };`);
    assert.equal(result.code, "not-granted");
    assert.ok(result.given < 1000, `${result.given} pieces`);
  });
});
