// What does the work behind `ctx.table`, `ctx.bucket` and the rest: their calls in the terms of docs/data-api.md.

import { MAX_PAGE, versions } from "./context.mjs";
import { parseWithBytes } from "./protocol.mjs";
import { ask, bytesOf, collect, responseOf, streamOf, toJson } from "./transport.mjs";

const JSON_TYPE = { "content-type": "application/json" };
const BYTES = "application/octet-stream";

export class Table {
  #session;
  #name;

  constructor(session, name) {
    this.#session = session;
    this.#name = name;
  }

  async get(key) {
    const { item, version } = await this.#ask("get", { key });
    return remembered(item, version);
  }

  async put(item, options = {}) {
    checkOptions("put", options, ["ifAbsent", "ifVersion"], ["ifVersion"]);
    const { ifAbsent, ifVersion } = options;
    const answer = await this.#ask("put", { item, ifAbsent, ifVersion }, ifAbsent !== true && ifVersion === undefined);
    remembered(item, answer.version);
    return answer;
  }

  async delete(key, options = {}) {
    checkOptions("delete", options, ["ifVersion"], ["ifVersion"]);
    const { existed } = await this.#ask("delete", { key, ifVersion: options.ifVersion }, false);
    return existed;
  }

  query(partition, options) {
    checkOptions("query", options, ["sort", "reverse", "limit", "cursor"]);
    const { sort, reverse } = options;
    return this.#page("query", { partition, sort, reverse }, options);
  }

  scan(options) {
    checkOptions("scan", options, ["limit", "cursor"]);
    return this.#page("scan", {}, options);
  }

  async #page(operation, body, options) {
    const { items, cursor } = await this.#ask(operation, { ...body, ...bounds(options) });
    return { items: items.map(({ item, version }) => remembered(item, version)), cursor: cursor ?? null };
  }

  /** `repeatable`: see transport.mjs. A delete is not: the second would say that there was nothing. */
  async #ask(operation, body, repeatable = true) {
    const what = `${operation} table ${this.#name}`;
    const call = { what, method: "POST", path: `/tables/${segment(this.#name)}/${operation}`, headers: JSON_TYPE, repeatable };
    return await ask(this.#session, { ...call, body: toJson(what, body, true) }, parseWithBytes);
  }
}

function remembered(item, version) {
  if (item !== null) versions.set(item, version);
  return item;
}

export class Bucket {
  #session;
  #name;

  constructor(session, name) {
    this.#session = session;
    this.#name = name;
  }

