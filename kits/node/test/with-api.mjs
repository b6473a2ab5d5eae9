// Runs pieces of code in a worker whose `ctx` reaches a data API in memory.

import assert from "node:assert/strict";

import { startDataApi } from "./data-api.mjs";
import { serving } from "./host.mjs";

/** Runs the text that it is sent, as the body of an async function of `ctx` and `request`. */
const HANDLER = `const AsyncFunction = (async () => {}).constructor;
  export default async (request, ctx) => {
    const result = await new AsyncFunction("ctx", "request", request.headers.get("x-run"))(ctx, request);
    return result instanceof Response ? result : Response.json(result ?? null);
  }`;

/** `body` gets a data API and `run(code)`, which gives what the code returned, or throws what it threw. */
export async function withApi(body) {
  const api = await startDataApi();
  try {
    await serving(HANDLER, { env: api.env }, async (host) => {
      const send = (code, options = {}) => {
        return host.http(options.body === undefined ? "GET" : "POST", "/", { ...options, headers: [["x-run", code.replace(/\s+/g, " ")]] });
      };
      const run = async (code, options) => {
        const answer = await send(code, options);
        if (answer.error !== null) throw Object.assign(new Error(answer.error.message), answer.error);
        return answer.json();
      };
      await body({ api, run, send, host });
    });
    assert.deepEqual(api.wrong, []);
  } finally {
    await api.stop();
  }
}

/** What a caught error says of itself. */
export const CAUGHT = "(error) => ({ name: error.name, code: error.code, status: error.status, message: error.message, hint: error.hint })";
