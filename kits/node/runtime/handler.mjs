// Finds the user's handler.

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { describeError } from "./context.mjs";

/** Why a worker cannot start; `code` and the rest are what a FATAL frame carries. */
export class LoadError extends Error {
  constructor(code, message, stack = "") {
    super(message);
    this.code = code;
    this.details = { code, message, stack };
  }
}

/** The function that `file` exports under `name`. Throws a LoadError. */
export async function loadHandler(file, name) {
  const path = resolve(file);
  if (!existsSync(path)) throw new LoadError("handler-file-missing", `the handler's file \`${file}\` is not in the artifact`);
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

/**
 * ESM has the export itself. A CommonJS module arrives as its `module.exports` under `default`, with only those names beside it that
 * Node could tell without running it; compiled TypeScript has a `default` within that.
 */
function pick(module, name) {
  const own = module[name];
  const exports = module.default;
  if (name === "default") return typeof own === "function" ? own : (own?.default ?? own);
  if (own !== undefined) return own;
  return exports !== null && (typeof exports === "object" || typeof exports === "function") ? exports[name] : undefined;
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
