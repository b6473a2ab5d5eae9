// The events of docs/data-api.md as the AWS services would give them to a Lambda function, and the answers back.

import { createHash } from "node:crypto";

import { clfTime, domainOf, lastHop } from "./lambda-http.mjs";
import { ACCOUNT, region } from "./lambda.mjs";
import { cloudEvent } from "./worker.mjs";

const EVENTS = {
  "sf.schedule": scheduled,
  "sf.queue": sqs,
  "sf.topic": sns,
  "sf.bucket.created": s3,
  "sf.bucket.removed": s3,
  "sf.table": dynamodb,
  "sf.socket.connect": webSocket,
  "sf.socket.message": webSocket,
  "sf.socket.disconnect": webSocket,
  // Lambda's Invoke without a payload gives an empty object.
  "sf.call": ({ data = {} }) => data,
  "sf.invoke": ({ data = {} }) => data,
};

/** The event for the handler; one that AWS has no form for stays a CloudEvent. */
export async function lambdaEvent(head, incoming, identity) {
  const event = await cloudEvent(head, incoming);
  const make = EVENTS[event.type];
  return make === undefined ? event : make(event, identity);
}

/** What to answer with: the handler's word on single records in our terms, a called function's result as it is. */
export function lambdaResult({ type }, event, result) {
  if (type === "sf.queue") return { failed: failedOf(event, result) };
  if (type === "sf.socket.connect") return { status: connectStatus(result) };
  if (type === "sf.call" || type === "sf.invoke") return result;
  if (type === "sf.table" && result?.batchItemFailures?.length > 0) throw new Error("the handler reported its only record as failed");
  return null;
}

function connectStatus(result) {
  const status = Number(result?.statusCode ?? undefined);
  if (Number.isInteger(status)) return status;
  throw new TypeError("a Lambda handler of $connect must return { statusCode: 200 }, or another status to refuse");
}

/** The ids of the messages to deliver again. As on AWS, an answer that names a message that was not there fails all. */
function failedOf(event, result) {
  const ids = (result?.batchItemFailures ?? []).map((failure) => failure?.itemIdentifier);
  const known = new Set(event.Records.map((record) => record.messageId));
  const unknown = ids.findIndex((id) => !known.has(id));
  if (unknown >= 0) throw new Error(`the handler reported the message ${JSON.stringify(ids[unknown])} as failed, which was not in the batch`);
  return ids;
}

/** `/queues/mail` -> `mail` */
function nameOf(source) {
  return source.slice(source.lastIndexOf("/") + 1);
}

function arn(service, resource) {
  return `arn:aws:${service}:${region()}:${ACCOUNT}:${resource}`;
}

function isoMillis(time) {
  return new Date(time).toISOString();
}

/** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html */
function scheduled(event) {
  return {
    version: "0",
    id: event.id,
    "detail-type": "Scheduled Event",
    source: "aws.events",
    account: ACCOUNT,
    time: isoMillis(event.time).replace(/\.\d+/, ""),
    region: region(),
    resources: [arn("events", `rule/${nameOf(event.source)}`)],
    detail: {},
  };
}

/** https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html */
function sqs(event, identity) {
  const records = event.data.messages.map(({ id, body, attempt, sent }) => {
    const text = textOf(body);
    const sentAt = String(Date.parse(sent));
    return {
      messageId: id,
      receiptHandle: id,
      body: text,
      attributes: {
        ApproximateReceiveCount: String(attempt),
        SentTimestamp: sentAt,
        SenderId: identity.project,
        ApproximateFirstReceiveTimestamp: sentAt,
      },
      messageAttributes: {},
      md5OfBody: createHash("md5").update(text).digest("hex"),
      eventSource: "aws:sqs",
      eventSourceARN: arn("sqs", nameOf(event.source)),
      awsRegion: region(),
    };
  });
  return { Records: records };
}

/** A message's body in a service that has texts only: JSON as such, bytes as base64. */
function textOf(body) {
  if (typeof body === "string") return body;
  return body instanceof Uint8Array ? Buffer.from(body).toString("base64") : JSON.stringify(body);
}

