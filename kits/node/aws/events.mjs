// What AWS's services call a Lambda function with, as the CloudEvents of docs/data-api.md. Nothing here has effects. `kit` is SF_KIT (docs/providers/aws.md).

import { customOf } from "./envelope.mjs";
import { unmarshalled } from "./values.mjs";

const JSON_TYPE = "application/json";
const BYTES = "application/octet-stream";
/** The message attribute that says how bytes became text. */
const ENCODING = "sf-encoding";

/** Which service made an event: a name for `main.mjs` to go by. */
export function sourceOf(event, context) {
  const source = event?.Records?.[0]?.eventSource ?? event?.Records?.[0]?.EventSource;
  const known = { "aws:sqs": "queue", "aws:sns": "topic", "aws:s3": "bucket", "aws:dynamodb": "table" }[source];
  // Before all else: the payload of a call may look like anything.
  if (customOf(context) !== undefined) return "call";
  if (known !== undefined) return known;
  if (typeof event?.requestContext?.connectionId === "string") return "socket";
  return typeof event?.["sf-schedule"] === "string" ? "schedule" : "call";
}

function cloudEvent(type, source, id, time, more) {
  return { specversion: "1.0", id, type, source, time: rfc3339(time), datacontenttype: JSON_TYPE, ...more };
}

/** `2026-01-01T00:00:00Z`, with milliseconds where there are any. `time` is whatever a `Date` is made of. */
function rfc3339(time) {
  return new Date(time).toISOString().replace(".000Z", "Z");
}

/** The manifest's name of a resource; that of AWS for one that the manifest does not have. */
function nameIn(kit, kind, physical) {
  return kit.from?.[kind]?.[physical] ?? physical;
}

/** `arn:aws:sqs:eu-west-1:123456789012:mail` -> `mail` */
function lastOf(arn) {
  return arn.slice(arn.lastIndexOf(":") + 1);
}

