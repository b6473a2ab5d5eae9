// The lambda interface: how a handler is found, called and heard. The shapes of events are in lambda-http.test.mjs and lambda-events.test.mjs.

import assert from "node:assert/strict";
import { test } from "node:test";

import { TRACE, serving, start } from "./host.mjs";

const ENV = { SF_INTERFACE: "lambda" };

function invoke(host, payload) {
  const event = { specversion: "1.0", id: "e1", type: "sf.invoke", source: "/cli", time: "2026-01-01T00:00:00Z", datacontenttype: "application/json" };
  return host.event(event, payload === undefined ? "" : JSON.stringify(payload));
}

test("a handler is found as on Lambda: without an ending, in CommonJS or ESM, within objects", async () => {
  const files = {
    "legacy/orders.js": "exports.handler = async () => 'cjs'; exports.api = { orders: { get: async () => 'nested' } }",
    "esm.mjs": "export const handler = async () => 'esm'; export const inner = { handler: async () => 'inner' }; export default { late: { get: async () => 'late' } }",
    "package.json": "{}",
  };
  for (const [file, name, text] of [
    ["legacy/orders", "handler", "cjs"],
    ["legacy/orders.js", "handler", "cjs"],
    ["legacy/orders", "api.orders.get", "nested"],
    ["esm", "handler", "esm"],
    ["esm.mjs", "inner.handler", "inner"],
    ["esm", "late.get", "late"],
  ]) {
    await serving(files, { file, name, env: ENV }, async (host) => assert.equal((await invoke(host)).json(), text));
  }
  const missing = await start(files, { file: "legacy/orders", name: "api.none.get", env: ENV });
  await missing.stop();
  assert.equal(missing.fatal.code, "export-missing");
});

test("an answer may come as a promise, through the callback, or by the old functions of the context", async () => {
  const handler = `const soon = (run) => setImmediate(run);
    const ways = {
      promise: async () => ({ a: 1 }),
      callback: (event, context, callback) => soon(() => callback(null, "called back")),
      succeed: (event, context) => { const { succeed } = context; soon(() => succeed("succeeded")) },
      done: (event, context) => context.done(null, "done"),
      value: () => "returned", nothing: () => {}, first: (event, context, callback) => { callback(null, 1); callback(null, 2) },
      throws: () => { throw new RangeError("thrown") }, rejects: async () => { throw new RangeError("rejected") },
      error: (event, context, callback) => soon(() => callback(new TypeError("passed"))), text: (event, context, callback) => callback("just text"),
      fail: (event, context) => context.fail(new Error("failed")),
    };
    for (const [name, way] of Object.entries(ways)) exports[name] = way;`;
  const expected = { promise: { a: 1 }, callback: "called back", succeed: "succeeded", done: "done", value: null, nothing: null, first: 1 };
  const errors = { throws: "thrown", rejects: "rejected", error: "passed", text: "just text", fail: "failed" };
  for (const name of [...Object.keys(expected), ...Object.keys(errors)]) {
    await serving({ "ways.cjs": handler }, { file: "ways", name, env: ENV }, async (host) => {
      const answer = await invoke(host, {});
      if (name in errors) assert.equal(answer.error?.message, errors[name]);
      else assert.deepEqual([answer.error, answer.json()], [null, expected[name]], name);
    });
  }
});

test("the context and the environment are those of Lambda", async () => {
  const handler = `export const handler = async (event, context) => {
    const { getRemainingTimeInMillis, ...rest } = context;
    context.callbackWaitsForEmptyEventLoop = false;
    return { event, left: getRemainingTimeInMillis() > 1e9, waits: context.callbackWaitsForEmptyEventLoop, rest,
      env: [process.env.AWS_REGION, process.env.AWS_LAMBDA_FUNCTION_NAME, process.env.SF_DATA_TOKEN ?? null], native: new Response("x") instanceof Response };
  }`;
  const env = { ...ENV, SF_MEMORY: "256", AWS_REGION: "ap-northeast-2", SF_DATA_URL: "http://127.0.0.1:1", SF_DATA_TOKEN: "t" };
  await serving(handler, { name: "handler", env }, async (host) => {
    const { rest, ...seen } = (await invoke(host, { a: 1 })).json();
    assert.deepEqual(seen, { event: { a: 1 }, left: true, waits: false, env: ["ap-northeast-2", "hello", null], native: true });
    const { logStreamName, ...named } = rest;
    assert.match(logStreamName, /./);
    assert.deepEqual(named, {
      callbackWaitsForEmptyEventLoop: true,
      functionName: "hello",
      functionVersion: "$LATEST",
      invokedFunctionArn: "arn:aws:lambda:ap-northeast-2:000000000000:function:hello",
      memoryLimitInMB: "256",
      awsRequestId: "inv-2",
      logGroupName: "/aws/lambda/hello",
    });
  });
});

