// What Lambda is invoked with, as the kit for AWS gives it to a portable handler, and what Lambda is answered. The golden files of the lambda interface say what
// AWS makes of our events: the way back must lead to the same events.

import assert from "node:assert/strict";
import { readFile, readdir, rm } from "node:fs/promises";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";

import { artifact, inProcess, kitOf } from "./aws.mjs";

const GOLDEN = new URL("../../conformance/lambda/", import.meta.url);
const TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const KIT = kitOf({
  from: { socket: { chat: "chat" }, queue: { "shop-dev-mail": "mail" } },
  schedules: { "report-1a2b3c4d": { expression: "0 3 * * *", timezone: "Asia/Seoul" } },
});
const lambda = await inProcess(KIT, { AWS_ACCESS_KEY_ID: "AK", AWS_SECRET_ACCESS_KEY: "geheim", AWS_SESSION_TOKEN: "marke" });
after(lambda.stop);

/** What the handler saw, and what Lambda was answered. */
async function invoke(event, { returns, throws, context } = {}) {
  const seen = [];
  lambda.calls.user = async (input, ctx) => {
    seen.push({ input, ctx });
    if (throws) throw new Error(throws);
    return typeof returns === "function" ? returns(input, ctx) : returns;
  };
  const log = captureLog();
  try {
    const answer = await lambda.invoke(event, context).catch((error) => ({ error }));
    return { seen, answer, log: log.lines, ...seen[0] };
  } finally {
    log.stop();
  }
}

function captureLog() {
  const { write } = process.stdout;
  const lines = [];
  process.stdout.write = (chunk, ...rest) => {
    if (typeof chunk !== "string" || !chunk.startsWith('{"time"')) return write.call(process.stdout, chunk, ...rest);
    lines.push(JSON.parse(chunk));
    return true;
  };
  return { lines, stop: () => (process.stdout.write = write) };
}

function revive(_key, value) {
  return typeof value?.$bytes === "string" ? new Uint8Array(Buffer.from(value.$bytes, "base64")) : value;
}

/** The event that the golden file's AWS event was made of; `null` for files that this kit is not about. */
function expectedOf({ head, body = "" }) {
  const event = { ...head.event, time: head.event.time.replace(".25Z", ".250Z") };
  if (typeof body !== "string") return { ...event, data: new Uint8Array(Buffer.from(body.$bytes, "base64")) };
  const isText = event.datacontenttype.startsWith("text/");
  // Within a message, such an object is the user's own.
  return { ...event, data: isText ? body : event.type === "sf.table" ? JSON.parse(body, revive) : JSON.parse(body) };
}

/** What AWS's event does not say, or says in a coarser way. */
const LOST = {
  "sf.table": (event) => ({ ...event, time: event.time.replace(".250Z", "Z") }),
  "sf.bucket.created": ({ data: { contentType, ...data }, ...event }) => ({ ...event, data }),
  "sf.topic": (event) => ({ attributes: {}, ...event }),
};

const files = (await readdir(GOLDEN)).filter((name) => /^(bucket|socket|table|topic)/.test(name));
assert.equal(files.length, 11);
for (const file of files) {
  const golden = JSON.parse(await readFile(new URL(file, GOLDEN), "utf8"));
  test(`${file} leads back to its event`, async () => {
    const { input, answer } = await invoke(golden.event);
    const expected = expectedOf(golden);
    assert.deepEqual({ ...input, id: expected.id }, (LOST[expected.type] ?? ((event) => event))(expected));
    assert.ok(input.id.startsWith(expected.id), input.id);
    assert.equal(answer?.error, undefined);
  });
}

for (const file of (await readdir(GOLDEN)).filter((name) => /^http-(2|f|n|u)/.test(name))) {
  const golden = JSON.parse(await readFile(new URL(file, GOLDEN), "utf8"));
  test(`${file} leads back to its request`, async () => {
    const returns = async (request) => Buffer.from(await request.arrayBuffer());
    const { input, ctx, answer } = await invoke(golden.event, { returns });
    const { head, body = "" } = golden;
    assert.deepEqual([input.method, input.url], [head.method, head.url]);
    for (const name of new Set(head.headers.map(([key]) => key))) {
      const values = head.headers.filter(([key]) => key === name).map(([, value]) => value);
      assert.equal(input.headers.get(name), values.join(","), name);
    }
    assert.deepEqual(ctx.params, head.params);
    assert.equal(ctx.auth?.sub, head.auth?.sub);
    assert.deepEqual(Buffer.from(answer.body, "base64"), Buffer.from(body.$bytes ?? body, body.$bytes ? "base64" : "utf8"));
  });
}

