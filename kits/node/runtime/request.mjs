// The request that a handler gets: the Fetch standard's `Request` to its users (`instanceof Request` holds), made without
// Node's own class, which costs a cold start some 14 ms. What is rarely used is left to Node's own, made on demand.

import { Headers } from "./headers.mjs";
import { original } from "./originals.mjs";

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
