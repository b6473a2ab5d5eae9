// `ctx` against a data API in memory: what is sent, what comes back, and what goes wrong.

import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";

import { startDataApi } from "./data-api.mjs";
import { TRACE, serving } from "./host.mjs";

/** Runs the text that it is sent, as the body of an async function of `ctx` and `request`. */
const HANDLER = `const AsyncFunction = (async () => {}).constructor;
  export default async (request, ctx) => {
    const result = await new AsyncFunction("ctx", "request", request.headers.get("x-run"))(ctx, request);
    return result instanceof Response ? result : Response.json(result ?? null);
  }`;

/** `body` gets a data API and `run(code)`, which gives what the code returned, or throws what it threw. */
async function withApi(body) {
  const api = await startDataApi();
  try {
    await serving(HANDLER, { env: api.env }, async (host) => {
      const send = (code, options = {}) => {
        return host.http(options.body === undefined ? "GET" : "POST", "/", { ...options, headers: [["x-run", code.replace(/\s+/g, " ")]] });
      };
      const run = async (code, options) => {
        const answer = await send(code, options);
        if (answer.error !== null) throw Object.assign(new Error(answer.error.message), answer.error);
        return answer.json();
      };
      await body({ api, run, send, host });
    });
    assert.deepEqual(api.wrong, []);
  } finally {
    await api.stop();
  }
}

const CAUGHT = "(error) => ({ name: error.name, code: error.code, status: error.status, message: error.message, hint: error.hint })";

test("an item is put, read, and deleted, with its bytes and dates", async () => {
  await withApi(async ({ api, run }) => {
    const read = await run(`
      const profiles = ctx.table("profiles");
      const none = await profiles.get({ id: "7" });
      const item = { id: "7", picture: new Uint8Array([0, 255]), deep: [{ buffer: Buffer.from("a") }], at: new Date(0), gone: undefined, n: 5n, "é": "ü" };
      const put = await profiles.put(item);
      const got = await profiles.get({ id: "7" });
      return { none, put, versions: [profiles.version(item), profiles.version(got), profiles.version({}) ?? null],
        bytes: [...got.picture], is: got.picture.constructor.name, deep: [...got.deep[0].buffer], at: got.at, keys: Object.keys(got), n: got.n,
        existed: [await profiles.delete({ id: "7" }), await profiles.delete({ id: "7" })] };`);
    assert.deepEqual(read, {
      none: null,
      put: { version: "v1" },
      versions: ["v1", "v1", null],
      bytes: [0, 255],
      is: "Uint8Array",
      deep: [97],
      at: "1970-01-01T00:00:00.000Z",
      keys: ["id", "picture", "deep", "at", "n", "é"],
      n: 5,
      existed: [true, false],
    });
    assert.ok(api.requests.every(({ headers }) => headers.traceparent === TRACE));
  });
});

test("conditions that do not hold are conflicts, and a lost condition is noticed", async () => {
  await withApi(async ({ run }) => {
    const result = await run(`
      const profiles = ctx.table("profiles");
      const caught = ${CAUGHT};
      const { version } = await profiles.put({ id: "7" }, { ifAbsent: true });
      const again = await profiles.put({ id: "7" }, { ifAbsent: true }).catch(caught);
      const newer = await profiles.put({ id: "7", n: 1 }, { ifVersion: version });
      const older = await profiles.put({ id: "7", n: 2 }, { ifVersion: version }).catch(caught);
      const kept = await profiles.delete({ id: "7" }, { ifVersion: version }).catch(caught);
      const lost = await profiles.put({ id: "7" }, { ifVersion: profiles.version({}) }).catch(caught);
      const misspelt = await profiles.put({ id: "7" }, { ifAbsnt: true }).catch(caught);
      return { again, newer, codes: [older.code, kept.code], lost, misspelt, n: (await profiles.get({ id: "7" })).n };`);
    assert.deepEqual(result.again, { name: "Conflict", code: "conflict", status: 409, message: 'put table "profiles": the item is there already' });
    assert.deepEqual([result.newer, result.codes, result.n], [{ version: "v2" }, ["conflict", "conflict"], 1]);
    assert.match(result.lost.message, /ifVersion is undefined/);
    assert.match(result.misspelt.message, /no option "ifAbsnt"; there are: ifAbsent, ifVersion/);
  });
});

