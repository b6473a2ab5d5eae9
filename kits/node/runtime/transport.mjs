// Calls to the data API (docs/data-api.md) over HTTP/1.1. Loaded with data.mjs, at the first use of a resource.

import { Agent, request as open } from "node:http";

/** A call to a resource that failed. User code tells the kinds apart by `code`: it cannot import these classes. */
export class SfError extends Error {
  constructor(code, message, { hint, status, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    if (hint) this.hint = hint;
    if (status !== undefined) this.status = status;
  }
}

class Conflict extends SfError {}
class NotGranted extends SfError {}
class NotFound extends SfError {}
class TooLarge extends SfError {}

const CLASSES = new Map([
  ["conflict", Conflict],
  ["not-granted", NotGranted],
  ["not-found", NotFound],
  ["too-large", TooLarge],
]);

/** For answers without a body, as those to HEAD. */
const CODES = new Map([
  [400, "bad-request"],
  [401, "unauthorized"],
  [403, "not-granted"],
  [404, "not-found"],
  [409, "conflict"],
  [413, "too-large"],
  [416, "range-not-satisfiable"],
  [507, "storage-full"],
]);

/** So many calls run at once; others wait for one to end. */
const agent = new Agent({ keepAlive: true, maxSockets: 128, scheduling: "lifo" });
/** The longest time that a timer can wait, in milliseconds. */
const MAX_TIMER = 2 ** 31 - 1;

/**
 * One call.
 * @typedef {object} Call
 * @property {string} what for messages: `put table profiles`
 * @property {string} method
 * @property {string} path below the data API's base
 * @property {Record<string, string>} [headers]
 * @property {string | Uint8Array | AsyncIterable<unknown> | null} [body]
 * @property {boolean} [repeatable] a second time changes nothing, so it is sent again when the connection breaks
 */

/** Makes a call and gives the parsed JSON of its answer, or null when it has none. */
export function ask(session, call, parse = JSON.parse) {
  return attempts(session, call, async (response) => {
    const bytes = await collect(response, call);
    return bytes.length === 0 ? null : parse(bytes.utf8Slice(0, bytes.length));
  });
}

/** Makes a call and gives the response, whose body is still to be read. */
export function responseOf(session, call) {
  return attempts(session, call, (response) => response);
}

async function attempts(session, call, read) {
  for (let left = call.repeatable ? 1 : 0; ; left -= 1) {
    try {
      return await read(await attempt(session, call));
    } catch (error) {
      if (left === 0 || error.code !== "unreachable" || !isReset(error.cause)) throw error;
    }
  }
}

/** The connection broke; a refused one would be refused again. */
function isReset(cause) {
  return cause?.code === "ECONNRESET" || cause?.code === "EPIPE";
}

/** Sends a call once; the response, if it is one of success. */
async function attempt(session, call) {
  const left = session.deadline - Date.now();
  if (left <= 0) throw timedOut(call);
  const base = new URL(session.url);
  const headers = { authorization: `Bearer ${session.token}`, ...call.headers };
  if (session.trace !== "") headers.traceparent = session.trace;
  const request = open({
    agent,
    host: base.hostname,
    port: base.port,
    method: call.method,
    path: base.pathname.replace(/\/$/, "") + call.path,
    headers,
  });
  const response = await exchange(request, call, left);
  if (response.statusCode < 300) return response;
  const error = await refusal(response, call);
  // The rest of the body is of no use to anybody.
  if (!request.writableEnded) request.destroy();
  throw error;
}

/** Sends the body; resolves when the head of the response is here, which may be before the body's end. */
function exchange(request, call, left) {
  return new Promise((resolve, reject) => {
    let response = null;
    const timer = setTimeout(() => (response ?? request).destroy(timedOut(call)), Math.min(left, MAX_TIMER));
    timer.unref();
    request.once("close", () => clearTimeout(timer));
    request.on("error", (cause) => reject(broken(call, cause)));
    request.once("response", (incoming) => {
      response = incoming;
      resolve(incoming);
    });
    const body = call.body ?? null;
    if (body === null || typeof body === "string" || body instanceof Uint8Array) {
      request.end(body);
    } else {
      pump(request, body, () => response !== null).catch((error) => {
        reject(error);
        // Without its last chunk the host takes nothing of it.
        request.destroy();
      });
    }
  });
}

/** Sends a body piece by piece, as fast as it is taken. */
async function pump(request, source, isAnswered) {
  for await (const chunk of source) {
    if (isAnswered() || request.destroyed) return;
    if (typeof chunk !== "string" && !(chunk instanceof Uint8Array)) {
      throw new TypeError(`the body's stream gave ${chunk === null ? "null" : `a ${typeof chunk}`} in place of bytes or text`);
    }
    if (!request.write(chunk)) await taken(request);
  }
  request.end();
}

function taken(request) {
  const events = ["drain", "response", "close"];
  return new Promise((resolve) => {
    const done = () => {
      for (const event of events) request.off(event, done);
      resolve();
    };
    for (const event of events) request.on(event, done);
  });
}

/** All of a response's body. */
export function collect(response, call) {
  return new Promise((resolve, reject) => {
    // Its time was over before anybody read it; it has told that to nobody.
    if (response.destroyed) return reject(broken(call, response.errored ?? new Error("the connection is closed")));
    const chunks = [];
    response.on("data", (chunk) => chunks.push(chunk));
    response.on("end", () => resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)));
    response.on("error", (cause) => reject(broken(call, cause)));
  });
}

