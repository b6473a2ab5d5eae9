// `ctx` on AWS against its counterpart: what the conformance suite does not ask, lost answers, refusals and ends of time among it.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { inProcess, kitOf } from "./aws.mjs";
import { skip, startOracle } from "./aws-oracle.mjs";

const uses = {
  items: { table: "drv-items", access: "read-write", key: [["id", "string"]], ttl: "expires" },
  blobs: { table: "drv-blobs", access: "read-write", key: [["id", "string"], ["part", "bytes"]] },
  files: { bucket: "drv-files", access: "read-write" },
  gone: { bucket: "drv-no-such-bucket", access: "read" },
  mail: { queue: "drv-mail", access: "write" },
  news: { topic: "drv-news", access: "write" },
  nobody: { function: "drv-no-such-function", access: "call", interface: "portable" },
  legacy: { function: "drv-no-such-function", access: "call", interface: "lambda" },
};
const KIT = kitOf({ uses, secrets: { password: "drv/password" }, from: { queue: { "drv-mail": "mail" } } });

let oracle;
let lambda;
before(async () => {
  if (skip) return;
  oracle = await startOracle();
  await oracle.table("drv-items", uses.items.key);
  await oracle.table("drv-blobs", uses.blobs.key);
  await oracle.call("s3", "S3Client", "CreateBucket", { Bucket: "drv-files" });
  await oracle.call("sqs", "SQSClient", "CreateQueue", { QueueName: "drv-mail" });
  await oracle.call("sns", "SNSClient", "CreateTopic", { Name: "drv-news" });
  await oracle.call("secrets-manager", "SecretsManagerClient", "CreateSecret", { Name: "drv/password", SecretString: "geheim" });
  lambda = await inProcess(KIT, oracle.env());
});
after(async () => {
  await lambda?.stop();
  await oracle?.stop();
});

/** What `body` gives, called with a function's `ctx`. */
async function within(body, { on = lambda, event = { n: 1 }, remaining = 30_000 } = {}) {
  on.calls.user = (_event, ctx) => body(ctx);
  return await on.invoke(event, { getRemainingTimeInMillis: () => remaining });
}

const caught = async (promise) => {
  try {
    return await promise;
  } catch ({ code, hint, name, message }) {
    return { code, hint, name, message };
  }
};

/** Loses the answers of an operation while `body` runs. */
async function losing(service, operation, body) {
  await oracle.control("faults", "POST", { service, operation, count: 1, action: "lost" });
  try {
    return await body();
  } finally {
    await oracle.control("faults", "DELETE");
  }
}

test("a conditional put whose answer was lost is known to be ours", { skip }, async () => {
  const found = await losing("dynamodb", "PutItem", () => within(async (ctx) => {
    const { version } = await ctx.table("items").put({ id: "lost", n: 1 }, { ifAbsent: true });
    return { version, stored: ctx.table("items").version(await ctx.table("items").get({ id: "lost" })) };
  }));
  assert.equal(found.version, found.stored);
  const again = await within((ctx) => caught(ctx.table("items").put({ id: "lost" }, { ifAbsent: true })));
  assert.deepEqual([again.code, again.name, again.message], ["conflict", "Conflict", "there is such an item already"]);
});

test("what is made once is not made again when its answer is lost", { skip }, async () => {
  await within((ctx) => ctx.table("items").put({ id: "once" }));
  const cases = [
    ["dynamodb", "DeleteItem", (ctx) => ctx.table("items").delete({ id: "once" })],
    ["s3", "PutObject", (ctx) => ctx.bucket("files").put("once", "x", { ifAbsent: true })],
    ["sqs", "SendMessage", (ctx) => ctx.queue("mail").send({})],
    ["sns", "Publish", (ctx) => ctx.topic("news").publish({})],
  ];
  for (const [service, operation, body] of cases) {
    let result;
    const requests = await oracle.requests(async () => {
      result = await losing(service, operation, () => within((ctx) => caught(body(ctx))));
    });
    assert.equal(result.code, "unreachable", `${operation}: ${JSON.stringify(result)}`);
    assert.equal(requests.filter((request) => request.operation === operation).length, 1, operation);
  }
});

test("what is harmless twice is made again", { skip }, async () => {
  for (const [service, operation, body] of [
    ["dynamodb", "GetItem", (ctx) => ctx.table("items").get({ id: "none" })],
    ["s3", "PutObject", (ctx) => ctx.bucket("files").put("twice", "x").then(() => null)],
  ]) {
    assert.equal(await losing(service, operation, () => within(body)), null);
  }
});