test("query and scan page by themselves, in both directions, up to a limit", async () => {
  await withApi(async ({ api, run }) => {
    for (let at = 0; at < 250; at++) {
      const item = { room: at % 2 === 0 ? "a" : "b", at, raw: { $bytes: "AQI=" } };
      api.tables.get("events").set(JSON.stringify([item.room, at]), { item, version: `w${at}` });
    }
    const result = await run(`
      const events = ctx.table("events");
      const collect = async (pages) => { const all = []; for await (const item of pages) all.push(item.at); return all };
      const page = await events.query("a", { limit: 2 }).page();
      const next = await events.query("a", { limit: 2, cursor: page.cursor }).page();
      return { all: (await collect(events.query("a"))).length, scanned: (await collect(events.scan())).length,
        limited: await collect(events.query("a", { limit: 3 })), past: (await collect(events.scan({ limit: 2000 }))).length,
        last: await collect(events.query("b", { reverse: true, limit: 1 })), between: await collect(events.query("a", { sort: { between: [4, 8] } })),
        page: page.items.map((item) => item.at), cursor: page.cursor, next: next.items.map((item) => item.at),
        version: events.version(page.items[1]), bytes: [...page.items[0].raw], end: (await events.query("none").page()) };`);
    assert.deepEqual(result, {
      all: 125,
      scanned: 250,
      limited: [0, 2, 4],
      past: 250,
      last: [249],
      between: [4, 6, 8],
      page: [0, 2],
      cursor: "c2",
      next: [4, 6],
      version: "w2",
      bytes: [1, 2],
      end: { items: [], cursor: null },
    });
    const queries = api.requests.filter(({ path }) => path.endsWith("/query"));
    // Leaving a loop early asks for no more: 2 + 2 (all: 100, then the rest) + 1 each.
    assert.equal(queries.length, 2 + 2 + 1 + 1 + 1 + 1);
  });
});

test("what JSON would lose or bend is refused", async () => {
  await withApi(async ({ api, run }) => {
    const messages = await run(`
      const message = (promise) => promise.then(() => "accepted", (error) => error.name + ": " + error.message);
      const { put } = { put: (item) => message(ctx.table("profiles").put(item)) };
      return Promise.all([put({ id: 2n ** 60n }), put({ id: "1", n: NaN }), put({ id: "1", m: new Map() }),
        message(ctx.queue("mail").send({ picture: new Uint8Array(1) })), message(ctx.queue("mail").send(undefined)),
        message(ctx.table("profiles").scan({ limit: 0 }).page()), message(ctx.bucket("b").get("")), message(ctx.bucket("b").put("k", 5)),
        message(ctx.topic("t").publish(1, { a: 1 })), message(ctx.bucket("b").put("k", "", { metadata: { a: "ü" } }))]);`);
    const expected = [/"id" is a BigInt/, /"n" is NaN/, /"m" is a Map/, /"picture" holds bytes/, /undefined has no JSON form/, /limit is a whole/];
    expected.push(/not empty/, /neither text, bytes/, /attribute "a" is a number/, /metadata "a"/);
    messages.forEach((message, index) => assert.match(message, expected[index]));
    assert.equal(api.requests.length, 0);
  });
});

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