/** A response's body as a stream of bytes that reads no faster than its reader. */
export function streamOf(response, call) {
  const chunks = response[Symbol.asyncIterator]();
  return new ReadableStream(
    {
      type: "bytes",
      async pull(controller) {
        const { done, value } = await chunks.next().catch((cause) => {
          throw broken(call, cause);
        });
        if (done) {
          controller.close();
          controller.byobRequest?.respond(0);
        } else {
          // A copy: enqueueing takes the memory over, and the chunk shares its with others.
          controller.enqueue(new Uint8Array(value));
        }
      },
      async cancel() {
        response.destroy();
        await chunks.return();
      },
    },
    { highWaterMark: 0 },
  );
}

async function refusal(response, call) {
  const { statusCode: status } = response;
  const text = (await collect(response, call)).toString();
  let told;
  try {
    told = JSON.parse(text);
  } catch {
    told = {};
  }
  const code = told.code ?? CODES.get(status) ?? "failed";
  const message = told.message ?? `${call.what}: the data API answered ${status}`;
  return new (CLASSES.get(code) ?? SfError)(code, message, { hint: told.hint, status });
}

function timedOut(call) {
  return new SfError("timed-out", `${call.what}: the invocation's time is over`);
}

function broken(call, cause) {
  return cause instanceof SfError ? cause : new SfError("unreachable", `${call.what}: the data API is not reached: ${cause.message}`, { cause });
}

/** Bytes in any of their forms, or undefined. */
export function bytesOf(value) {
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  return ArrayBuffer.isView(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : undefined;
}

/** JSON without the silent losses of `JSON.stringify`. `withBytes`: bytes may be within, as `{"$bytes": "base64"}`. */
export function toJson(what, value, withBytes = false) {
  const text = JSON.stringify(value, function (key, converted) {
    // Before its `toJSON`, which a Buffer has too.
    const original = this[key];
    const bytes = bytesOf(original);
    if (bytes !== undefined) {
      if (!withBytes) throw new TypeError(`${what}: "${key}" holds bytes, which can be sent only as the whole message`);
      return { $bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64") };
    }
    if (typeof original === "bigint") {
      if (Number.isSafeInteger(Number(original))) return Number(original);
      throw new TypeError(`${what}: "${key}" is a BigInt that a number cannot hold exactly; make it a text`);
    }
    if (typeof original === "number" && !Number.isFinite(original)) {
      throw new TypeError(`${what}: "${key}" is ${original}, which JSON does not have`);
    }
    if (original instanceof Map || original instanceof Set) {
      throw new TypeError(`${what}: "${key}" is a ${original.constructor.name}; make it an object or an array`);
    }
    return converted;
  });
  if (text === undefined) throw new TypeError(`${what}: ${value === undefined ? "undefined" : `a ${typeof value}`} has no JSON form`);
  return text;
}
