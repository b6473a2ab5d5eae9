// `ctx`, the second argument of every handler: the invocation, and the way to the project's resources.

/** A part of `ctx` that the provider does not offer. */
export class NotAvailable extends Error {
  constructor(what, provider) {
    super(`ctx.${what} is not available on ${provider} yet`);
    this.name = "NotAvailable";
    this.code = "not-available";
  }
}

/** Who runs: the same for every invocation of a worker. */
export function identityFrom(env) {
  return {
    function: env.SF_FUNCTION ?? "",
    project: env.SF_PROJECT ?? "",
    stage: env.SF_STAGE ?? "",
    provider: env.SF_PROVIDER ?? "",
  };
}

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

  table() {
    throw this.#missing("table");
  }

  bucket() {
    throw this.#missing("bucket");
  }

  queue() {
    throw this.#missing("queue");
  }

  topic() {
    throw this.#missing("topic");
  }

  socket() {
    throw this.#missing("socket");
  }

  workflow() {
    throw this.#missing("workflow");
  }

  call() {
    throw this.#missing("call");
  }

  secret() {
    throw this.#missing("secret");
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
      return { name: cut(thrown.name), message: cut(thrown.message), stack: cut(thrown.stack ?? "") };
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
