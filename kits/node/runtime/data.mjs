// What does the work behind `ctx.table`, `ctx.bucket` and the rest, the same on every provider: options and values are checked here, results and errors
// are made here. What a call becomes outside of the process is for the provider's driver (transport.mjs for the host, ../aws for AWS).

import { MAX_PAGE, versions } from "./context.mjs";

const BYTES = "application/octet-stream";

/**
 * What a provider implements. One driver serves one invocation. What goes in and comes out has the names and the meaning of docs/data-api.md; bytes are
 * `Uint8Array`s. A call that fails throws a `failure` with the code of that page.
 * @typedef {object} Driver
 * @property {(table: string, operation: "get" | "put" | "delete" | "query" | "scan", request: object) => Promise<any>} table the request has
 *   whatever the user gave, unchecked: `toJson` says what of it can be written
 * @property {(bucket: string, key: string, range?: [number, number?]) => Promise<Found | null>} readObject
 * @property {(bucket: string, key: string) => Promise<Facts | null>} headObject
 * @property {(bucket: string, key: string, object: NewObject) => Promise<{ etag: string, size: number }>} putObject
 * @property {(bucket: string, key: string) => Promise<void>} deleteObject
 * @property {(bucket: string, page: { prefix?: string, delimiter?: string, limit?: number, cursor?: string }) => Promise<any>} listObjects
 * @property {(bucket: string, key: string, link: { method: string, expires?: number }) => Promise<string>} objectUrl
 * @property {(queue: string, message: string | Uint8Array, options: { delay?: number }) => Promise<{ id: string }>} send a message is JSON, or bytes
 * @property {(topic: string, message: string | Uint8Array, attributes: Record<string, string>) => Promise<{ id: string }>} publish
 * @property {(socket: string, connection: string, frame: string | Uint8Array) => Promise<boolean>} sendFrame whether the client is there
 * @property {(socket: string, connection: string) => Promise<void>} closeConnection
 * @property {(name: string, payload: string) => Promise<any>} call the payload is JSON
 * @property {(name: string) => Promise<string>} secret
 *
 * @typedef {{ size: number, etag: string, contentType: string, metadata: Record<string, string>, modified: Date }} Facts `size` is that of the whole object
 * @typedef {{ facts: Facts, source: import("node:stream").Readable, broken: (cause: Error) => Error }} Found `broken` says that reading the source failed
 * @typedef {object} NewObject
 * @property {string | Uint8Array | AsyncIterable<unknown>} body
 * @property {string} contentType
 * @property {Record<string, string>} metadata names in lower case
 * @property {boolean} ifAbsent
 * @property {string} [ifMatch]
 */

export class Table {
  #driver;
  #name;

  constructor(driver, name) {
    this.#driver = driver;
    this.#name = named(name);
  }

  async get(key) {
    const { item, version } = await this.#driver.table(this.#name, "get", { key });
    return remembered(item, version);
  }

  async put(item, options = {}) {
    checkOptions("put", options, ["ifAbsent", "ifVersion"], ["ifVersion"]);
    const { ifAbsent, ifVersion } = options;
    const answer = await this.#driver.table(this.#name, "put", { item, ifAbsent, ifVersion });
    remembered(item, answer.version);
    return answer;
  }

  async delete(key, options = {}) {
    checkOptions("delete", options, ["ifVersion"], ["ifVersion"]);
    const { existed } = await this.#driver.table(this.#name, "delete", { key, ifVersion: options.ifVersion });
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

  async #page(operation, request, options) {
    const { items, cursor } = await this.#driver.table(this.#name, operation, { ...request, ...bounds(options) });
    return { items: items.map(({ item, version }) => remembered(item, version)), cursor: cursor ?? null };
  }
}

function remembered(item, version) {
  if (item !== null) versions.set(item, version);
  return item;
}

export class Bucket {
  #driver;
  #name;

  constructor(driver, name) {
    this.#driver = driver;
    this.#name = named(name);
  }

  async get(key, options = {}) {
    checkOptions("get", options, ["range"]);
    if (options.range !== undefined) checkRange(options.range);
    const found = await this.#driver.readObject(this.#name, named(key), options.range);
    return found === null ? null : new StoredObject(found, `get ${key} of bucket ${this.#name}`);
  }

  async head(key) {
    return await this.#driver.headObject(this.#name, named(key));
  }

  async put(key, content, options = {}) {
    checkOptions("put", options, ["contentType", "metadata", "ifAbsent", "ifMatch"], ["ifMatch"]);
    const { body, type } = bodyOf(content);
    const { contentType = type, ifMatch } = options;
    const object = { body, contentType, metadata: checkedMetadata(options.metadata), ifAbsent: options.ifAbsent === true, ifMatch };
    return await this.#driver.putObject(this.#name, named(key), object);
  }

  async delete(key) {
    await this.#driver.deleteObject(this.#name, named(key));
  }