/** https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html */
function sns(event, identity) {
  const topic = arn("sns", nameOf(event.source));
  const attributes = Object.entries(event.attributes ?? {}).map(([name, Value]) => [name, { Type: "String", Value }]);
  const record = {
    EventSource: "aws:sns",
    EventVersion: "1.0",
    EventSubscriptionArn: `${topic}:${identity.function}`,
    Sns: {
      Type: "Notification",
      MessageId: event.id,
      TopicArn: topic,
      Subject: null,
      Message: textOf(event.data),
      Timestamp: isoMillis(event.time),
      SignatureVersion: "1",
      Signature: "",
      SigningCertUrl: "",
      UnsubscribeUrl: "",
      MessageAttributes: Object.fromEntries(attributes),
    },
  };
  return { Records: [record] };
}

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html */
function s3(event, identity) {
  const { bucket, key, size, etag } = event.data;
  const isCreated = event.type === "sf.bucket.created";
  // Later events of a key have greater ones.
  const sequencer = Date.parse(event.time).toString(16).toUpperCase().padStart(16, "0");
  const object = isCreated ? { key: formEncoded(key), size, eTag: etag.replaceAll('"', ""), sequencer } : { key: formEncoded(key), sequencer };
  const record = {
    eventVersion: "2.1",
    eventSource: "aws:s3",
    awsRegion: region(),
    eventTime: isoMillis(event.time),
    eventName: isCreated ? "ObjectCreated:Put" : "ObjectRemoved:Delete",
    userIdentity: { principalId: identity.project },
    requestParameters: { sourceIPAddress: "" },
    responseElements: { "x-amz-request-id": event.id, "x-amz-id-2": event.id },
    s3: {
      s3SchemaVersion: "1.0",
      configurationId: identity.function,
      bucket: { name: bucket, ownerIdentity: { principalId: identity.project }, arn: `arn:aws:s3:::${bucket}` },
      object,
    },
  };
  return { Records: [record] };
}

/** S3 writes keys as forms do, but leaves `/`: `red flower.jpg` is `red+flower.jpg`. */
function formEncoded(key) {
  const escaped = encodeURIComponent(key).replace(/[!'()~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  return escaped.replaceAll("%20", "+").replaceAll("%2F", "/");
}

const CHANGES = { insert: "INSERT", update: "MODIFY", remove: "REMOVE" };

/** https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html */
function dynamodb(event) {
  const { change, key, before, after } = event.data;
  const millis = Date.parse(event.time);
  const images = { Keys: marshalled(key) };
  if (after) images.NewImage = marshalled(after);
  if (before) images.OldImage = marshalled(before);
  const record = {
    eventID: event.id,
    eventName: CHANGES[change],
    eventVersion: "1.1",
    eventSource: "aws:dynamodb",
    awsRegion: region(),
    dynamodb: {
      ApproximateCreationDateTime: Math.floor(millis / 1000),
      ...images,
      SequenceNumber: String(millis).padStart(21, "0"),
      SizeBytes: Object.values(images).reduce((size, image) => size + Buffer.byteLength(JSON.stringify(image)), 0),
      StreamViewType: "NEW_AND_OLD_IMAGES",
    },
    eventSourceARN: arn("dynamodb", `table/${nameOf(event.source)}/stream/1970-01-01T00:00:00.000`),
  };
  return { Records: [record] };
}

function marshalled(item) {
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, attributeValue(value)]));
}

function attributeValue(value) {
  if (value === null) return { NULL: true };
  if (typeof value === "string") return { S: value };
  if (typeof value === "number") return { N: String(value) };
  if (typeof value === "boolean") return { BOOL: value };
  if (value instanceof Uint8Array) return { B: Buffer.from(value).toString("base64") };
  return Array.isArray(value) ? { L: value.map(attributeValue) } : { M: marshalled(value) };
}

const ROUTES = {
  "sf.socket.connect": { routeKey: "$connect", eventType: "CONNECT" },
  "sf.socket.message": { routeKey: "$default", eventType: "MESSAGE" },
  "sf.socket.disconnect": { routeKey: "$disconnect", eventType: "DISCONNECT" },
};

/** https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html */
function webSocket(event, identity) {
  const time = new Date(event.time);
  const { type, data } = event;
  const lists = (object = {}) => Object.entries(object).map(([name, value]) => [name, [value].flat()]);
  const headers = type === "sf.socket.connect" ? Object.fromEntries(lists(data.headers)) : {};
  const first = (object) => Object.fromEntries(Object.entries(object).map(([name, values]) => [name, values.at(-1)]));
  const requestContext = {
    ...ROUTES[type],
    extendedRequestId: event.id,
    requestId: event.id,
    requestTime: clfTime(time),
    requestTimeEpoch: time.getTime(),
    messageDirection: "IN",
    stage: identity.stage,
    connectionId: event.connection,
    apiId: nameOf(event.source),
    domainName: domainOf(headers.host?.at(-1) ?? ""),
    identity: { sourceIp: lastHop(headers["x-forwarded-for"]?.at(-1) ?? ""), userAgent: headers["user-agent"]?.at(-1) ?? "" },
  };
  if (type === "sf.socket.message") {
    return { requestContext: { ...requestContext, messageId: event.id }, body: textOf(data), isBase64Encoded: data instanceof Uint8Array };
  }
  if (type === "sf.socket.disconnect") {
    return {
      headers: {},
      multiValueHeaders: {},
      requestContext: { ...requestContext, disconnectStatusCode: data?.code ?? 1005, disconnectReason: "" },
      isBase64Encoded: false,
    };
  }
  const query = Object.fromEntries(lists(data.query));
  const parameters = Object.keys(query).length === 0 ? {} : { queryStringParameters: first(query), multiValueQueryStringParameters: query };
  const connected = { ...requestContext, connectedAt: time.getTime() };
  return { headers: first(headers), multiValueHeaders: headers, ...parameters, requestContext: connected, isBase64Encoded: false };
}
