// Queues, topics, sockets, calls and secrets as the services of AWS. `reach` is what driver.mjs found of the resource.

import { failure } from "../context.mjs";
import { placeOf, use } from "./clients.mjs";
import { enveloped } from "./envelope.mjs";

/** Bytes of a message. */
const MAX_MESSAGE = 256 * 1024;
/** Seconds. */
const MAX_DELAY = 900;
const MAX_ATTRIBUTES = 10;
/** Bytes of a payload. */
const MAX_PAYLOAD = 6 * 1024 * 1024;

function badRequest(message) {
  return failure("bad-request", message, { status: 400 });
}

function checkSize(what, content, limit) {
  const size = typeof content === "string" ? Buffer.byteLength(content) : content.length;
  if (size > limit) throw failure("too-large", `${what} has at most ${limit} bytes`, { status: 413 });
}

const asText = (value) => ({ DataType: "String", StringValue: value });

/** A message as the text that these services have, and the attributes that tell how. */
function encoded(message) {
  checkSize("a message", message, MAX_MESSAGE);
  // JSON writes what is no character of XML as an escape, but for these two.
  if (typeof message === "string") return { text: message.replace(/[\ufffe\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16)}`), attributes: {} };
  // An empty text is refused; a space is no base64 and decodes to nothing.
  const text = Buffer.from(message.buffer, message.byteOffset, message.byteLength).toString("base64") || " ";
  return { text, attributes: { "sf-encoding": asText("base64") } };
}

export async function send(reach, message, { delay = 0 }) {
  if (!Number.isSafeInteger(delay) || delay < 0 || delay > MAX_DELAY) throw badRequest(`\`delay\` is 0 to ${MAX_DELAY} seconds`);
  const { text, attributes } = encoded(message);
  const QueueUrl = placeOf(reach.world).queue(reach.name);
  const input = { QueueUrl, MessageBody: text, DelaySeconds: delay, MessageAttributes: attributes };
  const { MessageId } = await use(reach.world, "sqs", "SendMessage", input, { ...reach.about, once: true });
  return { id: MessageId };
}

export async function publish(reach, message, given) {
  const entries = Object.entries(given);
  if (entries.length > MAX_ATTRIBUTES) throw badRequest(`a message has at most ${MAX_ATTRIBUTES} attributes`);
  const { text, attributes } = encoded(message);
  const MessageAttributes = { ...Object.fromEntries(entries.map(([name, value]) => [name, asText(value)])), ...attributes };
  const tooLong = (error) => {
    throw failure(/too long/i.test(error.message) ? "too-large" : "bad-request", `${reach.about.what}: ${error.message}`, { cause: error });
  };
  const about = { ...reach.about, once: true, on: { InvalidParameterException: tooLong, InvalidParameter: tooLong, InvalidParameterValueException: tooLong } };
  const input = { TopicArn: placeOf(reach.world).topic(reach.name), Message: text, MessageAttributes };
  const { MessageId } = await use(reach.world, "sns", "Publish", input, about);
  return { id: MessageId };
}

/** The client is gone, or never was there. */
function onGone(value) {
  const gone = () => value;
  const bad = (error) => {
    if (/connection/i.test(error.message)) return value;
    throw badRequest(error.message);
  };
  return { GoneException: gone, NotFoundException: gone, BadRequestException: bad };
}

export async function sendFrame(reach, connection, frame) {
  const input = { ConnectionId: connection, Data: typeof frame === "string" ? Buffer.from(frame) : frame };
  const about = { ...reach.about, endpoint: reach.name, once: true, on: onGone(false) };
  return (await use(reach.world, "sockets", "PostToConnection", input, about)) !== false;
}

export async function closeConnection(reach, connection) {
  const about = { ...reach.about, endpoint: reach.name, on: onGone(null) };
  await use(reach.world, "sockets", "DeleteConnection", { ConnectionId: connection }, about);
}

/** Calls the alias that is live, and says who calls. */
export async function call(reach, name, payload, trace) {
  const input = { FunctionName: `${reach.name}:live`, ...carried(payload, reach, trace) };
  checkSize("a payload", input.Payload, MAX_PAYLOAD);
  const busy = (error) => {
    throw failure("function-busy", `call function \`${name}\`: ${error.message}`, { hint: `sf logs ${name}`, status: 502, cause: error });
  };
  const about = { ...reach.about, once: true, on: { TooManyRequestsException: busy } };
  const { FunctionError, Payload } = await use(reach.world, "lambda", "Invoke", input, about);
  const text = Buffer.from(Payload ?? "").toString();
  const answer = text === "" ? null : JSON.parse(text);
  if (FunctionError !== undefined) throw calleeFailed(name, answer);
  return answer;
}

/** A kit takes the envelope off again; a Lambda handler has none, and gets just what it would get of anybody. */
function carried(payload, { use: { interface: kind }, world: { kit } }, trace) {
  if (kind !== "lambda") return { Payload: Buffer.from(enveloped(payload, kit.function, trace)) };
  const custom = { "sf-caller": kit.function, traceparent: trace };
  return { Payload: Buffer.from(payload), ClientContext: Buffer.from(JSON.stringify({ custom })).toString("base64") };
}

/** https://docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html */
function calleeFailed(name, answer) {
  const { errorType = "Error", errorMessage = "" } = answer ?? {};
  const [code, message] = /Task timed out after/.test(errorMessage)
    ? ["function-timed-out", "the function did not answer in time"]
    : /^Runtime\.(ExitError|OutOfMemory)/.test(errorType)
      ? ["function-crashed", "the function's process ended before it answered"]
      : ["function-threw", `${errorType}: ${errorMessage}`];
  return failure(code, `call function \`${name}\`: ${message}`, { hint: `sf logs ${name}`, status: 502 });
}

export async function secret(reach, name) {
  const none = (error) => {
    throw failure("not-found", `secret \`${name}\` has no value`, { hint: `sf secret set ${name}`, status: 404, cause: error });
  };
  const about = { ...reach.about, on: { ResourceNotFoundException: none } };
  const { SecretString, SecretBinary } = await use(reach.world, "secrets", "GetSecretValue", { SecretId: reach.name }, about);
  if (SecretString === undefined && SecretBinary === undefined) throw none();
  return SecretString ?? Buffer.from(SecretBinary).toString();
}
