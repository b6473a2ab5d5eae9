// The Fetch standard's `Headers`. Node's own costs a cold start some 14 ms (all of undici is loaded with it) and more
// on each request; this one is the same to its users, and `instanceof Headers` holds for both.

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
