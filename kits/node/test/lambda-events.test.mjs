// Events for Lambda handlers, against the shapes that AWS documents for each service.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { serving } from "./host.mjs";

/** Prints the event, and answers what the function's environment says. */
const HANDLER = `
  export const handler = async (event) => { console.log(JSON.stringify(event)); return JSON.parse(process.env.ANSWER) };`;
const TIME = "2026-01-02T03:04:05.678Z";

/** The event that the handler gets for `event` with `data`, and what goes back when it answers `answer`. */
async function deliver(event, data, answer = null) {
  let delivered;
  const env = { SF_INTERFACE: "lambda", ANSWER: JSON.stringify(answer), AWS_REGION: "eu-west-1" };
  await serving(HANDLER, { name: "handler", env }, async (host) => {
    const isText = typeof data === "string" || Buffer.isBuffer(data);
    const head = { specversion: "1.0", id: "e1", time: TIME, datacontenttype: "application/json", ...event };
    const result = await host.event(head, isText ? data : JSON.stringify(data));
    const [line] = await host.lines(1);
    delivered = { event: JSON.parse(line), error: result.error, result: result.error === null ? result.json() : undefined };
  });
  return delivered;
}

test("a queue's batch is SQS records, and the failed ones come back by their ids", async () => {
  const messages = [
    { id: "m1", body: { to: "ada" }, attempt: 2, sent: "2026-01-02T03:04:00.000Z" },
    { id: "m2", body: "text", attempt: 1, sent: TIME },
    { id: "m3", body: { $bytes: "AP8=" }, attempt: 1, sent: TIME },
  ];
  const queue = { type: "sf.queue", source: "/queues/mail" };
  const { event, result } = await deliver(queue, { messages }, { batchItemFailures: [{ itemIdentifier: "m2" }] });
  assert.deepEqual(event.Records.map(({ body }) => body), ['{"to":"ada"}', "text", "AP8="]);
  assert.deepEqual(event.Records[0], {
    messageId: "m1",
    receiptHandle: "m1",
    body: '{"to":"ada"}',
    attributes: {
      ApproximateReceiveCount: "2",
      SentTimestamp: String(Date.parse("2026-01-02T03:04:00Z")),
      SenderId: "demo",
      ApproximateFirstReceiveTimestamp: String(Date.parse("2026-01-02T03:04:00Z")),
    },
    messageAttributes: {},
    md5OfBody: createHash("md5").update('{"to":"ada"}').digest("hex"),
    eventSource: "aws:sqs",
    eventSourceARN: "arn:aws:sqs:eu-west-1:000000000000:mail",
    awsRegion: "eu-west-1",
  });
  assert.deepEqual(result, { failed: ["m2"] });
  assert.deepEqual((await deliver(queue, { messages }, null)).result, { failed: [] });
  assert.deepEqual((await deliver(queue, { messages }, { batchItemFailures: [] })).result, { failed: [] });
  for (const itemIdentifier of ["m9", "", null]) {
    const { error } = await deliver(queue, { messages }, { batchItemFailures: [{ itemIdentifier }] });
    assert.match(error.message, /was not in the batch/);
  }
});

test("a topic's message is an SNS record", async () => {
  const topic = { type: "sf.topic", source: "/topics/projects", attributes: { kind: "new" } };
  const { event, result } = await deliver(topic, { id: 7 }, "ignored");
  const [{ Sns, ...record }] = event.Records;
  const TopicArn = "arn:aws:sns:eu-west-1:000000000000:projects";
  assert.deepEqual(record, { EventSource: "aws:sns", EventVersion: "1.0", EventSubscriptionArn: `${TopicArn}:hello` });
  const { Type, MessageId, Subject, Message, Timestamp, MessageAttributes } = Sns;
  assert.deepEqual([Type, MessageId, Sns.TopicArn, Subject, Message, Timestamp], ["Notification", "e1", TopicArn, null, '{"id":7}', TIME]);
  assert.deepEqual(MessageAttributes, { kind: { Type: "String", Value: "new" } });
  assert.equal(result, null);
  const bytes = await deliver({ ...topic, datacontenttype: "application/octet-stream" }, Buffer.from([0, 255]));
  assert.equal(bytes.event.Records[0].Sns.Message, "AP8=");
});