test("an item that something else wrote has the version of nobody", { skip }, async () => {
  const Item = { id: { S: "foreign" }, set: { NS: ["1", "2"] } };
  await oracle.call("dynamodb", "DynamoDBClient", "PutItem", { TableName: "drv-items", Item });
  const result = await within(async (ctx) => {
    const items = ctx.table("items");
    const item = await items.get({ id: "foreign" });
    const version = items.version(item);
    await items.put({ ...item, n: 1 }, { ifVersion: version });
    return { item, version, again: await caught(items.put(item, { ifVersion: version })) };
  });
  assert.deepEqual([result.item, result.version, result.again.message], [{ id: "foreign", set: [1, 2] }, "", "the item has another version"]);
});

test("what has expired is as good as gone, whatever is done to it", { skip }, async () => {
  const result = await within(async (ctx) => {
    const items = ctx.table("items");
    const { version } = await items.put({ id: "old", expires: 1 });
    return {
      changed: await caught(items.put({ id: "old" }, { ifVersion: version })),
      existed: await items.delete({ id: "old" }),
      text: (await items.put({ id: "old", expires: "1" }), await items.get({ id: "old" })),
      kept: await caught(items.put({ id: "old" }, { ifAbsent: true })),
    };
  });
  assert.deepEqual([result.changed.code, result.existed, result.text, result.kept.code], ["conflict", false, { id: "old", expires: "1" }, "conflict"]);
});

test("keys of bytes, and conditions that let nothing or everything through", { skip }, async () => {
  const result = await within(async (ctx) => {
    const blobs = ctx.table("blobs");
    for (const part of [[1], [1, 0], [255]]) await blobs.put({ id: "b", part: new Uint8Array(part) });
    const parts = async (sort) => {
      const found = [];
      for await (const { part } of blobs.query("b", { sort, limit: 100 })) found.push([...part]);
      return found;
    };
    const bytes = (...all) => new Uint8Array(all);
    const page = await blobs.query("b", { limit: 1 }).page();
    return {
      ranges: [await parts({ gt: bytes(1) }), await parts({ gte: bytes() }), await parts({ lt: bytes() }), await parts({ between: [bytes(2), bytes(1)] }), await parts({ between: [bytes(), bytes(1)] })],
      next: (await blobs.query("b", { limit: 2, cursor: page.cursor }).page()).items.length,
      wrong: await Promise.all([caught(parts({ prefix: "x" })), caught(parts({ gt: "x" })), caught(blobs.query("c", { cursor: page.cursor }).page())]),
      got: [...(await blobs.get({ id: "b", part: bytes(255) })).part],
    };
  });
  assert.deepEqual(result.ranges, [[[1, 0], [255]], [[1], [1, 0], [255]], [], [], [[1]]]);
  assert.deepEqual([result.next, result.got], [2, [255]]);
  assert.deepEqual(result.wrong.map(({ code }) => code), ["bad-request", "bad-request", "bad-request"]);
  assert.equal(result.wrong[2].message, "the cursor is of another partition");
});

test("a stream of any length is stored whole or not at all", { skip }, async () => {
  const PIECE = Buffer.alloc(1024 * 1024, 7);
  async function* pieces(count, error) {
    for (let left = count; left > 0; left--) yield PIECE;
    if (error) throw error;
  }
  const result = await within(async (ctx) => {
    const files = ctx.bucket("files");
    const stored = await files.put("long", pieces(20), { contentType: "video/mp4", metadata: { Owner: "me" }, ifAbsent: true });
    return {
      stored,
      again: await caught(files.put("long", pieces(20), { ifAbsent: true })),
      failed: await caught(files.put("half", pieces(20, new RangeError("no more")))),
      half: await files.get("half"),
      short: await files.put("short", pieces(1)),
      wrong: await caught(files.put("wrong", (async function* () { yield 7; })())),
      part: await (await files.get("long", { range: [5, 6] })).bytes(),
      beyond: await caught(files.get("short", { range: [5_000_000] })),
      whole: (await files.get("short", { range: [5, 2] })).size,
    };
  });
  assert.deepEqual([result.stored.size, result.short.size, result.whole], [20 * PIECE.length, PIECE.length, PIECE.length]);
  assert.deepEqual([result.again.code, result.failed.message, result.half, [...result.part]], ["conflict", "no more", null, [7, 7]]);
  assert.match(result.wrong.message, /gave a number in place of bytes or text/);
  assert.equal(result.beyond.code, "bad-request");
  const { Uploads = [] } = await oracle.call("s3", "S3Client", "ListMultipartUploads", { Bucket: "drv-files" });
  assert.deepEqual(Uploads, []);
  const { ContentType, Metadata, Body } = await oracle.call("s3", "S3Client", "GetObject", { Bucket: "drv-files", Key: "long" });
  Body.destroy();
  assert.deepEqual([ContentType, Metadata], ["video/mp4", { owner: "me" }]);
});