/** A message: JSON, or bytes. What others send may be text that is no JSON; it is a text then. */
function messageOf(text, encoding) {
  if (encoding === "base64") return new Uint8Array(Buffer.from(text, "base64"));
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A batch. https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html */
export function queueEvent({ Records }, kit, id, now) {
  const messages = Records.map(({ messageId, body, attributes, messageAttributes }) => ({
    id: messageId,
    body: messageOf(body, messageAttributes?.[ENCODING]?.stringValue),
    attempt: Number(attributes.ApproximateReceiveCount),
    sent: rfc3339(Number(attributes.SentTimestamp)),
  }));
  const name = nameIn(kit, "queue", lastOf(Records[0].eventSourceARN));
  return cloudEvent("sf.queue", `/queues/${name}`, id, now, { data: { messages } });
}

/** https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html */
export function topicEvent({ Sns }, kit) {
  const given = Object.entries(Sns.MessageAttributes ?? {});
  const attributes = Object.fromEntries(given.filter(([name]) => name !== ENCODING).map(([name, { Value }]) => [name, Value]));
  const data = messageOf(Sns.Message, Sns.MessageAttributes?.[ENCODING]?.Value);
  const datacontenttype = data instanceof Uint8Array ? BYTES : JSON_TYPE;
  const source = `/topics/${nameIn(kit, "topic", lastOf(Sns.TopicArn))}`;
  return cloudEvent("sf.topic", source, Sns.MessageId, Sns.Timestamp, { datacontenttype, attributes, data });
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html */
export function bucketEvent({ eventName, eventTime, responseElements, s3 }, kit) {
  const bucket = nameIn(kit, "bucket", s3.bucket.name);
  // As a form has it.
  const key = decodeURIComponent(s3.object.key.replaceAll("+", " "));
  // One request may remove many objects.
  const id = `${responseElements?.["x-amz-request-id"] ?? ""}-${s3.object.sequencer}`;
  const isCreated = eventName.startsWith("ObjectCreated:");
  const data = isCreated ? { bucket, key, size: s3.object.size, etag: s3.object.eTag } : { bucket, key };
  const type = isCreated ? "sf.bucket.created" : "sf.bucket.removed";
  return cloudEvent(type, `/buckets/${bucket}`, id, eventTime, { subject: key, data });
}

const CHANGES = { INSERT: "insert", MODIFY: "update", REMOVE: "remove" };

/** https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html */
export function tableEvent({ eventID, eventName, eventSourceARN, dynamodb }, kit) {
  // arn:aws:dynamodb:REGION:ACCOUNT:table/NAME/stream/TIME
  const [, physical] = eventSourceARN.split("/");
  const image = (attributes) => (attributes === undefined ? null : unmarshalled(attributes));
  const key = unmarshalled(dynamodb.Keys);
  const data = { change: CHANGES[eventName], key, before: image(dynamodb.OldImage), after: image(dynamodb.NewImage) };
  const subject = JSON.stringify(key, (_name, value) => (value instanceof Uint8Array ? { $bytes: Buffer.from(value).toString("base64") } : value));
  const time = dynamodb.ApproximateCreationDateTime * 1000;
  return cloudEvent("sf.table", `/tables/${nameIn(kit, "table", physical)}`, eventID, time, { subject, data });
}

/** RFC 6455, section 7.1.5: the client closed without a code. */
const NO_CODE = 1005;

/** https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html */
export function socketEvent(event, kit) {
  const { eventType, connectionId: connection, apiId, requestId, requestTimeEpoch, disconnectStatusCode } = event.requestContext;
  const make = (type, more) => cloudEvent(`sf.socket.${type}`, `/sockets/${nameIn(kit, "socket", apiId)}`, requestId, requestTimeEpoch, { connection, ...more });
  if (eventType === "CONNECT") return make("connect", { data: { headers: headersOf(event), query: queryOf(event) } });
  if (eventType === "DISCONNECT") return make("disconnect", { data: { code: disconnectStatusCode ?? NO_CODE } });
  const body = event.body ?? "";
  if (!event.isBase64Encoded) return make("message", { datacontenttype: "text/plain", data: body });
  return make("message", { datacontenttype: BYTES, data: new Uint8Array(Buffer.from(body, "base64")) });
}

function headersOf({ headers, multiValueHeaders }) {
  const lists = Object.entries(multiValueHeaders ?? headers ?? {});
  return Object.fromEntries(lists.map(([name, values]) => [name.toLowerCase(), [values].flat().join(", ")]));
}

function queryOf({ queryStringParameters, multiValueQueryStringParameters }) {
  const lists = Object.entries(multiValueQueryStringParameters ?? queryStringParameters ?? {});
  return Object.fromEntries(lists.map(([name, values]) => [name, [values].flat()[0]]));
}

/** What the schedule's input says; the rest is in `kit`. */
export function scheduleEvent({ "sf-schedule": name, time, id }, kit) {
  const { expression, timezone } = kit.schedules?.[name] ?? {};
  return cloudEvent("sf.schedule", `/schedules/${kit.function}`, id, time, { data: { expression, timezone } });
}

/** A call of another function or from the command line; so is whatever else somebody invokes the function with. */
export function callEvent(payload, context, now) {
  const caller = customOf(context)?.["sf-caller"];
  const [type, source] = caller === undefined ? ["sf.invoke", "/cli"] : ["sf.call", `/functions/${caller}`];
  return cloudEvent(type, source, context.awsRequestId, now, { data: payload });
}

/** The messages to deliver again, of what a queue's handler returned. Throws for an answer that does not say it: then it is all of them. */
export function failedOf(answer, messages) {
  const failed = answer?.failed;
  if (failed === undefined) return [];
  if (!Array.isArray(failed)) throw new TypeError("the answer's `failed` is no list of ids");
  const known = new Set(messages.map(({ id }) => id));
  const unknown = failed.find((id) => !known.has(id));
  // A message that failed under a wrong name must not be taken for handled.
  if (unknown !== undefined) throw new TypeError(`the answer's \`failed\` has ${JSON.stringify(unknown)}, which is no message of the batch`);
  return [...new Set(failed)];
}

/** What a connecting client is answered. */
export function connectAnswer(result) {
  const statusCode = result?.status ?? 200;
  if (typeof result?.protocol !== "string") return { statusCode };
  return { statusCode, headers: { "Sec-WebSocket-Protocol": result.protocol } };
}
