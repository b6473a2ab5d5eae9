// The worker that the host starts: loads the user's handler, connects, and serves until the connection ends.
// docs/worker-protocol.md describes what passes between them.
//
// The kit is few files because each costs a cold start 0.4 ms.

import { statSync, writeSync } from "node:fs";
import { Socket, connect } from "node:net";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { describeError, identityFrom } from "./context.mjs";
import * as portable from "./messages.mjs";
import { FATAL, READY, encodeJson } from "./protocol.mjs";
import { Worker } from "./worker.mjs";

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

/** Why a worker cannot start; `code` and the rest are what a FATAL frame carries. */
class LoadError extends Error {
  constructor(code, message, stack = "") {
    super(message);
    this.code = code;
    this.details = { code, message, stack };
  }
}

/** The function that `file` exports under `name`. Throws a LoadError. */
async function loadHandler(file, name) {
  const path = findFile(file);
  if (path === undefined) throw new LoadError("handler-file-missing", `the handler's file \`${file}\` is not in the artifact`);
  let module;
  try {
    module = await import(pathToFileURL(path).href);
  } catch (thrown) {
    const { name: kind, message, stack } = describeError(thrown);
    const detail = thrown instanceof SyntaxError ? await syntaxDetail(path, stack) : stack;
    throw new LoadError("load-failed", `loading \`${file}\` failed: ${kind}: ${message}`, detail);
  }
  const value = pick(module, name);
  if (typeof value === "function") return value;
  const what = value === undefined ? `has no export \`${name}\`` : `exports \`${name}\`, but it is not a function`;
  const names = exportedNames(module);
  const has = names.length === 0 ? "it exports nothing" : `it exports: ${names.join(", ")}`;
  throw new LoadError("export-missing", `\`${file}\` ${what}; ${has}`);
}

/** Lambda's `legacy/orders.handler` names the file without its extension. */
function findFile(file) {
  const endings = process.env.SF_INTERFACE === "lambda" ? ["", ".js", ".mjs", ".cjs"] : [""];
  const paths = endings.map((ending) => resolve(file + ending));
  return paths.find((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
}

/**
 * ESM has the name itself. A CommonJS module arrives as its `module.exports` under `default`, with only those names beside it that
 * Node could tell without running it; compiled TypeScript has a `default` within that. A name with dots is a path into an object.
 */
function pick(module, name) {
  const own = module[name];
  const exports = module.default;
  if (name === "default") return typeof own === "function" ? own : (own?.default ?? own);
  if (own !== undefined) return own;
  if (exports?.[name] !== undefined) return exports[name];
  const dot = name.indexOf(".");
  return dot < 0 ? undefined : name.slice(dot + 1).split(".").reduce((value, key) => value?.[key], pick(module, name.slice(0, dot)));
}

function exportedNames(module) {
  const inner = module.default !== null && typeof module.default === "object" ? Object.keys(module.default) : [];
  return [...new Set([...Object.keys(module), ...inner])].filter((key) => key !== "module.exports" && key !== "__esModule").sort();
}

/** A syntax error's stack names no line of the user's file; Node's own check does. */
async function syntaxDetail(path, stack) {
  if (stack.includes(path)) return stack;
  const { spawnSync } = await import("node:child_process");
  const { stderr } = spawnSync(process.execPath, ["--check", path], { encoding: "utf8", timeout: 5000 });
  return stderr ? stderr.trim() : stack;
}

// An unhandled rejection arrives here too. It belongs to no request that could be told about it.
process.on("uncaughtException", crash);

const token = take("SF_WORKER_TOKEN");
const socket = open(take("SF_WORKER_SOCKET"));
// Without the host there is nobody to work for.
socket.on("error", () => process.exit(1));
socket.on("close", () => process.exit(0));

try {
  const identity = identityFrom(process.env, { url: take("SF_DATA_URL"), token: take("SF_DATA_TOKEN") });
  const { callsOf, installGlobals } = process.env.SF_INTERFACE === "lambda" ? await import("./lambda.mjs") : portable;
  installGlobals(identity);
  const handler = await loadHandler(process.env.SF_HANDLER_FILE ?? "", process.env.SF_HANDLER_EXPORT ?? "default");
  new Worker(socket, callsOf(handler, identity));
  socket.write(encodeJson(READY, 0, { token, kit: KIT }));
} catch (error) {
  socket.removeAllListeners("close");
  socket.end(encodeJson(FATAL, 0, error.details ?? { code: "load-failed", ...describeError(error) }), () => process.exit(1));
}