  async list(options) {
    checkOptions("list", options, ["prefix", "delimiter", "limit", "cursor"]);
    const { prefix, delimiter } = options;
    const answer = await this.#driver.listObjects(this.#name, { prefix, delimiter, ...bounds(options) });
    const items = answer.objects.map((object) => ({ ...object, modified: new Date(object.modified) }));
    return { items, prefixes: answer.prefixes, cursor: answer.cursor ?? null };
  }

  async url(key, options = {}) {
    checkOptions("url", options, ["method", "expires"]);
    return await this.#driver.objectUrl(this.#name, named(key), { method: options.method ?? "GET", expires: options.expires });
  }
}

/** An object that was found: what is known of it, and its bytes, which are read once. */
class StoredObject {
  #found;
  #what;
  #stream = null;
  #used = false;

  constructor(found, what) {
    this.#found = found;
    this.#what = what;
    Object.assign(this, found.facts);
  }

  get body() {
    if (this.#stream === null) {
      this.#use();
      this.#stream = streamOf(this.#found.source, this.#found.broken);
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
    return collect(this.#found.source, this.#found.broken);
  }

  #use() {
    if (this.#used) throw new TypeError(`${this.#what}: the body has been read already`);
    this.#used = true;
  }
}

/** All of a stream. */
export function collect(source, broken) {
  return new Promise((resolve, reject) => {
    // Its time was over before anybody read it; it has told that to nobody.
    if (source.destroyed) return reject(broken(source.errored ?? new Error("the connection is closed")));
    const chunks = [];
    source.on("data", (chunk) => chunks.push(chunk));
    source.on("end", () => resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)));
    source.on("error", (cause) => reject(broken(cause)));
  });
}

/** What a body's stream gave, if it can be sent. */
export function checkedChunk(chunk) {
  if (typeof chunk === "string" || chunk instanceof Uint8Array) return chunk;
  throw new TypeError(`the body's stream gave ${chunk === null ? "null" : `a ${typeof chunk}`} in place of bytes or text`);
}

/** A stream of Node's as one of bytes that reads no faster than its reader. */
function streamOf(source, broken) {
  const chunks = source[Symbol.asyncIterator]();
  return new ReadableStream(
    {
      type: "bytes",
      async pull(controller) {
        const { done, value } = await chunks.next().catch((cause) => {
          throw broken(cause);
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
        source.destroy();
        await chunks.return();
      },
    },
    { highWaterMark: 0 },
  );
}

function checkRange([from, to]) {
  const isPosition = (value) => Number.isSafeInteger(value) && value >= 0;
  if (!isPosition(from) || !(to === undefined || isPosition(to))) {
    throw new TypeError("get: a range is [first, last], both of them positions of bytes, or [first]");
  }
}

function checkedMetadata(metadata = {}) {
  const checked = {};
  for (const [name, value] of Object.entries(metadata)) {
    if (!/^[\w-]+$/.test(name) || typeof value !== "string" || !/^[\x20-\x7e]*$/.test(value)) {
      throw new TypeError(`put: metadata "${name}": names are letters, digits, - and _, values are text of ASCII characters`);
    }
    checked[name.toLowerCase()] = value;
  }
  return checked;
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
  #driver;
  #name;

  constructor(driver, name) {
    this.#driver = driver;
    this.#name = named(name);
  }

  async send(body, options = {}) {
    checkOptions("send", options, ["delay"]);
    return await this.#driver.send(this.#name, bytesOf(body) ?? toJson(`send queue ${this.#name}`, body), options);
  }
}

export class Topic {
  #driver;
  #name;

  constructor(driver, name) {
    this.#driver = driver;
    this.#name = named(name);
  }

  async publish(body, attributes = {}) {
    const what = `publish topic ${this.#name}`;
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value !== "string") throw new TypeError(`${what}: attribute "${name}" is a ${typeof value}, not text`);
    }
    return await this.#driver.publish(this.#name, bytesOf(body) ?? toJson(what, body), attributes);
  }
}

export class Socket {
  #driver;
  #name;

  constructor(driver, name) {
    this.#driver = driver;
    this.#name = named(name);
  }

  async send(connection, data) {
    const frame = bytesOf(data) ?? (typeof data === "string" ? data : toJson(`send socket ${this.#name}`, data));
    return await this.#driver.sendFrame(this.#name, named(connection), frame);
  }

  async close(connection) {
    await this.#driver.closeConnection(this.#name, named(connection));
  }
}

export async function call(driver, name, payload = null) {
  return await driver.call(named(name), toJson(`call function ${name}`, payload));
}

/** How long a secret's value is used before it is asked for again, in milliseconds. */
const SECRET_AGE = 5 * 60 * 1000;
/** @type {Map<string, { value: Promise<string>, until: number }>} */
const secrets = new Map();

export async function secret(driver, name) {
  let known = secrets.get(name);
  if (known === undefined || known.until < Date.now()) {
    known = { value: driver.secret(named(name)), until: Date.now() + SECRET_AGE };
    secrets.set(name, known);
    known.value.catch(() => secrets.delete(name));
  }
  return await known.value;
}

function named(text) {
  if (typeof text !== "string" || text === "") throw new TypeError(`a name or key is a text that is not empty, not ${String(text)}`);
  return text;
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