test("a streaming handler's response goes out as it is written, with the head that it says", async () => {
  const handler = `let release;
    const wait = new Promise((resolve) => (release = resolve));
    export const handler = awslambda.streamifyResponse(async (event, stream, context) => {
      if (event.rawPath === "/release") { release(); stream.setContentType("text/plain"); stream.end("released"); return }
      if (event.rawPath === "/bare") return void stream.end();
      if (event.rawPath === "/object") return void stream.end({ id: context.awsRequestId });
      const metadata = { statusCode: 201, headers: { "Content-Type": "text/event-stream", "x-a": 1 }, cookies: ["a=1", "b=2"] };
      stream = awslambda.HttpResponseStream.from(stream, metadata);
      if (event.rawPath === "/empty") return void stream.end();
      stream.write("first,");
      await wait;
      stream.write(Buffer.from("second"));
      stream.end();
    });`;
  await serving(handler, { name: "handler", env: ENV }, async (host) => {
    const head = { kind: "http", id: "s", method: "GET", headers: [], params: {}, auth: null, deadline_ms: 0, trace: TRACE };
    const exchange = host.send({ ...head, url: "http://h/stream" });
    await exchange.until((now) => now.body.toString() === "first,");
    const released = await host.http("GET", "/release");
    assert.deepEqual([released.text, released.header("content-type"), released.status], ["released", "text/plain", 200]);
    const answer = await host.finish(exchange);
    assert.equal(answer.text, "first,second");
    assert.deepEqual([answer.status, answer.headers], [201, [["content-type", "text/event-stream"], ["x-a", "1"], ["set-cookie", "a=1"], ["set-cookie", "b=2"]]]);
    const empty = await host.http("GET", "/empty");
    assert.deepEqual([empty.status, empty.text], [201, ""]);
    const bare = await host.http("GET", "/bare");
    assert.deepEqual([bare.status, bare.text, bare.header("content-type")], [200, "", "application/octet-stream"]);
    assert.equal((await host.http("GET", "/object")).text, '{"id":"inv-1"}');
  });
});

test("a prelude written by hand is one too, and a stream is piped with back-pressure", async () => {
  const handler = `import { Readable } from "node:stream"; import { pipeline } from "node:stream/promises";
    let given = 0;
    export const handler = awslambda.streamifyResponse(async (event, stream) => {
      if (event.rawPath === "/given") return void stream.end(String(given));
      stream.setContentType("application/vnd.awslambda.http-integration-response");
      stream.write('{"statusCode":206}'); stream.write(new Uint8Array(5)); stream.write(Buffer.concat([Buffer.alloc(3), Buffer.from("body:")]));
      const pieces = function* () { for (let i = 0; i < 64; i++) { given += 1; yield Buffer.alloc(65536, 120) } };
      await pipeline(Readable.from(pieces()), stream);
    });`;
  await serving(handler, { name: "handler", env: ENV }, async (host) => {
    const head = { kind: "http", id: "s", method: "GET", headers: [], params: {}, auth: null, deadline_ms: 0, trace: TRACE };
    const exchange = host.send({ ...head, url: "http://h/stream" });
    await exchange.until((now) => now.received === 1024 * 1024);
    // Readable and Writable hold some pieces; the rest has not been asked for.
    assert.ok(Number((await host.http("GET", "/given")).text) < 40);
    const answer = await host.finish(exchange);
    assert.deepEqual([answer.status, answer.body.length, answer.text.slice(0, 6)], [206, 5 + 64 * 65536, "body:x"]);
  });
});

test("a streaming handler that throws is an error before its head and cuts the body after it; a cancelled one hears of it", async () => {
  const handler = `let failed = null;
    export const handler = awslambda.streamifyResponse(async (event, stream) => {
      if (event.rawPath === "/failed") return void stream.end(String(failed));
      if (event.rawPath === "/early") throw new RangeError("early");
      if (event.rawPath === "/status") return void awslambda.HttpResponseStream.from(stream, { statusCode: 99 }).end("x");
      stream.write("half");
      if (event.rawPath === "/late") throw new RangeError("late");
      stream.on("error", (error) => { failed = error.name });
    });`;
  await serving(handler, { name: "handler", env: ENV }, async (host) => {
    assert.equal((await host.http("GET", "/early")).error.message, "early");
    assert.match((await host.http("GET", "/status")).error.message, /statusCode 99/);
    const late = await host.http("GET", "/late");
    assert.deepEqual([late.status, late.error.message], [200, "late"]);
    const head = { kind: "http", id: "s", method: "GET", headers: [], params: {}, auth: null, deadline_ms: 0, trace: TRACE };
    const exchange = host.send({ ...head, url: "http://h/silent" });
    await exchange.until((now) => now.received === 4);
    host.cancel(exchange);
    assert.equal((await host.http("GET", "/failed")).text, "AbortError");
  });
});

test("a streaming handler answers other events with what it wrote", async () => {
  const handler = `export const handler = awslambda.streamifyResponse(async (event, stream) => { stream.write(event); stream.end() })`;
  await serving(handler, { name: "handler", env: ENV }, async (host) => assert.deepEqual((await invoke(host, { a: [1] })).json(), { a: [1] }));
});
