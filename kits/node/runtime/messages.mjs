// The portable interface: the Fetch standard's `Request` as a handler gets it, what becomes of the handler's answer, and the globals.
// Light, as response.mjs says.

import { Context } from "./context.mjs";
import { Headers, Response, original } from "./response.mjs";
import { cloudEvent } from "./worker.mjs";

/** The request that a handler gets; `instanceof Request` holds. */
export class IncomingRequest {
  #head;
  #incoming;
  #invocation;
  #headers = null;
  #stream = null;
  #used = false;
  #native = null;

  /** `incoming` is an IncomingBody; `invocation` gives the abort signal. */
  constructor(head, incoming, invocation) {
    this.#head = head;
    this.#incoming = incoming.isEmpty ? null : incoming;
    this.#invocation = invocation;
  }

  get method() {
    return this.#head.method;
  }

  get url() {
    return this.#head.url;
  }

  get headers() {
    return (this.#headers ??= Headers.fromWire(this.#head.headers));
  }

  get signal() {
    return this.#invocation.signal;
  }

  get body() {
    if (this.#native !== null) return this.#native.body;
    if (this.#incoming === null) return null;
    const incoming = this.#incoming;
    this.#stream ??= new ReadableStream(
      {
        type: "bytes",
        pull: async (controller) => {
          this.#used = true;
          const chunk = await incoming.read();
          if (chunk === null) {
            controller.close();
            controller.byobRequest?.respond(0);
          } else {
            // A copy: enqueueing takes the memory over, and the chunk shares its with other frames.
            controller.enqueue(new Uint8Array(chunk));
          }
        },
        cancel: () => void (this.#used = true),
      },
      { highWaterMark: 0 },
    );
    return this.#stream;
  }

  get bodyUsed() {
    return this.#native === null ? this.#used : this.#native.bodyUsed;
  }

  async text() {
    if (this.#native !== null) return this.#native.text();
    const bytes = this.#collect();
    const buffer = bytes instanceof Promise ? await bytes : bytes;
    const text = buffer.utf8Slice(0, buffer.length);
    return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  }

  async json() {
    return JSON.parse(await this.text());
  }

  async bytes() {
    if (this.#native !== null) return new Uint8Array(await this.#native.arrayBuffer());
    return new Uint8Array(await this.#collect());
  }

  async arrayBuffer() {
    return (await this.bytes()).buffer;
  }

  async blob() {
    return new Blob([await this.bytes()], { type: this.headers.get("content-type") ?? "" });
  }

  async formData() {
    return this.#toNative().formData();
  }

  clone() {
    return this.#toNative().clone();
  }

  get cache() {
    return "default";
  }

  get credentials() {
    return "same-origin";
  }

  get destination() {
    return "";
  }

  get duplex() {
    return "half";
  }

  get integrity() {
    return "";
  }

  get keepalive() {
    return false;
  }

  get mode() {
    return "cors";
  }

  get redirect() {
    return "follow";
  }

  get referrer() {
    return "about:client";
  }

  get referrerPolicy() {
    return "";
  }

  get [Symbol.toStringTag]() {
    return "Request";
  }

  [Symbol.for("nodejs.util.inspect.custom")](_depth, options, inspect) {
    return `Request ${inspect({ method: this.method, url: this.url, headers: this.headers }, options)}`;
  }

  #collect() {
    if (this.#used || this.#stream?.locked) throw new TypeError("Request: the body has been read already");
    if (this.#incoming === null) return Buffer.alloc(0);
    this.#used = true;
    return this.#incoming.collect();
  }

  #toNative() {
    if (this.#native === null) {
      if (this.#used) throw new TypeError("Request: the body has been read already");
      const bodiless = this.method === "GET" || this.method === "HEAD";
      this.#native = new (original("Request"))(this.url, {
        method: this.method,
        headers: [...this.headers],
        body: bodiless ? null : this.body,
        duplex: "half",
        signal: this.signal,
      });
    }
    return this.#native;
  }

  /** Internal: Node's own request in place of one of ours; anything else as it is. */
  static unwrap(value) {
    return value !== null && typeof value === "object" && #head in value ? value.#toNative() : value;
  }
}

const CONVENIENT_TEXT = "text/plain; charset=utf-8";
/** What undici has undone when it hands a fetched body over, and what concerns one connection only. */
const NOT_FORWARDED = new Set(["connection", "content-encoding", "content-length", "keep-alive", "transfer-encoding"]);

/** `body` is a string, a Uint8Array, a ReadableStream or null. */
export function resultToWire(result) {
  if (result === undefined || result === null) return { status: 204, headers: [], body: null };
  if (typeof result === "string") return { status: 200, headers: [["content-type", CONVENIENT_TEXT]], body: result };
  if (typeof result === "object") {
    const wire = Response.toWire(result);
    if (wire !== undefined) return wire;
    if (isResponse(result)) return nativeToWire(result);
    if (result instanceof Uint8Array) {
      return { status: 200, headers: [["content-type", "application/octet-stream"]], body: result };
    }
  }
  const json = JSON.stringify(result);
  if (json === undefined) throw new TypeError(`the handler returned a ${typeof result}, which is no response`);
  return { status: 200, headers: [["content-type", "application/json"]], body: json };
}

/** Node's own response, or that of another implementation of the standard. */
function isResponse(value) {
  return typeof value.status === "number" && typeof value.arrayBuffer === "function" && typeof value.headers?.get === "function";
}

function nativeToWire(response) {
  if (response.status === 0) throw new TypeError("the handler returned Response.error()");
  if (response.bodyUsed) throw new TypeError("Response: the body has been read already");
  const fetched = response.url !== "";
  const headers = [...response.headers].filter(([name]) => !(fetched && NOT_FORWARDED.has(name)));
  return { status: response.status, headers, body: response.body };
}

/** The portable interface: a `Request` or a CloudEvent, and `ctx`. */
export function callsOf(handler, identity) {
  return {
    async http(head, invocation) {
      const request = new IncomingRequest(head, invocation.incoming, invocation);
      return resultToWire(await handler(request, new Context(head, identity, invocation)));
    },
    async event(head, invocation) {
      return handler(await cloudEvent(head, invocation.incoming), new Context(head, identity, invocation));
    },
  };
}

/** Puts the light classes in the place of Node's own, before user code is loaded. */
export function installGlobals() {
  const nativeFetch = globalThis.fetch;
  define("Headers", { value: Headers, writable: true });
  define("Response", { value: Response, writable: true });
  define("fetch", {
    value: function fetch(input, init) {
      return nativeFetch(IncomingRequest.unwrap(input), init);
    },
    writable: true,
    enumerable: true,
  });
  // Nobody can ask `instanceof Request` before reading the global, so Node's class is loaded only then.
  define("Request", {
    get() {
      const request = requestClass();
      define("Request", { value: request, writable: true });
      return request;
    },
    set(value) {
      define("Request", { value, writable: true });
    },
  });
}

/** Node's `Request`, of which the incoming requests become instances, and which can be made from one of them. */
function requestClass() {
  const native = original("Request");
  Object.setPrototypeOf(IncomingRequest.prototype, native.prototype);
  const proxy = new Proxy(native, {
    construct(target, [input, ...rest], newTarget) {
      return Reflect.construct(target, [IncomingRequest.unwrap(input), ...rest], newTarget === proxy ? target : newTarget);
    },
  });
  return proxy;
}

function define(name, property) {
  Object.defineProperty(globalThis, name, { configurable: true, enumerable: false, ...property });
}
