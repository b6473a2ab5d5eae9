// `ctx` against a data API in memory: what is sent, what comes back, and what goes wrong. Buckets are in bucket.test.mjs.

import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";

import { TRACE, serving } from "./host.mjs";
import { CAUGHT, withApi } from "./with-api.mjs";

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
    // The caller's own: the host notices a circle of calls by it.
    const calls = api.requests.filter(({ path }) => path.includes("/functions/"));
    assert.deepEqual(calls.map(({ headers }) => headers.traceparent), [TRACE, TRACE]);
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
    let closed;
    const isClosed = new Promise((resolve) => (closed = resolve));
    api.intercept = (request, response) => {
      if (request.url.endsWith("kept")) response.on("close", closed);
      if (/slow|kept/.test(request.url)) response.writeHead(200, { "content-length": 10 }).write("half");
      return true;
    };
    const code = `const caught = (error) => error.code;
      return [await ctx.table("profiles").get({ id: "1" }).catch(caught)`;
    assert.deepEqual(await run(`${code}, await ctx.queue("q").send(1).catch(caught)]`, { deadline: Date.now() + 300 }), ["timed-out", "timed-out"]);
    const reading = (how) => `try { const object = await ctx.bucket("b").get("slow"); ${how} } catch (error) { return error.code }`;
    assert.equal(await run(reading("await object.text()"), { deadline: Date.now() + 500 }), "timed-out");
    assert.equal(await run(reading("for await (const chunk of object.body) {}"), { deadline: Date.now() + 500 }), "timed-out");
    // One that nobody reads lets go of its connection, and says so when it is read after all.
    await run('globalThis.kept = await ctx.bucket("b").get("kept")', { deadline: Date.now() + 2000 });
    await isClosed;
    assert.equal(await run("return kept.text().catch((error) => error.code)"), "timed-out");
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
    const messages = [{ id: "1", body: { $bytes: "AQI=" }, attempt: 1 }, { id: "2", body: { a: [{ $bytes: "AQI=" }] }, attempt: 1 }];
    assert.deepEqual(await send({ type: "sf.queue" }, JSON.stringify({ messages })), [{ bytes: [1, 2] }, { a: [{ $bytes: "AQI=" }] }]);
    const table = { change: "insert", key: { id: "1" }, before: null, after: { id: "1", raw: { $bytes: "/w==" } } };
    assert.deepEqual(await send({ type: "sf.table" }, JSON.stringify(table)), { after: { id: "1", raw: { bytes: [255] } }, before: null });
    const topic = { type: "sf.topic", attributes: { kind: "new" } };
    assert.deepEqual(await send(topic, '{"$bytes":"AQI="}'), { data: { $bytes: "AQI=" }, attributes: { kind: "new" } });
    assert.deepEqual((await send({ ...topic, datacontenttype: "application/octet-stream" }, "ab")).data, { bytes: [97, 98] });
    const text = { type: "sf.socket.message", connection: "c1", datacontenttype: "text/plain" };
    assert.deepEqual(await send(text, "héllo"), { data: "héllo", connection: "c1" });
    assert.deepEqual(await send(text, ""), { data: "", connection: "c1" });
    assert.deepEqual((await send({ ...topic, datacontenttype: "text/csv; charset=utf-8" }, "a,é")).data, "a,é");
  });
});
