import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";

import { TRACE, serving, start } from "./host.mjs";

test("a request and its response, by the Fetch standard", async () => {
  const handler = `export default async (request, ctx) => {
    const url = new URL(request.url);
    return Response.json({
      method: request.method, x: url.searchParams.get("x"), id: ctx.params.id, agent: request.headers.get("User-Agent"),
      is: request instanceof Request, body: await request.json(), used: request.bodyUsed,
    }, { status: 201, headers: { "X-Made": "yes" } });
  }`;
  await serving(handler, {}, async (host) => {
    assert.deepEqual(host.ready, { token: "the-token", kit: "node/0.1.0" });
    const answer = await host.http("PUT", "/profiles/7?x=1", {
      headers: [["user-agent", "test"], ["content-type", "application/json"]],
      params: { id: "7" },
      body: '{"name":"Ada"}',
    });
    assert.equal(answer.error, null);
    assert.equal(answer.status, 201);
    assert.equal(answer.header("x-made"), "yes");
    assert.equal(answer.header("content-type"), "application/json");
    const expected = { method: "PUT", x: "1", id: "7", agent: "test", is: true, body: { name: "Ada" }, used: true };
    assert.deepEqual(answer.json(), expected);
  });
});

test("what a handler may return besides a Response", async () => {
  const handler = `const values = {
      text: "héllo", object: { a: 1 }, list: [1], number: 5, bytes: new Uint8Array([0, 255]), nothing: undefined, nil: null,
      made: () => 1, same: new Response("kept") };
    export default (request) => values[new URL(request.url).pathname.slice(1)];`;
  await serving(handler, {}, async (host) => {
    const text = await host.http("GET", "/text");
    assert.equal(text.text, "héllo");
    assert.equal(text.header("content-type"), "text/plain; charset=utf-8");
    const object = await host.http("GET", "/object");
    assert.equal(object.text, '{"a":1}');
    assert.equal(object.header("content-type"), "application/json");
    assert.equal((await host.http("GET", "/list")).text, "[1]");
    assert.equal((await host.http("GET", "/number")).text, "5");
    assert.deepEqual([...(await host.http("GET", "/bytes")).body], [0, 255]);
    for (const path of ["/nothing", "/nil"]) assert.equal((await host.http("GET", path)).status, 204);
    assert.match((await host.http("GET", "/made")).error.message, /returned a function/);
    for (let i = 0; i < 2; i++) {
      const same = await host.http("GET", "/same");
      assert.equal(same.text, "kept");
      assert.deepEqual(same.headers, [["content-type", "text/plain;charset=UTF-8"]]);
    }
  });
});

test("named exports, CommonJS, and CommonJS from TypeScript", async () => {
  const files = {
    "named.mjs": "export function one() { return 'named' }",
    "list.cjs": "module.exports = { [['t','wo'].join('')]: () => 'two' }",
    "whole.cjs": "module.exports = () => 'whole'",
    "compiled.cjs":
      "Object.defineProperty(exports, '__esModule', { value: true }); exports.default = () => 'compiled'; exports.x = () => 'x'",
  };
  for (const [file, name, text] of [
    ["named.mjs", "one", "named"],
    ["list.cjs", "two", "two"],
    ["whole.cjs", "default", "whole"],
    ["compiled.cjs", "default", "compiled"],
    ["compiled.cjs", "x", "x"],
  ]) {
    await serving(files, { file, name }, async (host) => assert.equal((await host.http("GET", "/")).text, text));
  }
});

