// `ctx`, the second argument of every handler: the invocation, and the way to the project's resources.

/** A part of `ctx` that the provider does not offer. */
export class NotAvailable extends Error {
  constructor(what, provider) {
    super(`ctx.${what} is not available on ${provider} yet`);
    this.name = "NotAvailable";
    this.code = "not-available";
  }
}

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

/** The error of a code, in the class that goes with it. */
export function failure(code, message, more) {
  return new (CLASSES.get(code) ?? SfError)(code, message, more);
}

/**
 * Who runs, the same for every invocation of a worker. `connect` loads what makes the drivers (see data.mjs): a promise of a function of a session,
 * `{ trace, deadline }`. It is null where `ctx` has no resources.
 */
export function identityFrom(env, connect) {
  return {
    function: env.SF_FUNCTION ?? "",
    project: env.SF_PROJECT ?? "",
    stage: env.SF_STAGE ?? "",
    provider: env.SF_PROVIDER ?? "",
    connect,
  };
}

/** What does the work behind `table`, `bucket` and so on is loaded at the first call: a cold start pays only for what it uses. */
let loading = null;
async function load(connect) {
  const [data, driverOf] = await (loading ??= Promise.all([import("./data.mjs"), connect()]));
  return { data, driverOf };
}

/** The versions of the items that were read or written. Here, since it is asked for without waiting. */
export const versions = new WeakMap();

/** One resource, as user code sees it. */
class Resource {
  #open;

  /** `open` gives the resource of data.mjs. */
  constructor(open) {
    this.#open = open;
  }

  /** Internal. */
  async ask(method, ...parameters) {
    const client = await this.#open();
    // `await`, so that an error's stack leads to the user's line.
    return await client[method](...parameters);
  }
}

class Table extends Resource {
  get(key) {
    return this.ask("get", key);
  }

  put(item, options) {
    return this.ask("put", item, options);
  }

  delete(key, options) {
    return this.ask("delete", key, options);
  }

  query(partition, options) {
    return new Pages((page) => this.ask("query", partition, page), options);
  }

  scan(options) {
    return new Pages((page) => this.ask("scan", page), options);
  }

  version(item) {
    return versions.get(item);
  }
}

class Bucket extends Resource {
  get(key, options) {
    return this.ask("get", key, options);
  }

  head(key) {
    return this.ask("head", key);
  }

  put(key, body, options) {
    return this.ask("put", key, body, options);
  }

  delete(key) {
    return this.ask("delete", key);
  }

  list(options) {
    return new Pages((page) => this.ask("list", page), options);
  }

  url(key, options) {
    return this.ask("url", key, options);
  }
}

class Queue extends Resource {
  send(body, options) {
    return this.ask("send", body, options);
  }
}

class Topic extends Resource {
  publish(body, attributes) {
    return this.ask("publish", body, attributes);
  }
}

class Socket extends Resource {
  send(connection, data) {
    return this.ask("send", connection, data);
  }

  close(connection) {
    return this.ask("close", connection);
  }
}

/** A result in pages: iterated over, it fetches them one by one; `page()` gives one. At most `limit` items either way. */
class Pages {
  #fetch;
  #options;

  constructor(fetch, options = {}) {
    this.#fetch = fetch;
    this.#options = options;
  }

  page() {
    return this.#fetch(this.#options);
  }

  async *[Symbol.asyncIterator]() {
    const options = { ...this.#options };
    let left = options.limit ?? Infinity;
    do {
      const { items, cursor } = await this.#fetch(options);
      yield* items.slice(0, left);
      left -= items.length;
      options.cursor = cursor;
      // Who wants more than a first page wants many.
      options.limit = left === Infinity ? MAX_PAGE : left;
    } while (left > 0 && options.cursor !== null);
  }
}

/** The most items that a page can have. */
export const MAX_PAGE = 1000;

export class Context {
  #head;
  #identity;
  #invocation;
  #log = null;

  constructor(head, identity, invocation) {
    this.#head = head;
    this.#identity = identity;
    this.#invocation = invocation;
  }