test("messages are their JSON, or base64 that says so", { skip }, async () => {
  const { QueueUrl } = await oracle.call("sqs", "SQSClient", "GetQueueUrl", { QueueName: "drv-mail" });
  await oracle.call("sqs", "SQSClient", "PurgeQueue", { QueueUrl });
  await within(async (ctx) => {
    await ctx.queue("mail").send({ to: "ü\uffff" });
    await ctx.queue("mail").send(new Uint8Array([0, 255]));
    await ctx.queue("mail").send(new Uint8Array());
  });
  const received = [];
  await oracle.until(async () => {
    const { Messages = [] } = await oracle.call("sqs", "SQSClient", "ReceiveMessage", { QueueUrl, MaxNumberOfMessages: 10, MessageAttributeNames: ["All"] });
    received.push(...Messages.map(({ Body, MessageAttributes }) => [Body, MessageAttributes?.["sf-encoding"]?.StringValue]));
    return received.length >= 3 ? true : undefined;
  });
  assert.deepEqual(received.toSorted(), [[" ", "base64"], ["AP8=", "base64"], ['{"to":"ü\\uffff"}', undefined]].toSorted());
  const requests = await oracle.requests(() => within((ctx) => ctx.topic("news").publish([1], { kind: "new" })));
  const { params } = requests.find(({ operation }) => operation === "Publish");
  assert.equal(params.Message, "[1]");
  assert.ok(JSON.stringify(params.MessageAttributes).includes("new"), JSON.stringify(params));
  const wrong = await within(async (ctx) => {
    const attributes = Object.fromEntries(Array.from({ length: 11 }, (_, n) => [`a${n}`, "x"]));
    return [await caught(ctx.queue("mail").send({}, { delay: -1 })), await caught(ctx.topic("news").publish({}, attributes)), await caught(ctx.topic("news").publish("x".repeat(262_144)))];
  });
  assert.deepEqual(wrong.map(({ code }) => code), ["bad-request", "bad-request", "too-large"]);
});

test("failed messages come again soon, each time later", { skip }, async () => {
  const { QueueUrl } = await oracle.call("sqs", "SQSClient", "GetQueueUrl", { QueueName: "drv-mail" });
  await oracle.call("sqs", "SQSClient", "SendMessage", { QueueUrl, MessageBody: "1" });
  const receipt = await oracle.until(async () => {
    const { Messages = [] } = await oracle.call("sqs", "SQSClient", "ReceiveMessage", { QueueUrl });
    return Messages[0]?.ReceiptHandle;
  });
  const record = (messageId, attempt) => ({
    messageId,
    receiptHandle: receipt,
    body: "1",
    attributes: { ApproximateReceiveCount: String(attempt), SentTimestamp: "1767225600000" },
    eventSource: "aws:sqs",
    eventSourceARN: "arn:aws:sqs:us-east-1:000000000000:drv-mail",
  });
  const records = [1, 2, 6, 7, 99].map((attempt) => record(`m${attempt}`, attempt));
  const visibilities = async (returns, Records) => {
    let answer;
    const requests = await oracle.requests(async () => {
      answer = await within(returns, { event: { Records } });
    });
    const entries = requests.filter(({ operation }) => operation === "ChangeMessageVisibilityBatch").flatMap(({ params }) => params.Entries);
    return { answer: answer.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier), seconds: entries.map((entry) => Number(entry.VisibilityTimeout)) };
  };
  const fail = () => {
    throw new Error("no");
  };
  assert.deepEqual(await visibilities(fail, records), { answer: ["m1", "m2", "m6", "m7", "m99"], seconds: [1, 2, 32, 60, 60] });
  assert.deepEqual(await visibilities(() => ({ failed: ["m2"] }), records), { answer: ["m2"], seconds: [2] });
  for (const failed of [["m1", "m5"], "m1"]) assert.equal((await visibilities(() => ({ failed }), records)).answer.length, 5);
  assert.deepEqual(await visibilities(() => null, records), { answer: [], seconds: [] });
  const many = Array.from({ length: 23 }, (_, nth) => record(`n${nth}`, 1));
  assert.equal((await visibilities(fail, many)).seconds.length, 23);
});

test("a secret is read once, also by several at a time", { skip }, async () => {
  const requests = await oracle.requests(async () => {
    assert.deepEqual(await within((ctx) => Promise.all([ctx.secret("password"), ctx.secret("password")])), ["geheim", "geheim"]);
    assert.equal(await within((ctx) => ctx.secret("password")), "geheim");
  });
  assert.equal(requests.filter(({ operation }) => operation === "GetSecretValue").length, 1);
});