test("queues, topics, sockets, functions", async () => {
  await withApi(async ({ api, run }) => {
    const result = await run(`
      const mail = ctx.queue("mail");
      const topic = ctx.topic("projects");
      const chat = ctx.socket("chat");
      return [await mail.send({ to: "ada" }), await mail.send("text", { delay: 30 }), await mail.send(Buffer.from([1, 2])), await mail.send(null),
        await topic.publish({ n: 1 }, { kind: "néu", "a": "b" }), await topic.publish(new Uint8Array([9])),
        await chat.send("c/1", "hi"), await chat.send("c2", new Uint8Array([7])), await chat.send("gone", { a: 1 }), await chat.close("c2") ?? null,
        await ctx.call("match", { a: 1 }), await ctx.call("match")];`);
    assert.deepEqual(result, [
      { id: "m1" }, { id: "m2" }, { id: "m3" }, { id: "m4" }, { id: "m5" }, { id: "m6" }, true, true, false, null,
      { name: "match", payload: { a: 1 } }, { name: "match", payload: null },
    ]);
    const [json, bytes] = ["application/json", "application/octet-stream"];
    const plain = api.messages.map((message) => JSON.parse(JSON.stringify(message)));
    assert.deepEqual(plain, [
      { kind: "queues", name: "mail", type: json, body: { to: "ada" } },
      { kind: "queues", name: "mail", type: json, body: "text", delay: "30" },
      { kind: "queues", name: "mail", type: bytes, body: [1, 2] },
      { kind: "queues", name: "mail", type: json, body: null },
      { kind: "topics", name: "projects", type: json, body: { n: 1 }, attributes: { kind: "néu", a: "b" } },
      { kind: "topics", name: "projects", type: bytes, body: [9] },
      { connection: "c/1", type: "text/plain", body: "hi" },
      { connection: "c2", type: bytes, body: [7] },
      { connection: "gone", type: "text/plain", body: '{"a":1}' },
      { closed: "c2" },
    ]);
  });
});

test("a secret is asked for once, also by several at a time, and again after a failure", async () => {
  await withApi(async ({ api, run }) => {
    const result = await run(`
      const missing = await ctx.secret("later").catch(${CAUGHT});
      return { missing, values: await Promise.all([ctx.secret("smtp-password"), ctx.secret("smtp-password")]) };`);
    const missing = { name: "NotFound", code: "not-found", status: 404, message: 'secret "later" has no value', hint: "sf secret set later" };
    assert.deepEqual(result, { missing, values: ["geheim", "geheim"] });
    api.secrets.set("later", "now");
    assert.deepEqual(await run('return [await ctx.secret("smtp-password"), await ctx.secret("later")]'), ["geheim", "now"]);
    assert.equal(api.requests.filter(({ path }) => path.endsWith("smtp-password")).length, 1);
  });
});