test("a bucket's events are S3 records, with the key as forms write it", async () => {
  const data = { bucket: "portraits", key: "raw/red flower's ü+.jpg", size: 1024, etag: '"abc"', contentType: "image/jpeg" };
  const { event } = await deliver({ type: "sf.bucket.created", source: "/buckets/portraits", subject: data.key }, data);
  const [{ s3, ...record }] = event.Records;
  assert.deepEqual([record.eventVersion, record.eventSource, record.awsRegion, record.eventTime], ["2.1", "aws:s3", "eu-west-1", TIME]);
  assert.equal(record.eventName, "ObjectCreated:Put");
  assert.deepEqual([s3.bucket.name, s3.bucket.arn, s3.s3SchemaVersion], ["portraits", "arn:aws:s3:::portraits", "1.0"]);
  const { sequencer, ...object } = s3.object;
  assert.match(sequencer, /^[0-9A-F]{16}$/);
  assert.deepEqual(object, { key: "raw/red+flower%27s+%C3%BC%2B.jpg", size: 1024, eTag: "abc" });
  assert.equal(decodeURIComponent(object.key.replace(/\+/g, " ")), data.key);
  const removed = await deliver({ type: "sf.bucket.removed", source: "/buckets/portraits", subject: "k" }, { bucket: "portraits", key: "k" });
  assert.equal(removed.event.Records[0].eventName, "ObjectRemoved:Delete");
  assert.deepEqual(Object.keys(removed.event.Records[0].s3.object), ["key", "sequencer"]);
});

