// What an HTTP handler returned, as status, headers and body.

import { Response } from "./response.mjs";

const TEXT = "text/plain; charset=utf-8";
/** What undici has undone when it hands a fetched body over, and what concerns one connection only. */
const NOT_FORWARDED = new Set(["connection", "content-encoding", "content-length", "keep-alive", "transfer-encoding"]);

/** `body` is a string, a Uint8Array, a ReadableStream or null. */
export function toWire(result) {
  if (result === undefined || result === null) return { status: 204, headers: [], body: null };
  if (typeof result === "string") return { status: 200, headers: [["content-type", TEXT]], body: result };
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
