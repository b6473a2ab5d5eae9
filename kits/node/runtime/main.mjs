// The worker that the host starts: loads the user's handler, connects, and serves until the connection ends.
// docs/worker-protocol.md describes what passes between them.
//
// The kit is few files because each costs a cold start 0.4 ms.

import { writeSync } from "node:fs";
import { Socket, connect } from "node:net";

import { describeError, identityFrom } from "./context.mjs";
import * as portable from "./messages.mjs";
import { FATAL, READY, encodeJson } from "./protocol.mjs";
import { Worker, loadHandler } from "./worker.mjs";

const KIT = "node/0.1.0";

/** Reads a variable and takes it away from user code. */
function take(name) {
  const value = process.env[name];
  delete process.env[name];
  return value;
}

/** `fd:NUMBER`, `unix:/path` or `tcp:127.0.0.1:PORT`. */
function open(address) {
  const [, scheme, rest] = /^(fd|unix|tcp):(.+)$/s.exec(address ?? "") ?? [];
  if (scheme === "fd") return new Socket({ fd: Number(rest), readable: true, writable: true });
  if (scheme === "unix") return connect(rest);
  const [, host, port] = /^(.+):(\d+)$/.exec(rest ?? "") ?? [];
  if (scheme === "tcp" && port !== undefined) return connect({ host, port: Number(port), noDelay: true });
  throw new Error(`SF_WORKER_SOCKET is not an address: this program is started by the function host`);
}

function crash(thrown) {
  const line = { time: new Date().toISOString(), level: "error", message: "uncaught exception", error: describeError(thrown) };
  try {
    writeSync(2, `${JSON.stringify(line)}\n`);
  } finally {
    process.exit(1);
  }
}

// An unhandled rejection arrives here too. It belongs to no request that could be told about it.
process.on("uncaughtException", crash);

const token = take("SF_WORKER_TOKEN");
const socket = open(take("SF_WORKER_SOCKET"));
// Without the host there is nobody to work for.
socket.on("error", () => process.exit(1));
socket.on("close", () => process.exit(0));

try {
  const [url, dataToken] = [take("SF_DATA_URL"), take("SF_DATA_TOKEN")];
  const connect = url === undefined ? null : async () => (await import("./transport.mjs")).driversOf(url, dataToken);
  const identity = identityFrom(process.env, connect);
  const { callsOf, installGlobals } = process.env.SF_INTERFACE === "lambda" ? await import("./lambda.mjs") : portable;
  installGlobals(identity);
  const handler = await loadHandler(process.env.SF_HANDLER_FILE ?? "", process.env.SF_HANDLER_EXPORT ?? "default");
  new Worker(socket, callsOf(handler, identity));
  socket.write(encodeJson(READY, 0, { token, kit: KIT }));
} catch (error) {
  socket.removeAllListeners("close");
  socket.end(encodeJson(FATAL, 0, error.details ?? { code: "load-failed", ...describeError(error) }), () => process.exit(1));
}
