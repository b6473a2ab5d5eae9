// The type definitions: they say what the kit has, and `tsc` takes what it should and nothing else.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { fileURLToPath } from "node:url";

import { Context } from "../runtime/context.mjs";
import { install } from "./npm.mjs";

const TYPES = new URL("../types/index.d.ts", import.meta.url);
const SOURCE = new URL("./types/", import.meta.url);
const TEMPLATES = new URL("../../../templates/", import.meta.url);
const SAMPLES = [
  new URL("handlers.ts", SOURCE),
  new URL("handlers.mjs", SOURCE),
  new URL("node-ts/src/hello.ts", TEMPLATES),
  new URL("node-http/src/hello.mjs", TEMPLATES),
];

/** Compiles the samples in a project of its own, as `tsc` would in a user's. */
async function tsc(modules, options) {
  const project = await mkdtemp(join(tmpdir(), "types-"));
  try {
    await mkdir(join(project, ".sf/types"), { recursive: true });
    await mkdir(join(project, "src"));
    await cp(TYPES, join(project, ".sf/types/node.d.ts"));
    for (const sample of SAMPLES) await cp(sample, join(project, "src", basename(sample.pathname)));
    await symlink(modules, join(project, "node_modules"), "junction");
    const compilerOptions = { target: "es2023", module: "nodenext", strict: true, noUncheckedIndexedAccess: true, noEmit: true, ...options };
    const config = { compilerOptions: { ...compilerOptions, allowJs: true, checkJs: true }, include: ["src"] };
    await writeFile(join(project, "package.json"), '{ "type": "module" }');
    await writeFile(join(project, "tsconfig.json"), JSON.stringify(config));
    const program = [join(modules, "typescript/bin/tsc"), "-p", project];
    const { stdout } = await promisify(execFile)(process.execPath, program).catch((failure) => failure);
    return stdout;
  } finally {
    await rm(project, { recursive: true, force: true });
  }
}

for (const [library, options] of [
  ["the dom library", { lib: ["es2023", "dom", "dom.iterable", "dom.asynciterable"], types: [] }],
  ["@types/node", { lib: ["es2023"], types: ["node"] }],
]) {
  test(`TypeScript and JavaScript are checked with ${library}`, async (context) => {
    const packages = await install(SOURCE, "node-types");
    if (packages.unavailable !== undefined) return context.skip(packages.unavailable);
    assert.equal(await tsc(packages.modules, options), "");
  });
}

test("the definitions name what the kit has, no more and no less", async () => {
  const text = await readFile(fileURLToPath(TYPES), "utf8");
  const declared = (name) => {
    const body = new RegExp(`^export interface ${name}\\b[^{]*\\{\\n(.*?)^\\}`, "ms").exec(text)[1];
    return [...body.matchAll(/^  (?:readonly )?(\w+)\??[(:<]/gm)].map(([, member]) => member).sort();
  };
  const names = (object) => Object.getOwnPropertyNames(Object.getPrototypeOf(object)).filter((name) => name !== "constructor").sort();
  const identity = { function: "f", project: "p", stage: "s", provider: "x", data: { url: "http://127.0.0.1:1", token: "t" } };
  const ctx = new Context({ id: "1", deadline_ms: 0 }, identity, {});
  // Workflows are not there yet, on any provider.
  assert.deepEqual(declared("Context"), names(ctx).filter((name) => name !== "workflow"));
  assert.deepEqual(declared("Log"), Object.keys(ctx.log).sort());
  for (const [kind, name] of [["table", "Table"], ["bucket", "Bucket"], ["queue", "Queue"], ["topic", "Topic"], ["socket", "Socket"]]) {
    assert.deepEqual(declared(name), names(ctx[kind]("x")), name);
  }
  assert.deepEqual(declared("Pages"), names(ctx.table("x").scan()));
});