  /** The route's parameters, percent-decoded: `{ id: "7" }`. */
  get params() {
    return this.#head.params ?? {};
  }

  /** The verified claims, or null. */
  get auth() {
    return this.#head.auth ?? null;
  }

  /** The invocation's id. */
  get id() {
    return this.#head.id;
  }

  get function() {
    return this.#identity.function;
  }

  get project() {
    return this.#identity.project;
  }

  get stage() {
    return this.#identity.stage;
  }

  get provider() {
    return this.#identity.provider;
  }

  /** When the invocation is cut off, a `Date`. */
  get deadline() {
    return new Date(this.#head.deadline_ms);
  }

  /** The W3C `traceparent` of this invocation. */
  get trace() {
    return this.#head.trace ?? "";
  }

  /** Aborts when nobody waits for the answer any more. */
  get signal() {
    return this.#invocation.signal;
  }

  get log() {
    return (this.#log ??= new Log(this));
  }

  table(name) {
    return new Table(this.#opener("table", "Table", name));
  }

  bucket(name) {
    return new Bucket(this.#opener("bucket", "Bucket", name));
  }

  queue(name) {
    return new Queue(this.#opener("queue", "Queue", name));
  }

  topic(name) {
    return new Topic(this.#opener("topic", "Topic", name));
  }

  socket(name) {
    return new Socket(this.#opener("socket", "Socket", name));
  }

  workflow() {
    throw this.#missing("workflow");
  }

  async call(name, payload) {
    const { data, driver } = await this.#open("call");
    return await data.call(driver, name, payload);
  }

  async secret(name) {
    const { data, driver } = await this.#open("secret");
    return await data.secret(driver, name);
  }

  /** What makes a resource of data.mjs, once it is used. */
  #opener(what, kind, name) {
    this.#check(what);
    return async () => {
      const { data, driver } = await this.#open(what);
      return new data[kind](driver, name);
    };
  }

  async #open(what) {
    this.#check(what);
    const { data, driverOf } = await load(this.#identity.connect);
    return { data, driver: driverOf({ trace: this.trace, deadline: this.#head.deadline_ms || Infinity }) };
  }

  #check(what) {
    if (this.#identity.connect === null) throw this.#missing(what);
  }

  #missing(what) {
    return new NotAvailable(what, this.#identity.provider || "this provider");
  }
}

/** Writes one JSON object a line to stdout. */
class Log {
  debug;
  info;
  warn;
  error;

  constructor(context) {
    const at = (level) => (message, fields) => void process.stdout.write(logLine(context, level, message, fields));
    this.debug = at("debug");
    this.info = at("info");
    this.warn = at("warn");
    this.error = at("error");
  }
}

function logLine(context, level, message, fields) {
  const line = {
    time: new Date().toISOString(),
    level,
    message: String(message),
    function: context.function,
    invocation: context.id,
    trace: context.trace.split("-")[1] ?? "",
    fields,
  };
  try {
    return `${JSON.stringify(line, readable)}\n`;
  } catch (error) {
    // A cycle, or a getter that throws: the message must get through all the same.
    return `${JSON.stringify({ ...line, fields: { unprintable: String(error) } })}\n`;
  }
}

/** A replacer for what JSON has no form for. */
function readable(_key, value) {
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Error) return describeError(value);
  return value;
}

/** An error, or whatever else was thrown, as the protocol's ERROR has it. */
export function describeError(thrown) {
  try {
    if (thrown instanceof Error) {
      const message = typeof thrown.hint === "string" ? `${thrown.message}\nhint: ${thrown.hint}` : thrown.message;
      return { name: cut(thrown.name), message: cut(message), stack: cut(thrown.stack ?? "") };
    }
    const message = typeof thrown === "object" ? JSON.stringify(thrown) : String(thrown);
    return { name: "Error", message: cut(message), stack: "" };
  } catch {
    return { name: "Error", message: "a value without a text form was thrown", stack: "" };
  }
}

/** An error's text must fit a frame. */
function cut(text) {
  return String(text).slice(0, 64 * 1024);
}
