// The driver for the embedded host: `ctx` as calls to its data API (docs/data-api.md) over HTTP/1.1. Loaded at the first use of a resource.

import { Agent, request as open } from "node:http";

import { SfError, failure } from "./context.mjs";
import { checkedChunk, collect, toJson } from "./data.mjs";
import { parseWithBytes } from "./protocol.mjs";

const JSON_TYPE = { "content-type": "application/json" };
const BYTES = "application/octet-stream";

/** Makes the drivers of a worker's invocations; `url` and `token` are those of the data API. */
export function driversOf(url, token) {
  const base = new URL(url);
  const where = { host: base.hostname, port: base.port, path: base.pathname.replace(/\/$/, ""), token };
  return (session) => new HostDriver({ ...where, ...session });
}

/** See `Driver` of data.mjs. */
class HostDriver {
  #session;

  constructor(session) {
    this.#session = session;
  }

  table(name, operation, request) {
    const what = `${operation} table ${name}`;
    // A second delete would say that there was nothing.
    const repeatable = operation !== "delete" && request.ifAbsent !== true && request.ifVersion === undefined;
    const call = { what, method: "POST", path: `/tables/${segment(name)}/${operation}`, headers: JSON_TYPE, repeatable };
    return ask(this.#session, { ...call, body: toJson(what, request, true) }, parseWithBytes);
  }

  async readObject(bucket, key, range) {
    const headers = range === undefined ? {} : { range: `bytes=${range[0]}-${range[1] ?? ""}` };
    const call = objectCall("GET", bucket, key, { headers, repeatable: true });
    const response = await unlessMissing(responseOf(this.#session, call));
    if (response === null) return null;
    return { facts: factsOf(response), source: response, broken: (cause) => broken(call, cause) };
  }

  async headObject(bucket, key) {
    const response = await unlessMissing(responseOf(this.#session, objectCall("HEAD", bucket, key, { repeatable: true })));
    if (response === null) return null;
    response.resume();
    return factsOf(response);
  }

  putObject(bucket, key, { body, contentType, metadata, ifAbsent, ifMatch }) {
    const headers = { "content-type": contentType };
    for (const [name, value] of Object.entries(metadata)) headers[`x-sf-meta-${name}`] = value;
    if (ifAbsent) headers["if-none-match"] = "*";
    if (ifMatch !== undefined) headers["if-match"] = ifMatch;
    const isWhole = typeof body === "string" || body instanceof Uint8Array;
    return ask(this.#session, objectCall("PUT", bucket, key, { headers, body, repeatable: isWhole && !ifAbsent && ifMatch === undefined }));
  }

  deleteObject(bucket, key) {
    return ask(this.#session, objectCall("DELETE", bucket, key, { repeatable: true }));
  }

  listObjects(bucket, page) {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(page)) if (value !== undefined) query.set(name, value);
    const path = `/buckets/${segment(bucket)}/objects${query.size === 0 ? "" : `?${query}`}`;
    return ask(this.#session, { what: `list bucket ${bucket}`, method: "GET", path, repeatable: true });
  }

  async objectUrl(bucket, key, link) {
    const what = `url of bucket ${bucket}`;
    const path = `/buckets/${segment(bucket)}/url`;
    const body = toJson(what, { key, ...link });
    const { url } = await ask(this.#session, { what, method: "POST", path, headers: JSON_TYPE, body, repeatable: true });
    return url;
  }

  send(queue, message, { delay }) {
    const headers = { "content-type": typeof message === "string" ? JSON_TYPE["content-type"] : BYTES };
    if (delay !== undefined) headers["x-sf-delay"] = String(delay);
    const path = `/queues/${segment(queue)}/messages`;
    return ask(this.#session, { what: `send queue ${queue}`, method: "POST", path, headers, body: message });
  }

  publish(topic, message, attributes) {
    const headers = { "content-type": typeof message === "string" ? JSON_TYPE["content-type"] : BYTES };
    if (Object.keys(attributes).length > 0) headers["x-sf-attributes"] = asciiJson(attributes);
    const path = `/topics/${segment(topic)}/messages`;
    return ask(this.#session, { what: `publish topic ${topic}`, method: "POST", path, headers, body: message });
  }

  async sendFrame(socket, connection, frame) {
    const headers = { "content-type": typeof frame === "string" ? "text/plain" : BYTES };
    const call = { what: `send socket ${socket}`, method: "POST", path: connectionPath(socket, connection), headers, body: frame };
    const { delivered } = await ask(this.#session, call);
    return delivered;
  }

  closeConnection(socket, connection) {
    const call = { what: `close socket ${socket}`, method: "DELETE", path: connectionPath(socket, connection), repeatable: true };
    return ask(this.#session, call);
  }

  call(name, payload) {
    const path = `/functions/${segment(name)}`;
    return ask(this.#session, { what: `call function ${name}`, method: "POST", path, headers: JSON_TYPE, body: payload });
  }

  async secret(name) {
    const call = { what: `read secret ${name}`, method: "GET", path: `/secrets/${segment(name)}`, repeatable: true };
    const response = await responseOf(this.#session, call);
    return (await collect(response, (cause) => broken(call, cause))).toString();
  }
}

function objectCall(method, bucket, key, rest) {
  const path = `/buckets/${segment(bucket)}/objects/${segment(key)}`;
  return { what: `${method.toLowerCase()} ${key} of bucket ${bucket}`, method, path, ...rest };
}

function connectionPath(socket, connection) {
  return `/sockets/${segment(socket)}/connections/${segment(connection)}`;
}

/** One segment of a path. */
function segment(text) {
  // A path with `.` or `..` for a segment is another path to many programs.
  return /^\.\.?$/.test(text) ? text.replaceAll(".", "%2E") : encodeURIComponent(text);
}

/** A header holds no other characters. */
function asciiJson(value) {
  return JSON.stringify(value).replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

async function unlessMissing(response) {
  try {
    return await response;
  } catch (error) {
    if (error.code === "not-found") return null;
    throw error;
  }
}

function factsOf({ headers }) {
  const metadata = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith("x-sf-meta-")) metadata[name.slice("x-sf-meta-".length)] = value;
  }
  // Of a part, `content-range` tells how long the whole is.
  const total = /\/(\d+)$/.exec(headers["content-range"] ?? "")?.[1] ?? headers["content-length"];
  return {
    size: Number(total),
    etag: headers.etag,
    contentType: headers["content-type"] ?? BYTES,
    metadata,
    modified: new Date(headers["last-modified"]),
  };
}

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
    const bytes = await collect(response, (cause) => broken(call, cause));
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
  const headers = { authorization: `Bearer ${session.token}`, ...call.headers };
  if (session.trace !== "") headers.traceparent = session.trace;
  const request = open({
    agent,
    host: session.host,
    port: session.port,
    method: call.method,
    path: session.path + call.path,
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
    if (!request.write(checkedChunk(chunk))) await taken(request);
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

async function refusal(response, call) {
  const { statusCode: status } = response;
  const text = (await collect(response, (cause) => broken(call, cause))).toString();
  let told;
  try {
    told = JSON.parse(text);
  } catch {
    told = {};
  }
  const code = told.code ?? CODES.get(status) ?? "failed";
  const message = told.message ?? `${call.what}: the data API answered ${status}`;
  return failure(code, message, { hint: told.hint, status });
}

function timedOut(call) {
  return new SfError("timed-out", `${call.what}: the invocation's time is over`);
}

function broken(call, cause) {
  return cause instanceof SfError ? cause : new SfError("unreachable", `${call.what}: the data API is not reached: ${cause.message}`, { cause });
}
