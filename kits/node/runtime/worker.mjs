// One connection to the host: frames in, invocations of the handler, frames out.

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