test("errors say what, have a code and a hint, and lead to the user's line", async () => {
  await withApi(async ({ run, send }) => {
    const result = await run(`
      const caught = ${CAUGHT};
      return [await ctx.table("secret-table").get({ id: "1" }).catch(caught), await ctx.call("fails").catch(caught),
        await ctx.table("profiles").put({ id: "1", text: "x".repeat(500_000) }).catch(caught)];`);
    assert.deepEqual([result[0].name, result[0].code, result[0].status], ["NotGranted", "not-granted", 403]);
    assert.deepEqual([result[1].name, result[1].code], ["SfError", "function-threw"]);
    assert.deepEqual([result[2].name, result[2].code], ["TooLarge", "too-large"]);
    const { error } = await send('return ctx.table("secret-table").get({ id: "1" })');
    assert.equal(error.name, "NotGranted");
    assert.match(error.message, /may not read table "secret-table"\nhint: add `uses = \{ secret-table/);
    assert.match(error.stack, /handler\.mjs:\d/);
  });
});

test("a call that can be repeated is, once, when the connection breaks; another is not", async () => {
  await withApi(async ({ api, run }) => {
    let breaks = 0;
    api.intercept = (request) => {
      if (breaks === 0) return false;
      breaks -= 1;
      request.socket.resetAndDestroy();
      return true;
    };
    const code = "const caught = (error) => error.code + ' ' + error.cause.code;";
    breaks = 1;
    assert.equal(await run('return ctx.table("profiles").get({ id: "1" })'), null);
    breaks = 1;
    assert.deepEqual(await run('return ctx.table("profiles").put({ id: "1" })'), { version: "v1" });
    breaks = 2;
    assert.equal(await run(`${code} return ctx.table("profiles").get({ id: "1" }).catch(caught)`), "unreachable ECONNRESET");
    for (const call of ['queue("q").send(1)', 'table("profiles").put({ id: "1" }, { ifAbsent: true })', 'table("profiles").delete({ id: "1" })', 'call("f", 1)']) {
      breaks = 1;
      assert.equal(await run(`${code} return ctx.${call}.catch(caught)`), "unreachable ECONNRESET", call);
    }
    assert.equal(breaks, 0);
  });
});

test("a call ends with the invocation's time, also in the middle of a body", async () => {
  await withApi(async ({ api, run }) => {
    api.intercept = (request, response) => {
      if (request.url.endsWith("slow")) response.writeHead(200, { "content-length": 10 }).write("half");
      return true;
    };
    const code = `const caught = (error) => error.code;
      return [await ctx.table("profiles").get({ id: "1" }).catch(caught)`;
    assert.deepEqual(await run(`${code}, await ctx.queue("q").send(1).catch(caught)]`, { deadline: Date.now() + 300 }), ["timed-out", "timed-out"]);
    const object = 'return (await ctx.bucket("b").get("slow"))';
    assert.equal(await run(`${object}.text().catch((error) => error.code)`, { deadline: Date.now() + 300 }), "timed-out");
    const read = "try { for await (const chunk of body) {} } catch (error) { return error.code }";
    assert.equal(await run(`const { body } = await ctx.bucket("b").get("slow"); ${read}`, { deadline: Date.now() + 300 }), "timed-out");
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

test("a data API that is gone is said to be, and one that was never there makes its parts missing", async () => {
  const taken = createServer();
  await new Promise((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const { port } = taken.address();
  await new Promise((resolve) => taken.close(resolve));
  const code = `export default async (request, ctx) => ({ env: [process.env.SF_DATA_URL, process.env.SF_DATA_TOKEN],
    error: await ctx.secret("x").catch(({ code, message }) => ({ code, message })) })`;
  await serving(code, { env: { SF_DATA_URL: `http://127.0.0.1:${port}/data`, SF_DATA_TOKEN: "t" } }, async (host) => {
    const { env, error } = (await host.http("GET", "/")).json();
    assert.deepEqual([env, error.code], [[null, null], "unreachable"]);
    assert.match(error.message, /^read secret x: the data API is not reached/);
  });
  await serving(code, {}, async (host) => assert.equal((await host.http("GET", "/")).json().error.code, "not-available"));
});

test("events have their data decoded by kind", async () => {
  const handler = `export default ({ type, data, attributes, connection }) => {
    const seen = (value) => value instanceof Uint8Array ? { bytes: [...value] } : value;
    if (type === "sf.queue") return data.messages.map(({ body }) => seen(body));
    if (type === "sf.table") return { after: { ...data.after, raw: seen(data.after.raw) }, before: data.before };
    return { data: seen(data), attributes, connection };
  }`;
  const base = { specversion: "1.0", id: "e1", time: "2026-01-01T00:00:00Z", datacontenttype: "application/json" };
  await serving(handler, {}, async (host) => {
    const send = async (event, data) => (await host.event({ ...base, source: "/x", ...event }, data)).json();
    const messages = [{ id: "1", body: { $bytes: "AQI=" }, attempt: 1 }, { id: "2", body: { a: [{ $bytes: 5 }] }, attempt: 1 }];
    assert.deepEqual(await send({ type: "sf.queue" }, JSON.stringify({ messages })), [{ bytes: [1, 2] }, { a: [{ $bytes: 5 }] }]);
    const table = { change: "insert", key: { id: "1" }, before: null, after: { id: "1", raw: { $bytes: "/w==" } } };
    assert.deepEqual(await send({ type: "sf.table" }, JSON.stringify(table)), { after: { id: "1", raw: { bytes: [255] } }, before: null });
    const topic = { type: "sf.topic", attributes: { kind: "new" } };
    assert.deepEqual(await send(topic, '{"$bytes":"AQI="}'), { data: { $bytes: "AQI=" }, attributes: { kind: "new" } });
    assert.deepEqual((await send({ ...topic, datacontenttype: "application/octet-stream" }, "ab")).data, { bytes: [97, 98] });
    const text = { type: "sf.socket.message", connection: "c1", datacontenttype: "text/plain" };
    assert.deepEqual(await send(text, "héllo"), { data: "héllo", connection: "c1" });
    assert.deepEqual(await send(text, ""), { data: "", connection: "c1" });
  });
});