test("HEAD, 204 and 304 carry no body, and a stream behind them is cancelled", async () => {
  const handler = `let cancelled = 0;
    export default (request) => {
      const path = new URL(request.url).pathname;
      if (path === "/count") return { cancelled };
      if (path === "/stream") return new Response(new ReadableStream({ cancel() { cancelled += 1 } }));
      if (path === "/304") return new Response(null, { status: 304, headers: { etag: '"1"' } });
      return new Response("text");
    }`;
  await serving(handler, {}, async (host) => {
    const head = await host.http("HEAD", "/");
    assert.deepEqual([head.status, head.text], [200, ""]);
    assert.deepEqual([(await host.http("HEAD", "/stream")).text, (await host.http("GET", "/count")).json()], ["", { cancelled: 1 }]);
    const unchanged = await host.http("GET", "/304");
    assert.deepEqual([unchanged.status, unchanged.text, unchanged.header("etag")], [304, "", '"1"']);
  });
});

test("cookies stay apart, latin-1 values and unicode bodies arrive whole, bad headers are refused", async () => {
  const handler = `export default async (request) => {
    if (request.url.endsWith("/bad")) return new Response("", { headers: { "x-bad": "a\\r\\nb: c" } });
    const headers = new Headers({ "X-Echo": request.headers.get("x-in") });
    headers.append("Set-Cookie", "a=1"); headers.append("set-cookie", "b=2; Path=/");
    return new Response(await request.text(), { headers });
  }`;
  await serving(handler, {}, async (host) => {
    const answer = await host.http("POST", "/", { headers: [["x-in", "caf\u00e9 \u00ff"]], body: "日本語 🎉" });
    assert.equal(answer.header("x-echo"), "caf\u00e9 \u00ff");
    assert.deepEqual(answer.headers.filter(([name]) => name === "set-cookie").map(([, value]) => value), ["a=1", "b=2; Path=/"]);
    assert.equal(answer.text, "日本語 🎉");
    const bad = await host.http("GET", "/bad");
    assert.equal(bad.error.name, "TypeError");
  });
});

test("binary bodies come back as they were", async () => {
  await serving("export default async (r) => new Response(await r.arrayBuffer())", {}, async (host) => {
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * 7) & 255));
    assert.deepEqual((await host.http("POST", "/", { body: bytes })).body, bytes);
  });
});

test("a body streams through in both directions beyond the window", async () => {
  await serving("export default (request) => new Response(request.body)", {}, async (host) => {
    const size = 5 * 1024 * 1024;
    const data = Buffer.alloc(size, "0123456789abcdef-");
    const head = { kind: "http", id: "s", method: "POST", url: "http://h/", headers: [], params: {}, auth: null, deadline_ms: 0, trace: TRACE };
    const exchange = host.send(head, data.subarray(0, 1000), true);
    let sent = 1000;
    const pump = (async () => {
      while (sent < size) {
        await exchange.until((now) => sent - now.credited < 1024 * 1024);
        const piece = Math.min(100_000, size - sent, 1024 * 1024 - (sent - exchange.credited));
        host.more(exchange, data.subarray(sent, sent + piece), sent + piece === size);
        sent += piece;
      }
    })();
    const [answer] = await Promise.all([host.finish(exchange), pump]);
    assert.equal(answer.error, null);
    assert.ok(answer.body.equals(data));
  });
});

test("a long response waits for credit, and others pass it meanwhile", async () => {
  const handler = `const long = "x".repeat(3_000_000);
    export default (request) => new Response(request.url.endsWith("/long") ? long : "short")`;
  await serving(handler, {}, async (host) => {
    const head = { kind: "http", id: "l", method: "GET", url: "http://h/long", headers: [], params: {}, auth: null, deadline_ms: 0, trace: TRACE };
    const exchange = host.send(head);
    await exchange.until((now) => now.received === 1024 * 1024);
    assert.equal((await host.http("GET", "/short")).text, "short");
    assert.equal(exchange.received, 1024 * 1024);
    const answer = await host.finish(exchange);
    assert.deepEqual([answer.error, answer.body.length], [null, 3_000_000]);
  });
});

