// Puts the light classes in the place of Node's own, before user code is loaded.

import { Headers } from "./headers.mjs";
import { original } from "./originals.mjs";
import { IncomingRequest } from "./request.mjs";
import { Response } from "./response.mjs";

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