test("a table's change is a DynamoDB stream record", async () => {
  const after = { id: "7", n: 1.5, ok: true, none: null, raw: { $bytes: "AP8=" }, list: ["a", 1], map: { deep: [] } };
  const table = { type: "sf.table", source: "/tables/profiles", subject: '{"id":"7"}' };
  const { event, result } = await deliver(table, { change: "insert", key: { id: "7" }, before: null, after });
  const [record] = event.Records;
  assert.deepEqual([record.eventID, record.eventName, record.eventSource, record.eventVersion], ["e1", "INSERT", "aws:dynamodb", "1.1"]);
  assert.match(record.eventSourceARN, /^arn:aws:dynamodb:eu-west-1:000000000000:table\/profiles\/stream\//);
  const { SequenceNumber, SizeBytes, ...change } = record.dynamodb;
  assert.match(SequenceNumber, /^\d{21}$/);
  assert.ok(SizeBytes > 0);
  assert.deepEqual(change, {
    ApproximateCreationDateTime: Date.parse("2026-01-02T03:04:05Z") / 1000,
    Keys: { id: { S: "7" } },
    NewImage: {
      id: { S: "7" },
      n: { N: "1.5" },
      ok: { BOOL: true },
      none: { NULL: true },
      raw: { B: "AP8=" },
      list: { L: [{ S: "a" }, { N: "1" }] },
      map: { M: { deep: { L: [] } } },
    },
    StreamViewType: "NEW_AND_OLD_IMAGES",
  });
  assert.equal(result, null);
  const update = { change: "update", key: { id: "7" }, before: { id: "7" }, after: { id: "7", n: 2 } };
  const modified = (await deliver(table, update)).event.Records[0];
  assert.deepEqual([modified.eventName, modified.dynamodb.OldImage], ["MODIFY", { id: { S: "7" } }]);
  const removed = (await deliver(table, { ...update, change: "remove", after: null })).event.Records[0];
  assert.deepEqual([removed.eventName, "NewImage" in removed.dynamodb], ["REMOVE", false]);
  const failed = await deliver(table, update, { batchItemFailures: [{ itemIdentifier: removed.dynamodb.SequenceNumber }] });
  assert.match(failed.error.message, /its only record/);
});

test("a schedule is an EventBridge event", async () => {
  const schedule = { type: "sf.schedule", source: "/schedules/report" };
  const { event } = await deliver(schedule, { expression: "0 3 * * *", timezone: "Asia/Seoul" });
  assert.deepEqual(event, {
    version: "0",
    id: "e1",
    "detail-type": "Scheduled Event",
    source: "aws.events",
    account: "000000000000",
    time: "2026-01-02T03:04:05Z",
    region: "eu-west-1",
    resources: ["arn:aws:events:eu-west-1:000000000000:rule/report"],
    detail: {},
  });
});

test("a WebSocket's life is API Gateway's three routes", async () => {
  const source = "/sockets/chat";
  const connect = { type: "sf.socket.connect", source, connection: "c1" };
  const data = { headers: { host: "chat.example", "user-agent": "agent" }, query: { room: "7" } };
  const opened = await deliver(connect, data, { statusCode: 200 });
  const { requestContext, ...rest } = opened.event;
  assert.deepEqual(rest, {
    headers: data.headers,
    multiValueHeaders: { host: ["chat.example"], "user-agent": ["agent"] },
    queryStringParameters: { room: "7" },
    multiValueQueryStringParameters: { room: ["7"] },
    isBase64Encoded: false,
  });
  assert.deepEqual(requestContext, {
    routeKey: "$connect",
    eventType: "CONNECT",
    extendedRequestId: "e1",
    requestId: "e1",
    requestTime: "02/Jan/2026:03:04:05 +0000",
    requestTimeEpoch: Date.parse(TIME),
    messageDirection: "IN",
    stage: "dev",
    connectionId: "c1",
    apiId: "chat",
    domainName: "chat.example",
    identity: { sourceIp: "", userAgent: "agent" },
    connectedAt: Date.parse(TIME),
  });
  assert.deepEqual(opened.result, { status: 200 });
  assert.deepEqual((await deliver(connect, data, { statusCode: 401 })).result, { status: 401 });
  assert.match((await deliver(connect, data)).error.message, /\$connect must return \{ statusCode: 200 \}/);

  const message = { type: "sf.socket.message", source, connection: "c1" };
  const text = (await deliver({ ...message, datacontenttype: "text/plain" }, '{"action":"hi"}')).event;
  assert.deepEqual([text.body, text.isBase64Encoded, text.requestContext.routeKey], ['{"action":"hi"}', false, "$default"]);
  assert.deepEqual([text.requestContext.eventType, text.requestContext.messageId], ["MESSAGE", "e1"]);
  const bytes = (await deliver({ ...message, datacontenttype: "application/octet-stream" }, Buffer.from([0, 255]), { statusCode: 200 })).event;
  assert.deepEqual([bytes.body, bytes.isBase64Encoded], ["AP8=", true]);

  const closed = (await deliver({ type: "sf.socket.disconnect", source, connection: "c1" }, { code: 1001 })).event;
  const { routeKey, eventType, disconnectStatusCode } = closed.requestContext;
  assert.deepEqual([routeKey, eventType, disconnectStatusCode], ["$disconnect", "DISCONNECT", 1001]);
});

test("a call's payload is the event itself, and so is what it returns", async () => {
  for (const type of ["sf.call", "sf.invoke"]) {
    const { event, result } = await deliver({ type, source: "/cli" }, { name: "Ada" }, { statusCode: 500, batchItemFailures: [1] });
    assert.deepEqual([event, result], [{ name: "Ada" }, { statusCode: 500, batchItemFailures: [1] }]);
    assert.deepEqual((await deliver({ type, source: "/cli" }, "")).event, {});
  }
  const unknown = await deliver({ type: "com.example.made", source: "/x" }, { a: 1 });
  assert.deepEqual([unknown.event.type, unknown.event.data], ["com.example.made", { a: 1 }]);
});