test("an unread body gets no credit", async () => {
  const handler = `export default async (request) => {
    if (request.url.endsWith("/other")) return "other";
    await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
  }`;
  await serving(handler, {}, async (host) => {
    const head = { kind: "http", id: "u", method: "POST", url: "http://h/", headers: [], params: {}, auth: null, deadline_ms: 0, trace: TRACE };
    const exchange = host.send(head, Buffer.alloc(1024 * 1024), true);
    assert.equal((await host.http("GET", "/other")).text, "other");
    assert.equal(exchange.credited, 0);
  });
});

test("several requests run at once", async () => {
  const handler = `let waiting = [];
    export default (request) => new Promise((resolve) => {
      waiting.push(resolve);
      if (waiting.length === 3) waiting.forEach((done, i) => done({ i }));
    })`;
  await serving(handler, {}, async (host) => {
    const answers = await Promise.all([1, 2, 3].map(() => host.http("GET", "/")));
    assert.deepEqual(answers.map((answer) => answer.json().i), [0, 1, 2]);
  });
});

test("what a handler throws, and a body that fails half-way", async () => {
  const handler = `export default async (request) => {
    const path = new URL(request.url).pathname;
    if (path === "/error") throw new RangeError("out of range");
    if (path === "/object") throw { code: 7 };
    if (path === "/cycle") { const o = {}; o.o = o; throw o; }
    if (path === "/json") return request.json();
    let step = 0;
    return new Response(new ReadableStream({ pull(c) { if (step++ === 0) c.enqueue(new Uint8Array([1])); else throw new Error("cut"); } }));
  }`;
  await serving(handler, {}, async (host) => {
    const { error } = await host.http("GET", "/error");
    assert.deepEqual([error.name, error.message], ["RangeError", "out of range"]);
    assert.match(error.stack, /handler\.mjs:3/);
    assert.equal((await host.http("GET", "/object")).error.message, '{"code":7}');
    assert.match((await host.http("GET", "/cycle")).error.message, /without a text form/);
    assert.equal((await host.http("POST", "/json", { body: "{" })).error.name, "SyntaxError");
    const cut = await host.http("GET", "/half");
    assert.deepEqual([cut.status, [...cut.body], cut.error.message], [200, [1], "cut"]);
  });
});

test("CANCEL aborts the signal, stops the stream and is not answered", async () => {
  const handler = `let aborted = 0, stopped = 0;
    export default (request, ctx) => {
      const path = new URL(request.url).pathname;
      if (path === "/counts") return { aborted, stopped };
      if (path === "/stream") return new Response(new ReadableStream({ cancel() { stopped += 1 } }));
      return new Promise((_, reject) => ctx.signal.addEventListener("abort", () => { aborted += 1; reject(ctx.signal.reason) }));
    }`;
  await serving(handler, {}, async (host) => {
    const head = { kind: "http", id: "c", method: "GET", headers: [], params: {}, auth: null, deadline_ms: 0, trace: TRACE };
    const waiting = host.send({ ...head, url: "http://h/wait" });
    const stream = host.send({ ...head, url: "http://h/stream" });
    await stream.until((now) => now.head !== null);
    host.cancel(waiting);
    host.cancel(stream);
    assert.deepEqual((await host.http("GET", "/counts")).json(), { aborted: 1, stopped: 1 });
    assert.deepEqual([waiting.head, waiting.error, stream.error], [null, null, null]);
  });
});

