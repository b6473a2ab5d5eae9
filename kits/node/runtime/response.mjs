// The Fetch standard's `Headers` and `Response`, light: made without Node's own classes, whose loading costs a cold start some 14 ms (all of
// undici is loaded with them) and whose making costs a warm call more than all the rest of it. They are the same to their users, and
// `instanceof` holds for both kinds. What is rarely used is left to Node's own, made on demand.

// Node's own classes behind the global names that the kit replaces, loaded when first needed: loading any of them loads
// all of undici.
const names = ["Headers", "Request", "Response"];
const found = new Map();
const properties = new Map(names.map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]));

/** Node's own `Headers`, `Request` or `Response`. */
export function original(name) {
  let value = found.get(name);
  if (value === undefined) {
    const property = properties.get(name);
    // Node's getter puts what it loaded in the global's place: put back what was there.
    const ours = Object.getOwnPropertyDescriptor(globalThis, name);
    value = property.get === undefined ? property.value : property.get.call(globalThis);
    Object.defineProperty(globalThis, name, ours);
    found.set(name, value);
  }
  return value;
}

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const BAD_VALUE = /[\0\r\n]|[^\0-\xff]/;
const EDGES = /^[\t\n\r ]+|[\t\n\r ]+$/g;

/** Header fields, in order, names in lower case. */
export class Headers {
  /** @type {[string, string][]} */
  #list = [];

  constructor(init) {
    if (init === undefined) return;
    if (init === null || typeof init !== "object") {
      throw new TypeError("Headers: the argument is neither an object nor a sequence of pairs");
    }
    if (#list in init) {
      this.#list = [...init.#list];
    } else if (typeof init[Symbol.iterator] === "function") {
      for (const pair of init) {
        const entry = [...pair];
        if (entry.length !== 2) throw new TypeError("Headers: a pair needs a name and a value");
        this.append(entry[0], entry[1]);
      }
    } else {
      for (const name of Reflect.ownKeys(init)) {
        const property = Object.getOwnPropertyDescriptor(init, name);
        if (property?.enumerable) this.append(name, init[name]);
      }
    }
  }

  static [Symbol.hasInstance](value) {
    if (this !== Headers) return Function.prototype[Symbol.hasInstance].call(this, value);
    if (value === null || typeof value !== "object") return false;
    return #list in value || (value[Symbol.toStringTag] === "Headers" && value instanceof original("Headers"));
  }

  append(name, value) {
    this.#list.push([checkedName(name), checkedValue(name, value)]);
  }

  delete(name) {
    const wanted = checkedName(name);
    this.#list = this.#list.filter((entry) => entry[0] !== wanted);
  }

  get(name) {
    const wanted = checkedName(name);
    let found = null;
    for (const [key, value] of this.#list) {
      if (key === wanted) found = found === null ? value : `${found}, ${value}`;
    }
    return found;
  }

  getSetCookie() {
    return this.#list.filter(([name]) => name === "set-cookie").map(([, value]) => value);
  }

  has(name) {
    const wanted = checkedName(name);
    return this.#list.some((entry) => entry[0] === wanted);
  }

  set(name, value) {
    const wanted = checkedName(name);
    const checked = checkedValue(name, value);
    const at = this.#list.findIndex((entry) => entry[0] === wanted);
    if (at < 0) {
      this.#list.push([wanted, checked]);
    } else {
      this.#list = this.#list.filter((entry, index) => index <= at || entry[0] !== wanted);
      this.#list[at] = [wanted, checked];
    }
  }

  forEach(callback, thisArg) {
    for (const [name, value] of this) callback.call(thisArg, value, name, this);
  }

  *keys() {
    for (const [name] of this) yield name;
  }

  *values() {
    for (const [, value] of this) yield value;
  }

  /** Sorted by name and combined, but for `set-cookie`, which is never combined. */
  *entries() {
    const names = [...new Set(this.#list.map((entry) => entry[0]))].sort();
    for (const name of names) {
      if (name === "set-cookie") for (const cookie of this.getSetCookie()) yield [name, cookie];
      else yield [name, this.get(name)];
    }
  }

  [Symbol.iterator]() {
    return this.entries();
  }

  get [Symbol.toStringTag]() {
    return "Headers";
  }

  [Symbol.for("nodejs.util.inspect.custom")](_depth, options, inspect) {
    return `Headers ${inspect(Object.fromEntries(this), options)}`;
  }

  /** Internal: headers from the wire, which the host has checked. */
  static fromWire(pairs) {
    const headers = new Headers();
    headers.#list = pairs.map(([name, value]) => [name.toLowerCase(), value]);
    return headers;
  }

  /** Internal: the fields as they go on the wire. */
  static toWire(headers) {
    return headers.#list;
  }
}

function checkedName(name) {
  const text = typeof name === "string" ? name : String(name);
  if (!NAME.test(text)) throw new TypeError(`Headers: "${text}" is not a header name`);
  return text.toLowerCase();
}

function checkedValue(name, value) {
  const text = String(value).replace(EDGES, "");
  if (BAD_VALUE.test(text)) {
    throw new TypeError(`Headers: the value of "${String(name)}" holds a character that a header cannot carry`);
  }
  return text;
}

const NULL_BODY = new Set([204, 205, 304]);
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const TEXT = "text/plain;charset=UTF-8";

/** A status, headers and a body as the handler gave it. */
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