test("a request's context is the function's, and of what starts it only the role's credentials stay in the environment", async () => {
  const token = `e30.${Buffer.from('{"sub":"ada","exp":1767229200,"roles":["a"]}').toString("base64url")}.x`;
  const event = httpEvent("GET", "/", { headers: { host: "h", authorization: `Bearer ${token}`, traceparent: TRACE } });
  event.requestContext.authorizer = { jwt: { claims: { sub: "ada", exp: "1767229200", roles: "[a]" } } };
  const { ctx, input } = await invoke(event);
  const { project, stage, provider, id, trace, auth } = ctx;
  assert.deepEqual([ctx.function, project, stage, provider, id, trace], ["report", "shop", "dev", "aws", "i1", TRACE]);
  assert.deepEqual(auth, { sub: "ada", exp: 1767229200, roles: ["a"] });
  assert.ok(input instanceof Request);
  const left = ctx.deadline.getTime() - Date.now();
  assert.ok(left > 0 && left <= 30_000, `${left}`);
  assert.equal(ctx.signal.aborted, false);
  assert.deepEqual([process.env.SF_KIT, process.env.AWS_ACCESS_KEY_ID], [undefined, "AK"]);
});

function httpEvent(method, rawPath, more = {}) {
  const requestContext = { http: { method, path: rawPath }, stage: "$default", domainName: "api.example", ...more.requestContext };
  return { version: "2.0", rawPath, rawQueryString: "", headers: {}, isBase64Encoded: false, ...more, requestContext };
}

test("a path that the gateway has decoded is encoded again, one that it has not stays, and a stage's name is no part of it", async () => {
  const cases = [
    ["/a b/ü/c", "/a%20b/%C3%BC/c"],
    ["/a%20b/%C3%BC/c", "/a%20b/%C3%BC/c"],
    ["/what?/#1/100%", "/what%3F/%231/100%25"],
    ["/\"<>\\^`{|}", "/%22%3C%3E%5C%5E%60%7B%7C%7D"],
    ["/@id/a+b;c=d,e&f!$'()*~:", "/@id/a+b;c=d,e&f!$'()*~:"],
  ];
  for (const [given, path] of cases) {
    const { input } = await invoke(httpEvent("GET", given, { rawQueryString: "a=%20b&c" }));
    assert.equal(input.url, `https://api.example${path}?a=%20b&c`);
  }
  const staged = (path) => invoke(httpEvent("GET", path, { requestContext: { stage: "live" } })).then(({ input }) => new URL(input.url).pathname);
  assert.deepEqual([await staged("/live/x"), await staged("/live"), await staged("/lively")], ["/x", "/", "/lively"]);
});

test("answers: text as it is, all else base64, cookies apart, and what belongs to the connection is left out", async () => {
  const answer = async (returns, method = "GET") => (await invoke(httpEvent(method, "/"), { returns })).answer;
  assert.deepEqual(await answer({ a: "ü" }), { statusCode: 200, headers: { "content-type": "application/json" }, body: '{"a":"ü"}', isBase64Encoded: false });
  assert.deepEqual(await answer(undefined), { statusCode: 204, headers: {}, body: "", isBase64Encoded: false });
  const png = { headers: { "content-type": "image/png" } };
  assert.deepEqual(await answer(() => new Response(new Uint8Array([0, 255]), png)), {
    statusCode: 200,
    headers: { "content-type": "image/png" },
    body: "AP8=",
    isBase64Encoded: true,
  });
  const cookies = [["set-cookie", "a=1"], ["x-a", "1"], ["set-cookie", "b=2"], ["x-a", "2"], ["connection", "close"]];
  const { headers, ...rest } = await answer(() => new Response("", { status: 418, headers: cookies }));
  assert.deepEqual(rest, { statusCode: 418, cookies: ["a=1", "b=2"], body: "", isBase64Encoded: false });
  assert.deepEqual([headers["x-a"], headers.connection], ["1, 2", undefined]);
  const stream = (chunks, type) => new Response(ReadableStream.from(chunks), { headers: { "content-type": type } });
  assert.equal((await answer(() => stream([Buffer.from("ü").subarray(0, 1), Buffer.from("ü").subarray(1)], "text/plain"))).body, "ü");
  assert.equal((await answer(() => stream([new Uint8Array([255])], "text/plain"))).isBase64Encoded, true);
  let cancelled = false;
  const endless = new ReadableStream({ cancel: () => void (cancelled = true) });
  assert.equal((await answer(() => new Response(endless), "HEAD")).body, "");
  assert.ok(cancelled);
});

