// The Fetch standard's `Response`, light: a status, headers and a body as the handler gave it. What is rarely used
// (`clone`, `blob`, `formData`, the body of a text as a stream) is left to Node's own class, made on demand.

import { Headers } from "./headers.mjs";
import { original } from "./originals.mjs";

const NULL_BODY = new Set([204, 205, 304]);
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const TEXT = "text/plain;charset=UTF-8";

export class Response {
  #status;
  #statusText;
  /** @type {Headers | null} made when asked for, or when the handler gave some */
  #headers = null;
  /** @type {string | null} what the standard derives from the body, unless the handler says otherwise */
  #type = null;
  /** @type {string | Uint8Array | ReadableStream | null} */
  #body = null;
  #used = false;
  /** Node's own response, which has taken the body over. */
  #native = null;

  constructor(body = null, init = undefined) {
    const status = init?.status === undefined ? 200 : Number(init.status);
    if (!Number.isInteger(status) || status < 200 || status > 599) {
      throw new RangeError(`Response: the status must be an integer from 200 to 599, not ${String(init.status)}`);
    }
    this.#status = status;
    this.#statusText = init?.statusText === undefined ? "" : String(init.statusText);
    if (init?.headers !== undefined) this.#headers = new Headers(init.headers);
    if (body === null) return;
    if (NULL_BODY.has(status)) throw new TypeError(`Response: a response with status ${status} cannot have a body`);
    this.#take(body);
  }

  #take(body) {
    if (typeof body === "string") {
      this.#body = body;
      this.#type = TEXT;
    } else if (body instanceof Uint8Array) {
      this.#body = body;
    } else if (body instanceof ArrayBuffer) {
      this.#body = new Uint8Array(body);
    } else if (ArrayBuffer.isView(body)) {
      this.#body = new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
    } else if (body instanceof URLSearchParams) {
      this.#body = body.toString();
      this.#type = "application/x-www-form-urlencoded;charset=UTF-8";
    } else if (body instanceof ReadableStream) {
      if (body.locked) throw new TypeError("Response: the stream is locked");
      this.#body = body;
    } else {
      // A Blob, a FormData, an async iterable, or whatever else Node makes a body of.
      const native = new (original("Response"))(body);
      this.#type = native.headers.get("content-type");
      this.#body = native.body;
    }
  }

  static [Symbol.hasInstance](value) {
    if (this !== Response) return Function.prototype[Symbol.hasInstance].call(this, value);
    if (value === null || typeof value !== "object") return false;
    return #status in value || (value[Symbol.toStringTag] === "Response" && value instanceof original("Response"));
  }

  static json(data, init) {
    const text = JSON.stringify(data);
    if (text === undefined) throw new TypeError("Response.json: the value has no JSON form");
    const response = new Response(text, init);
    response.#type = "application/json";
    return response;
  }

  static redirect(url, status = 302) {
    if (!REDIRECTS.has(status)) throw new RangeError(`Response.redirect: ${status} is not a redirect`);
    // The standard resolves the address against the page's; on a server there is none, and a relative one is useful.
    const location = URL.canParse(String(url)) ? new URL(url).href : String(url);
    return new Response(null, { status, headers: { location } });
  }

  static error() {
    return original("Response").error();
  }

  get status() {
    return this.#status;
  }

  get ok() {
    return this.#status >= 200 && this.#status < 300;
  }

  get statusText() {
    return this.#statusText;
  }

  get headers() {
    this.#headers ??= new Headers();
    if (this.#type !== null) {
      if (!this.#headers.has("content-type")) this.#headers.set("content-type", this.#type);
      this.#type = null;
    }
    return this.#headers;
  }

  get type() {
    return "default";
  }

  get url() {
    return "";
  }

  get redirected() {
    return false;
  }

  get body() {
    if (this.#native !== null) return this.#native.body;
    return this.#body === null || this.#body instanceof ReadableStream ? this.#body : this.#toNative().body;
  }

  get bodyUsed() {
    if (this.#native !== null) return this.#native.bodyUsed;
    return this.#used;
  }

  async text() {
    if (this.#isStream()) return this.#toNative().text();
    const body = this.#use();
    return typeof body === "string" ? body : body === null ? "" : new TextDecoder().decode(body);
  }

  async json() {
    return JSON.parse(await this.text());
  }

  async arrayBuffer() {
    if (this.#isStream()) return this.#toNative().arrayBuffer();
    const body = this.#use();
    return new Uint8Array(typeof body === "string" ? Buffer.from(body) : (body ?? [])).buffer;
  }

  async bytes() {
    return new Uint8Array(await this.arrayBuffer());
  }

  async blob() {
    const bytes = await this.arrayBuffer();
    return new Blob([bytes], { type: this.headers.get("content-type") ?? "" });
  }

  async formData() {
    return this.#toNative().formData();
  }

  clone() {
    return this.#toNative().clone();
  }

  get [Symbol.toStringTag]() {
    return "Response";
  }

  [Symbol.for("nodejs.util.inspect.custom")](_depth, options, inspect) {
    return `Response ${inspect({ status: this.#status, headers: this.headers }, options)}`;
  }

  #isStream() {
    return this.#native !== null || this.#body instanceof ReadableStream;
  }

  #use() {
    if (this.#used) throw new TypeError("Response: the body has been read already");
    this.#used = this.#body !== null;
    return this.#body;
  }

  #toNative() {
    if (this.#native === null) {
      const init = { status: this.#status, statusText: this.#statusText, headers: [...this.headers] };
      this.#native = new (original("Response"))(this.#use(), init);
    }
    return this.#native;
  }

  /** Internal: what goes on the wire. `undefined` for a response that is not this class's own. */
  static toWire(response) {
    if (!(#status in response)) return undefined;
    if (response.bodyUsed) throw new TypeError("Response: the body has been read already");
    let headers = response.#headers === null ? [] : Headers.toWire(response.#headers);
    if (response.#type !== null && !(response.#headers?.has("content-type") ?? false)) {
      headers = [...headers, ["content-type", response.#type]];
    }
    return { status: response.#status, headers, body: response.#native === null ? response.#body : response.#native.body };
  }
}