test("an event arrives as a CloudEvent, and its result goes back as JSON", async () => {
  const handler = `export default (event, ctx) => event.type === "bytes"
    ? { size: event.data.length, is: event.data instanceof Uint8Array }
    : event.type === "none" ? undefined : { event, id: ctx.id, aware: ctx.deadline.toISOString() }`;
  const base = { specversion: "1.0", id: "e1", source: "/schedules/report", time: "2026-01-01T00:00:00Z" };
  await serving(handler, {}, async (host) => {
    const event = { ...base, type: "sf.schedule", datacontenttype: "application/json" };
    const answer = await host.event(event, '{"n":1}');
    assert.deepEqual(answer.headers, [["content-type", "application/json"]]);
    const expected = { event: { ...event, data: { n: 1 } }, id: "inv-2", aware: "2100-01-01T00:00:00.000Z" };
    assert.deepEqual(answer.json(), expected);
    const bytes = await host.event({ ...base, type: "bytes", datacontenttype: "image/png" }, Buffer.from([1, 2, 3]));
    assert.deepEqual(bytes.json(), { size: 3, is: true });
    assert.equal((await host.event({ ...base, type: "none" })).text, "null");
    const broken = await host.event({ ...event, type: "x" }, "{");
    assert.equal(broken.error.name, "SyntaxError");
  });
});

test("ctx says who and what, logs one JSON line, and refuses what is not there", async () => {
  const handler = `export default (request, ctx) => {
    const { log } = ctx;
    log.info("seen", { n: 1n, error: new TypeError("bad") });
    const cycle = {}; cycle.cycle = cycle;
    log.error("odd", cycle);
    let refused;
    try { ctx.table("profiles") } catch (error) { refused = { name: error.name, code: error.code, message: error.message } }
    const { id, auth, stage, project, provider, trace } = ctx;
    return { id, auth, fn: ctx.function, stage, project, provider, trace, refused, env: [process.env.SF_WORKER_TOKEN, process.env.SF_WORKER_SOCKET] };
  }`;
  await serving(handler, {}, async (host) => {
    const answer = await host.http("GET", "/", { auth: { sub: "ada" } });
    assert.deepEqual(answer.json(), {
      id: "inv-1",
      auth: { sub: "ada" },
      fn: "hello",
      stage: "dev",
      project: "demo",
      provider: "self-hosted",
      trace: TRACE,
      refused: { name: "NotAvailable", code: "not-available", message: "ctx.table is not available on self-hosted yet" },
      env: [null, null],
    });
    const [first, second] = (await host.lines(2)).map((line) => JSON.parse(line));
    assert.deepEqual([first.level, first.message, first.invocation, first.function], ["info", "seen", "inv-1", "hello"]);
    assert.equal(first.trace, "0af7651916cd43dd8448eb211c80319c");
    assert.deepEqual([first.fields.n, first.fields.error.name], ["1", "TypeError"]);
    assert.deepEqual([second.level, second.message], ["error", "odd"]);
  });
});

test("the rarely used parts of Request and Response", async () => {
  const handler = `export default async (request) => {
    const copy = request.clone();
    const again = new Request(request, { headers: { "x-new": "1" } });
    const plain = new Response("abc", { headers: { "x-a": "1" } });
    const form = await new Response(new URLSearchParams({ a: "1" })).formData();
    class Mine extends Response {}
    return Response.json({
      copied: await copy.text(), again: await again.text(), fresh: again.headers.get("x-new"), is: [copy, again].map((r) => r instanceof Request),
      cloned: await plain.clone().text(), header: plain.headers.get("X-A"), text: await plain.text(), used: plain.bodyUsed, form: form.get("a"),
      blob: (await new Response(new Blob(["b"], { type: "text/x" })).blob()).type, mine: new Mine("x") instanceof Response,
      foreign: ({}) instanceof Response, headers: [...new Headers([["b", "2"], ["a", "1"], ["B", "3"]])],
      redirect: Response.redirect("https://a.example/", 301).headers.get("location"),
    });
  }`;
  await serving(handler, {}, async (host) => {
    const answer = await host.http("POST", "/", { headers: [["content-type", "text/plain"]], body: "body" });
    assert.equal(answer.error, null, answer.error?.stack);
    assert.deepEqual(answer.json(), {
      copied: "body",
      again: "body",
      fresh: "1",
      is: [true, true],
      cloned: "abc",
      header: "1",
      text: "abc",
      used: true,
      form: "1",
      blob: "text/x",
      mine: true,
      foreign: false,
      headers: [["a", "1"], ["b", "2, 3"]],
      redirect: "https://a.example/",
    });
  });
});