test("a throw is a 500 that tells nothing and a line of log that tells all; so is an answer that Lambda would not send", async () => {
  const thrown = await invoke(httpEvent("GET", "/"), { throws: "hidden" });
  assert.equal(thrown.answer.statusCode, 500);
  assert.doesNotMatch(thrown.answer.body, /hidden/);
  const [line] = thrown.log;
  assert.deepEqual([line.level, line.invocation, line.fields.error.message], ["error", "i1", "hidden"]);
  const large = await invoke(httpEvent("GET", "/"), { returns: "x".repeat(7_000_000) });
  assert.equal(large.answer.statusCode, 500);
  assert.match(large.log[0].fields.error.message, /the limit is 6 MiB/);
});

const sqsRecord = (messageId, body, more = {}) => ({
  messageId,
  receiptHandle: `r-${messageId}`,
  body,
  attributes: { ApproximateReceiveCount: "2", SentTimestamp: "1767225600000" },
  messageAttributes: {},
  eventSource: "aws:sqs",
  eventSourceARN: "arn:aws:sqs:us-east-1:000000000000:shop-dev-mail",
  ...more,
});

test("a queue's batch is one event", async () => {
  const encoded = { messageAttributes: { "sf-encoding": { stringValue: "base64", dataType: "String" } } };
  const Records = [sqsRecord("m1", '{"to":"é"}'), sqsRecord("m2", "no json"), sqsRecord("m3", "AP8=", encoded), sqsRecord("m4", " ", encoded)];
  const { input, answer } = await invoke({ Records });
  assert.deepEqual([input.type, input.source, input.id, input.datacontenttype], ["sf.queue", "/queues/mail", "i1", "application/json"]);
  const bodies = [{ to: "é" }, "no json", new Uint8Array([0, 255]), new Uint8Array()];
  const sent = "2026-01-01T00:00:00Z";
  assert.deepEqual(input.data.messages, bodies.map((body, index) => ({ id: `m${index + 1}`, body, attempt: 2, sent })));
  assert.deepEqual(answer, { batchItemFailures: [] });
});

test("several records of a topic are an event each; the failure of one is that of the invocation, once all were handled", async () => {
  const golden = JSON.parse(await readFile(new URL("topic.json", GOLDEN), "utf8"));
  const record = (Message, MessageAttributes = {}) => ({ EventSource: "aws:sns", Sns: { ...golden.event.Records[0].Sns, Message, MessageAttributes } });
  const bytes = record("AAE=", { "sf-encoding": { Type: "String", Value: "base64" }, run: { Type: "String", Value: "7" } });
  const returns = ({ data }) => {
    if (data === 1) throw new Error("first");
  };
  const { seen, answer } = await invoke({ Records: [record("1"), bytes] }, { returns });
  assert.equal(answer.error.message, "first");
  const [, { input }] = seen;
  assert.deepEqual([input.data, input.attributes, input.datacontenttype], [new Uint8Array([0, 1]), { run: "7" }, "application/octet-stream"]);
});

test("of a table's changes those from the first that failed on come again", async () => {
  const golden = JSON.parse(await readFile(new URL("table-insert.json", GOLDEN), "utf8"));
  const record = (n, more = {}) => {
    const dynamodb = { ...golden.event.Records[0].dynamodb, NewImage: { id: { S: "7" }, n: { N: String(n) }, "sf:version": { S: "v" } } };
    return { ...golden.event.Records[0], dynamodb: { ...dynamodb, SequenceNumber: `s${n}`, ...more } };
  };
  const returns = ({ data }) => {
    if (data.after.n === 2) throw new Error("no");
  };
  const { seen, answer } = await invoke({ Records: [record(1), record(2), record(3)] }, { returns });
  assert.deepEqual(answer, { batchItemFailures: [{ itemIdentifier: "s2" }] });
  assert.deepEqual(seen.map(({ input }) => input.data.after), [{ id: "7", n: 1 }, { id: "7", n: 2 }]);
  const expired = { ...golden.event.Records[0], eventName: "REMOVE", userIdentity: { type: "Service", principalId: "dynamodb.amazonaws.com" } };
  expired.dynamodb = { ApproximateCreationDateTime: 1767225600, Keys: { id: { B: "AP8=" } }, OldImage: { id: { B: "AP8=" }, s: { SS: ["a"] }, b: { BS: ["AA=="] }, f: { NS: ["1"] } } };
  const { input } = await invoke({ Records: [expired] });
  const before = { id: new Uint8Array([0, 255]), s: ["a"], b: [new Uint8Array([0])], f: [1] };
  assert.deepEqual(input.data, { change: "remove", key: { id: new Uint8Array([0, 255]) }, before, after: null });
  assert.equal(input.subject, '{"id":{"$bytes":"AP8="}}');
});

