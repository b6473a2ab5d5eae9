// The user's handler, loaded, and one connection to the host: frames in, invocations of the handler, frames out.

import { statSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { describeError } from "./context.mjs";
import { BODY, CANCEL, CREDIT, END, ERROR, FrameReader, IncomingBody, OutgoingBody, REQUEST, WINDOW } from "./protocol.mjs";
import { decodeRequest, encodeBodyPrefix, encodeJson, encodeResponse, parseWithBytes, reviveBytes } from "./protocol.mjs";

/** Up to so many bytes, frames of one turn are joined to one write; beyond, copying costs more than it saves. */
const JOIN = 64 * 1024;

/** Coalesces what is written in one turn of the event loop. */
export class Connection {
  #socket;
  #pending = [];
  #size = 0;
  #flush = () => {
    const pending = this.#pending;
    const size = this.#size;
    this.#pending = [];
    this.#size = 0;
    if (pending.length === 1) {
      this.#socket.write(pending[0]);
    } else if (size <= JOIN) {
      this.#socket.write(Buffer.concat(pending, size));
    } else {
      this.#socket.cork();
      for (const bytes of pending) this.#socket.write(bytes);
      this.#socket.uncork();
    }
  };

  constructor(socket) {
    this.#socket = socket;
  }

  /** Queues bytes; they leave together once all that is runnable now has run. */
  write(bytes) {
    if (this.#pending.length === 0) process.nextTick(this.#flush);
    this.#pending.push(bytes);
    this.#size += bytes.length;
  }
}

/** A request that has not been answered in full. */
class Invocation {
  /** @type {IncomingBody} */
  incoming;
  /** @type {OutgoingBody | null} */
  outgoing = null;
  cancelled = false;
  #abort = null;

  /** Made only for handlers that look at it. */
  get signal() {
    if (this.#abort === null) {
      this.#abort = new AbortController();
      if (this.cancelled) this.#abort.abort();
    }
    return this.#abort.signal;
  }

  cancel() {
    this.cancelled = true;
    this.outgoing?.stop();
    this.incoming.fail(new DOMException("the request was cancelled", "AbortError"));
    this.#abort?.abort();
  }
}

export class Worker {
  #connection;
  #calls;
  /** @type {Map<number, Invocation>} */
  #invocations = new Map();
  #reader = new FrameReader((type, id, payload) => this.#frame(type, id, payload));

  /**
   * `calls` is the calling convention around the user's handler: `http(head, invocation)` gives a status, headers and a body (a string, a
   * Uint8Array, a ReadableStream or null), `event(head, invocation)` the value to answer with.
   */
  constructor(socket, calls) {
    this.#connection = new Connection(socket);
    this.#calls = calls;
    socket.on("data", (chunk) => this.#reader.push(chunk));
  }

  #frame(type, id, payload) {
    if (type === REQUEST) {
      this.#start(id, payload);
      return;
    }
    // A request that is over: its frames crossed ours on the way.
    const invocation = this.#invocations.get(id);
    if (invocation === undefined) return;
    if (type === BODY) {
      invocation.incoming.push(payload.subarray(1), (payload[0] & END) !== 0);
    } else if (type === CREDIT) {
      invocation.outgoing?.credit(payload.readUInt32BE(0));
    } else if (type === CANCEL) {
      this.#invocations.delete(id);
      invocation.cancel();
    }
  }

  #start(id, payload) {
    const { head, body, ended } = decodeRequest(payload);
    const invocation = new Invocation();
    invocation.incoming = new IncomingBody(this.#connection, id, body, ended);
    this.#invocations.set(id, invocation);
    void this.#run(id, head, invocation);
  }

  /** Never rejects: what the handler throws becomes an ERROR frame. */
  async #run(id, head, invocation) {
    try {
      if (head.kind === "http") {
        const { status, headers, body } = await this.#calls.http(head, invocation);
        const bodiless = head.method === "HEAD" || status === 204 || status === 304;
        await this.#respond(id, invocation, status, headers, body, bodiless);
      } else {
        const json = JSON.stringify((await this.#calls.event(head, invocation)) ?? null) ?? "null";
        await this.#respond(id, invocation, 200, [["content-type", "application/json"]], json, false);
      }
    } catch (thrown) {
      if (!invocation.cancelled) this.#connection.write(encodeJson(ERROR, id, describeError(thrown)));
    }
    this.#invocations.delete(id);
  }

  async #respond(id, invocation, status, headers, body, bodiless) {
    if (bodiless || body === null) {
      if (!invocation.cancelled) this.#connection.write(encodeResponse(id, status, headers, null, true));
      if (typeof body?.cancel === "function") await body.cancel().catch(() => {});
    } else if (typeof body === "string" || body instanceof Uint8Array) {
      await this.#respondWhole(id, invocation, status, headers, body);
    } else {
      await this.#respondStream(id, invocation, status, headers, body);
    }
  }

  async #respondWhole(id, invocation, status, headers, body) {
    if (invocation.cancelled) return;
    // A character takes at most three bytes of UTF-8.
    if (body.length * 3 <= WINDOW) {
      this.#connection.write(encodeResponse(id, status, headers, body, true));
      return;
    }
    const bytes = typeof body === "string" ? Buffer.from(body) : body;
    invocation.outgoing = new OutgoingBody(this.#connection, id, 0);
    this.#connection.write(encodeResponse(id, status, headers, null, false));
    await invocation.outgoing.send(bytes, true);
  }

  async #respondStream(id, invocation, status, headers, stream) {
    const reader = stream.getReader();
    if (invocation.cancelled) return void (await reader.cancel());
    const outgoing = new OutgoingBody(this.#connection, id, 0);
    invocation.outgoing = outgoing;
    // A source that waits for the next bytes must hear of the cancellation too.
    invocation.signal.addEventListener("abort", () => void reader.cancel(invocation.signal.reason).catch(() => {}));
    // The head goes before the first bytes are known: a stream of events may be silent for long.
    this.#connection.write(encodeResponse(id, status, headers, null, false));
    for (;;) {
      const { done, value } = await reader.read();
      if (invocation.cancelled) return;
      if (done) break;
      if (!(value instanceof Uint8Array)) {
        await reader.cancel();
        throw new TypeError("Response: the body's stream gave something other than bytes (Uint8Array)");
      }
      if (value.length > 0 && !(await outgoing.send(value, false))) return;
    }
    this.#connection.write(encodeBodyPrefix(id, 0, true));
  }
}

/** The event with its data: parsed JSON, a string for `text/…`, else bytes; no `data` where JSON would be and nothing is. */
export async function cloudEvent({ event }, incoming) {
  const bytes = await incoming.collect();
  const type = event.datacontenttype;
  if (isJson(type)) {
    if (bytes.length === 0) return event;
    const text = bytes.utf8Slice(0, bytes.length);
    event.data = parseData(event.type, text);
  } else {
    event.data = /^text\//i.test(type) ? bytes.utf8Slice(0, bytes.length) : new Uint8Array(bytes);
  }
  return event;
}

/** Where data has bytes, written as `{"$bytes"}`: anywhere in a table's items, and as a whole message. Elsewhere such an object is the user's own. */
function parseData(type, text) {
  if (type === "sf.table") return parseWithBytes(text);
  const data = JSON.parse(text);
  if (type === "sf.queue") for (const message of data.messages) message.body = reviveBytes("body", message.body);
  return data;
}

/** CloudEvents 1.0, 3.1: no `datacontenttype` means JSON; so does any subtype `json` or `…+json`. */
function isJson(type) {
  return type === undefined || type === null || /^[^;]*[/+]json\s*(;|$)/i.test(type);
}

/** Why the user's code cannot be called; `code` and the rest are what a FATAL frame carries. */
class LoadError extends Error {
  constructor(code, message, stack = "") {
    super(message);
    this.code = code;
    this.details = { code, message, stack };
  }
}

/** The function that `file`, below `root`, exports under `name`. Throws a LoadError. */
export async function loadHandler(file, name, root = process.cwd()) {
  const path = findFile(root, file);
  if (path === undefined) throw new LoadError("handler-file-missing", `the handler's file \`${file}\` is not in the artifact`);
  let module;
  try {
    module = await import(pathToFileURL(path).href);
  } catch (thrown) {
    const { name: kind, message, stack } = describeError(thrown);
    const detail = thrown instanceof SyntaxError ? await syntaxDetail(path, stack) : stack;
    throw new LoadError("load-failed", `loading \`${file}\` failed: ${kind}: ${message}`, detail);
  }
  const value = pick(module, name);
  if (typeof value === "function") return value;
  const what = value === undefined ? `has no export \`${name}\`` : `exports \`${name}\`, but it is not a function`;
  const names = exportedNames(module);
  const has = names.length === 0 ? "it exports nothing" : `it exports: ${names.join(", ")}`;
  throw new LoadError("export-missing", `\`${file}\` ${what}; ${has}`);
}

/** Lambda's `legacy/orders.handler` names the file without its extension. */
function findFile(root, file) {
  const endings = process.env.SF_INTERFACE === "lambda" ? ["", ".js", ".mjs", ".cjs"] : [""];
  const paths = endings.map((ending) => resolve(root, file + ending));
  return paths.find((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
}

/**
 * ESM has the name itself. A CommonJS module arrives as its `module.exports` under `default`, with only those names beside it that
 * Node could tell without running it; compiled TypeScript has a `default` within that. A name with dots is a path into an object.
 */
function pick(module, name) {
  const own = module[name];
  const exports = module.default;
  if (name === "default") return typeof own === "function" ? own : (own?.default ?? own);
  if (own !== undefined) return own;
  if (exports?.[name] !== undefined) return exports[name];
  const dot = name.indexOf(".");
  return dot < 0 ? undefined : name.slice(dot + 1).split(".").reduce((value, key) => value?.[key], pick(module, name.slice(0, dot)));
}

function exportedNames(module) {
  const inner = module.default !== null && typeof module.default === "object" ? Object.keys(module.default) : [];
  return [...new Set([...Object.keys(module), ...inner])].filter((key) => key !== "module.exports" && key !== "__esModule").sort();
}

/** A syntax error's stack names no line of the user's file; Node's own check does. */
async function syntaxDetail(path, stack) {
  if (stack.includes(path)) return stack;
  const { spawnSync } = await import("node:child_process");
  const { stderr } = spawnSync(process.execPath, ["--check", path], { encoding: "utf8", timeout: 5000 });
  return stderr ? stderr.trim() : stack;
}