test("loading Node's own classes leaves the kit's in place", async () => {
  const handler = `const before = [Headers, Response, Request];
    export default async (request) => {
      new Response("").clone(); new Response(new Blob(["x"]));
      return [Headers, Response, Request].map((now, i) => now === before[i]);
    }`;
  await serving(handler, {}, async (host) => assert.deepEqual((await host.http("GET", "/")).json(), [true, true, true]));
});

test("a fetched response passes through, and a request can be fetched on", async () => {
  const upstream = createServer((request, response) => {
    let body = "";
    request.on("data", (data) => (body += data));
    request.on("end", () => response.writeHead(202, { "set-cookie": ["a=1", "b=2"], "x-up": "1" }).end(`${request.method} ${body}`));
  });
  await new Promise((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  const handler = `export default async (request) => {
    const answer = await fetch(new Request(new URL("http://127.0.0.1:" + request.headers.get("x-port") + "/"), request));
    if (!(answer instanceof Response)) throw new Error("not a Response");
    return answer;
  }`;
  try {
    await serving(handler, {}, async (host) => {
      const answer = await host.http("POST", "/", { headers: [["x-port", String(upstream.address().port)]], body: "on" });
      assert.equal(answer.error, null, answer.error?.stack);
      assert.deepEqual([answer.status, answer.text, answer.header("x-up")], [202, "POST on", "1"]);
      assert.equal(answer.headers.filter(([name]) => name === "set-cookie").length, 2);
      assert.equal(answer.header("transfer-encoding"), undefined);
    });
  } finally {
    upstream.close();
  }
});

test("what cannot start says why and exits with 1", async () => {
  const files = {
    "syntax.mjs": "export default () => {\n  const = 1;\n}",
    "throws.mjs": "throw new Error('no database')",
    "imports.mjs": "import './gone.mjs'; export default () => 1",
    "other.mjs": "export const a = 1; export function b() {}",
  };
  for (const [file, name, code, message, stack] of [
    ["gone.mjs", "default", "handler-file-missing", /`gone\.mjs` is not in the artifact/],
    ["other.mjs", "c", "export-missing", /has no export `c`; it exports: a, b/],
    ["other.mjs", "a", "export-missing", /exports `a`, but it is not a function/],
    ["syntax.mjs", "default", "load-failed", /SyntaxError/, /syntax\.mjs:2/],
    ["throws.mjs", "default", "load-failed", /no database/, /throws\.mjs:1/],
    ["imports.mjs", "default", "load-failed", /gone\.mjs/],
  ]) {
    const host = await start(files, { file, name });
    const exit = await host.stop();
    assert.equal(host.ready, null);
    assert.equal(host.fatal?.code, code, host.stderr);
    assert.match(host.fatal.message, message);
    if (stack !== undefined) assert.match(host.fatal.stack, stack);
    assert.equal(exit, 1);
    assert.equal(host.stderr + host.stdout, "");
  }
});

test("an uncaught error outside a request is logged and ends the process with 1", async () => {
  for (const code of ["throw new Error('late')", "Promise.reject(new Error('late'))"]) {
    const host = await start({ "handler.mjs": `export default () => { setImmediate(() => { ${code} }); return new Promise(() => {}) }` });
    host.send({ kind: "http", id: "x", method: "GET", url: "http://h/", headers: [], params: {}, auth: null, deadline_ms: 0, trace: TRACE });
    assert.equal(await host.exited, 1);
    assert.equal(JSON.parse(host.stderr).error.message, "late");
    await host.stop();
  }
});

test("the process ends with the connection", async () => {
  const host = await start({ "handler.mjs": "setInterval(() => {}, 1000); export default () => 1" });
  assert.equal(await host.stop(), 0);
});