test("a client that connects can be refused, and given a protocol; of other failures clients hear nothing", async () => {
  const [connect, message] = await Promise.all(["connect", "message"].map(async (name) => JSON.parse(await readFile(new URL(`socket-${name}.json`, GOLDEN), "utf8")).event));
  const answer = async (event, options) => (await invoke(event, options)).answer;
  assert.deepEqual(await answer(connect, { returns: { status: 403 } }), { statusCode: 403 });
  assert.deepEqual(await answer(connect, { throws: "no" }), { statusCode: 403 });
  assert.deepEqual(await answer(connect, { returns: { protocol: "v2" } }), { statusCode: 200, headers: { "Sec-WebSocket-Protocol": "v2" } });
  assert.deepEqual(await answer(message, { throws: "no" }), { statusCode: 200 });
});

test("a schedule says when and what, and is not repeated", async () => {
  const event = { "sf-schedule": "report-1a2b3c4d", time: "2026-01-01T00:00:00Z", id: "x1" };
  const { input, answer, log } = await invoke(event, { throws: "no" });
  const data = { expression: "0 3 * * *", timezone: "Asia/Seoul" };
  const head = { specversion: "1.0", id: "x1", type: "sf.schedule", source: "/schedules/report", time: "2026-01-01T00:00:00Z" };
  assert.deepEqual(input, { ...head, datacontenttype: "application/json", data });
  assert.deepEqual([answer, log.length], [null, 1]);
});

test("a call says who calls, its payload may look like anything, and its trace goes on", async () => {
  const clientContext = { custom: { "sf-caller": "match", traceparent: TRACE } };
  for (const payload of [{ a: [1] }, null, { Records: [sqsRecord("m", "1")] }, { requestContext: { connectionId: "c1" } }, httpEvent("GET", "/")]) {
    const { input, ctx, answer } = await invoke(payload, { returns: (event) => event.data, context: { clientContext } });
    assert.deepEqual([input.type, input.source, input.id, input.data], ["sf.call", "/functions/match", "i1", payload]);
    assert.deepEqual(answer, payload);
    assert.equal(ctx.trace.slice(0, 36), TRACE.slice(0, 36));
    assert.notEqual(ctx.trace, TRACE);
    const called = await invoke({ "sf-call": { from: "match", traceparent: TRACE }, payload });
    assert.deepEqual([called.input.type, called.input.source, called.input.data], ["sf.call", "/functions/match", payload]);
    assert.equal(called.ctx.trace.slice(0, 36), TRACE.slice(0, 36));
  }
  // The command line, or somebody by hand: what is passed is the payload.
  const looksCalled = { "sf-call": { from: "match" }, payload: 1 };
  for (const [payload, context] of [[{ n: 1 }, {}], [looksCalled, { clientContext: { custom: { "sf-invoke": "1" } } }], [{ "sf-call": 7 }, {}]]) {
    const { input, answer } = await invoke(payload, { context });
    assert.deepEqual([input.type, input.source, input.data, answer], ["sf.invoke", "/cli", payload, null]);
  }
  const thrown = await invoke({ n: 1 }, { throws: "no", context: { clientContext } });
  assert.equal(thrown.answer.error.message, "no");
});

test("without a traceparent the trace is X-Ray's, and without that a new one", async () => {
  process.env._X_AMZN_TRACE_ID = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
  const traced = await invoke({ n: 1 });
  delete process.env._X_AMZN_TRACE_ID;
  const untraced = await invoke(httpEvent("GET", "/", { headers: { traceparent: "nonsense" } }));
  assert.equal(traced.ctx.trace, "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01");
  assert.match(untraced.ctx.trace, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
});

test("what cannot be loaded says what and where", async () => {
  const load = async (code, kit = kitOf()) => {
    const root = await artifact({ "src/handler.mjs": code });
    process.env.SF_KIT = JSON.stringify(kit);
    try {
      return await import(pathToFileURL(`${root}/.sf-kit/aws/main.mjs`).href).catch((error) => error);
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  };
  const thrown = await load('throw new RangeError("at load");');
  assert.equal(thrown.message, "loading `src/handler.mjs` failed: RangeError: at load");
  assert.match(thrown.stack, /src\/handler\.mjs:1/);
  assert.match((await load("export const other = 1;")).message, /has no export `handle`; it exports: other/);
  assert.match((await load("", kitOf({ handler: { file: "none.mjs", export: "handle" } }))).message, /`none\.mjs` is not in the artifact/);
});