test("what is not there is not found, and what the manifest does not grant is refused before AWS is asked", { skip }, async () => {
  const requests = await oracle.requests(async () => {
    const denied = await within((ctx) => Promise.all([caught(ctx.table("other").get({})), caught(ctx.queue("toString").send(1)), caught(ctx.bucket("gone").put("k", "")), caught(ctx.call("mail"))]));
    assert.deepEqual(denied.map(({ code, name }) => [code, name]), Array(4).fill(["not-granted", "NotGranted"]));
    assert.equal(denied[2].message, 'function "report" may not write bucket "gone"');
    assert.equal(denied[2].hint, 'add `uses = { gone = "read-write" }` to `[functions.report]` in sf.toml');
  });
  assert.deepEqual(requests, []);
  const missing = await within((ctx) => Promise.all([caught(ctx.bucket("gone").get("k")), caught(ctx.call("nobody", {}))]));
  assert.deepEqual(missing.map(({ code }) => code), ["not-found", "not-found"]);
});

test("a kit is called with an envelope, a Lambda handler with the payload and a client context", { skip }, async () => {
  const requests = await oracle.requests(() => within(async (ctx) => {
    for (const name of ["nobody", "legacy"]) await caught(ctx.call(name, { n: 1 }));
  }));
  const [enveloped, bare] = requests.filter(({ operation }) => operation === "Invoke").map(({ params }) => params);
  // The counterpart's log tells no more of a payload.
  const size = ({ Payload }) => Number(/<(\d+) bytes>/.exec(Payload)[1]);
  assert.deepEqual([size(bare), size(enveloped) > 100, enveloped.ClientContext], ['{"n":1}'.length, true, undefined]);
  const { custom } = JSON.parse(Buffer.from(bare.ClientContext, "base64"));
  assert.deepEqual([custom["sf-caller"], custom.traceparent.slice(0, 3)], ["report", "00-"]);
});

test("what IAM refuses is not granted", { skip }, async () => {
  await oracle.iam("CreateUser", { UserName: "weak" });
  const keys = await oracle.iam("CreateAccessKey", { UserName: "weak" });
  const [id, secret] = ["AccessKeyId", "SecretAccessKey"].map((name) => new RegExp(`<${name}>([^<]+)`).exec(keys)[1]);
  const weak = await inProcess(KIT, oracle.env(id, secret));
  try {
    const calls = (ctx) => [
      ctx.table("items").get({ id: "x" }),
      ctx.bucket("files").get("x"),
      ctx.queue("mail").send(1),
      ctx.topic("news").publish(1),
      ctx.secret("password"),
      ctx.call("nobody"),
    ];
    const results = await within((ctx) => Promise.all(calls(ctx).map(caught)), { on: { ...weak, calls: globalThis.calls } });
    assert.deepEqual(results.map(({ code }) => code), Array(6).fill("not-granted"), JSON.stringify(results));
    assert.equal(results[0].message, 'function "report" may not read table "items"');
  } finally {
    await weak.stop();
    globalThis.calls = lambda.calls;
  }
});

test("a call ends with the invocation's time", { skip }, async () => {
  const late = await within((ctx) => caught(ctx.table("items").get({ id: "x" })), { remaining: 0 });
  assert.equal(late.code, "timed-out");
  await oracle.control("faults", "POST", { service: "dynamodb", operation: "GetItem", action: { type: "delay", ms: 20_000 } });
  const held = await within((ctx) => caught(ctx.table("items").get({ id: "x" })), { remaining: 400 });
  await oracle.control("faults", "DELETE");
  assert.equal(held.code, "timed-out");
});

/** An S3 of a few answers, for what the counterpart cannot answer. */
async function answering(answer, body) {
  const server = createServer((request, response) => answer(request, response));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const env = { ...oracle.env(), AWS_ENDPOINT_URL: `http://127.0.0.1:${server.address().port}` };
  const other = await inProcess(KIT, env);
  try {
    return await within(body, { on: other });
  } finally {
    process.env.AWS_ENDPOINT_URL = oracle.url;
    await other.stop();
    globalThis.calls = lambda.calls;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

test("head tells what is known of an object", { skip }, async () => {
  const modified = "Thu, 01 Jan 2026 00:00:00 GMT";
  const answer = (request, response) => {
    const [, , key] = request.url.split("/");
    if (request.method !== "HEAD" || key !== "there") return response.writeHead(key === "none" ? 404 : 403).end();
    response.writeHead(200, { etag: '"e"', "content-length": 7, "content-type": "image/png", "last-modified": modified, "x-amz-meta-owner": "me" }).end();
  };
  const facts = await answering(answer, (ctx) => Promise.all(["there", "none", "secret"].map((key) => caught(ctx.bucket("files").head(key)))));
  const there = { size: 7, etag: '"e"', contentType: "image/png", metadata: { owner: "me" }, modified: new Date(modified) };
  assert.deepEqual([facts[0], facts[1], facts[2].code], [there, null, "not-granted"]);
});