  async get(key, options = {}) {
    checkOptions("get", options, ["range"]);
    const headers = options.range === undefined ? {} : { range: rangeHeader(options.range) };
    const call = this.#object("GET", key, { headers, repeatable: true });
    const response = await unlessMissing(responseOf(this.#session, call));
    return response === null ? null : new StoredObject(response, call);
  }

  async head(key) {
    const call = this.#object("HEAD", key, { repeatable: true });
    const response = await unlessMissing(responseOf(this.#session, call));
    if (response === null) return null;
    response.resume();
    return factsOf(response);
  }

  async put(key, content, options = {}) {
    checkOptions("put", options, ["contentType", "metadata", "ifAbsent", "ifMatch"], ["ifMatch"]);
    const { body, type } = bodyOf(content);
    const headers = { "content-type": options.contentType ?? type, ...metadataHeaders(options.metadata) };
    if (options.ifAbsent === true) headers["if-none-match"] = "*";
    if (options.ifMatch !== undefined) headers["if-match"] = options.ifMatch;
    const isWhole = typeof body === "string" || body instanceof Uint8Array;
    const isFree = options.ifAbsent !== true && options.ifMatch === undefined;
    return await ask(this.#session, this.#object("PUT", key, { headers, body, repeatable: isWhole && isFree }));
  }

  async delete(key) {
    await ask(this.#session, this.#object("DELETE", key, { repeatable: true }));
  }

  async list(options) {
    checkOptions("list", options, ["prefix", "delimiter", "limit", "cursor"]);
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries({ prefix: options.prefix, delimiter: options.delimiter, ...bounds(options) })) {
      if (value !== undefined) query.set(name, value);
    }
    const path = `/buckets/${segment(this.#name)}/objects${query.size === 0 ? "" : `?${query}`}`;
    const answer = await ask(this.#session, { what: `list bucket ${this.#name}`, method: "GET", path, repeatable: true });
    const items = answer.objects.map((object) => ({ ...object, modified: new Date(object.modified) }));
    return { items, prefixes: answer.prefixes, cursor: answer.cursor ?? null };
  }

  async url(key, options = {}) {
    checkOptions("url", options, ["method", "expires"]);
    const what = `url of bucket ${this.#name}`;
    const body = toJson(what, { key, method: options.method ?? "GET", expires: options.expires });
    const path = `/buckets/${segment(this.#name)}/url`;
    const { url } = await ask(this.#session, { what, method: "POST", path, headers: JSON_TYPE, body, repeatable: true });
    return url;
  }

  #object(method, key, rest) {
    const path = `/buckets/${segment(this.#name)}/objects/${segment(key)}`;
    return { what: `${method.toLowerCase()} ${key} of bucket ${this.#name}`, method, path, ...rest };
  }
}

async function unlessMissing(response) {
  try {
    return await response;
  } catch (error) {
    if (error.code === "not-found") return null;
    throw error;
  }
}

/** An object that was found: what is known of it, and its bytes, which are read once. */
class StoredObject {
  #response;
  #call;
  #stream = null;
  #used = false;

  constructor(response, call) {
    this.#response = response;
    this.#call = call;
    Object.assign(this, factsOf(response));
  }

  get body() {
    if (this.#stream === null) {
      this.#use();
      this.#stream = streamOf(this.#response, this.#call);
    }
    return this.#stream;
  }

  get bodyUsed() {
    return this.#used;
  }

  async bytes() {
    return new Uint8Array(await this.#collect());
  }

  async arrayBuffer() {
    return (await this.bytes()).buffer;
  }

  async text() {
    return new TextDecoder().decode(await this.#collect());
  }

  async json() {
    return JSON.parse(await this.text());
  }

  #collect() {
    this.#use();
    return collect(this.#response, this.#call);
  }

  #use() {
    if (this.#used) throw new TypeError(`${this.#call.what}: the body has been read already`);
    this.#used = true;
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

function rangeHeader([from, to]) {
  const isPosition = (value) => Number.isSafeInteger(value) && value >= 0;
  if (!isPosition(from) || !(to === undefined || isPosition(to))) {
    throw new TypeError("get: a range is [first, last], both of them positions of bytes, or [first]");
  }
  return `bytes=${from}-${to ?? ""}`;
}

function metadataHeaders(metadata = {}) {
  const headers = {};
  for (const [name, value] of Object.entries(metadata)) {
    if (!/^[\w-]+$/.test(name) || typeof value !== "string" || !/^[\x20-\x7e]*$/.test(value)) {
      throw new TypeError(`put: metadata "${name}": names are letters, digits, - and _, values are text of ASCII characters`);
    }
    headers[`x-sf-meta-${name.toLowerCase()}`] = value;
  }
  return headers;
}

/** What to send of what the user gave, and its type if it does not say one. */
function bodyOf(content) {
  const bytes = bytesOf(content);
  if (bytes !== undefined) return { body: bytes, type: BYTES };
  if (typeof content === "string") return { body: content, type: "text/plain; charset=utf-8" };
  if (typeof content?.[Symbol.asyncIterator] === "function") return { body: content, type: BYTES };
  // A Request, a Response, or an object of a bucket.
  if (typeof content?.arrayBuffer === "function" && "body" in content) {
    return { body: content.body ?? "", type: content.contentType ?? content.headers?.get("content-type") ?? BYTES };
  }
  if (typeof content?.stream === "function") return { body: content.stream(), type: content.type || BYTES };
  throw new TypeError("put: the body is neither text, bytes, a stream, nor something with a body");
}

export class Queue {
  #session;
  #name;

  constructor(session, name) {
    this.#session = session;
    this.#name = name;
  }

  async send(body, options = {}) {
    checkOptions("send", options, ["delay"]);
    const what = `send queue ${this.#name}`;
    const message = messageOf(what, body);
    if (options.delay !== undefined) message.headers["x-sf-delay"] = String(options.delay);
    return await ask(this.#session, { what, method: "POST", path: `/queues/${segment(this.#name)}/messages`, ...message });
  }
}

export class Topic {
  #session;
  #name;

  constructor(session, name) {
    this.#session = session;
    this.#name = name;
  }

  async publish(body, attributes = {}) {
    const what = `publish topic ${this.#name}`;
    const message = messageOf(what, body);
    const entries = Object.entries(attributes);
    for (const [name, value] of entries) {
      if (typeof value !== "string") throw new TypeError(`${what}: attribute "${name}" is a ${typeof value}, not text`);
    }
    if (entries.length > 0) message.headers["x-sf-attributes"] = asciiJson(attributes);
    return await ask(this.#session, { what, method: "POST", path: `/topics/${segment(this.#name)}/messages`, ...message });
  }
}

function messageOf(what, body) {
  const bytes = bytesOf(body);
  if (bytes !== undefined) return { headers: { "content-type": BYTES }, body: bytes };
  return { headers: { ...JSON_TYPE }, body: toJson(what, body) };
}

/** A header holds no other characters. */
function asciiJson(value) {
  return JSON.stringify(value).replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

export class Socket {
  #session;
  #name;

  constructor(session, name) {
    this.#session = session;
    this.#name = name;
  }

  async send(connection, data) {
    const what = `send socket ${this.#name}`;
    const bytes = bytesOf(data);
    const body = bytes ?? (typeof data === "string" ? data : toJson(what, data));
    const headers = { "content-type": bytes === undefined ? "text/plain" : BYTES };
    const { delivered } = await ask(this.#session, { what, method: "POST", path: this.#path(connection), headers, body });
    return delivered;
  }

  async close(connection) {
    const what = `close socket ${this.#name}`;
    await ask(this.#session, { what, method: "DELETE", path: this.#path(connection), repeatable: true });
  }

  #path(connection) {
    return `/sockets/${segment(this.#name)}/connections/${segment(connection)}`;
  }
}

export async function call(session, name, payload = null) {
  const what = `call function ${name}`;
  const body = toJson(what, payload);
  return await ask(session, { what, method: "POST", path: `/functions/${segment(name)}`, headers: JSON_TYPE, body });
}

/** How long a secret's value is used before it is asked for again, in milliseconds. */
const SECRET_AGE = 5 * 60 * 1000;
/** @type {Map<string, { value: Promise<string>, until: number }>} */
const secrets = new Map();

export async function secret(session, name) {
  let known = secrets.get(name);
  if (known === undefined || known.until < Date.now()) {
    known = { value: readSecret(session, name), until: Date.now() + SECRET_AGE };
    secrets.set(name, known);
    known.value.catch(() => secrets.delete(name));
  }
  return await known.value;
}

async function readSecret(session, name) {
  const call = { what: `read secret ${name}`, method: "GET", path: `/secrets/${segment(name)}`, repeatable: true };
  const response = await responseOf(session, call);
  return (await collect(response, call)).toString();
}

/** One segment of a path. */
function segment(text) {
  if (typeof text !== "string" || text === "") throw new TypeError(`a name or key is a text that is not empty, not ${String(text)}`);
  // A path with `.` or `..` for a segment is another path to many programs.
  return /^\.\.?$/.test(text) ? text.replaceAll(".", "%2E") : encodeURIComponent(text);
}

/** `limit` and `cursor` of one page. */
function bounds({ limit, cursor }) {
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit > 0)) {
    throw new RangeError(`limit is a whole number of at least 1, not ${String(limit)}`);
  }
  return { limit: limit === undefined ? undefined : Math.min(limit, MAX_PAGE), cursor: cursor ?? undefined };
}

/** A misspelt condition would be none. So would one without a value, when what was to give it gave nothing. */
function checkOptions(method, options, known, conditions = []) {
  for (const [name, value] of Object.entries(options)) {
    if (!known.includes(name)) throw new TypeError(`${method}: there is no option "${name}"; there are: ${known.join(", ")}`);
    if (conditions.includes(name) && typeof value !== "string") {
      throw new TypeError(`${method}: ${name} is ${value === undefined ? "undefined" : `a ${typeof value}`}, not the text that a read or write gave`);
    }
  }
}
