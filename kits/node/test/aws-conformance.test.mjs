// The cases of the conformance suite that are about `ctx` alone, in this process, with the drivers for AWS against its counterpart. Those that need a deployment
// are for `cargo xtask conformance --provider aws`.

import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { after, before, test } from "node:test";

import { operate } from "../../conformance/node/operate.mjs";
import { inProcess, kitOf } from "./aws.mjs";
import { skip, startOracle } from "./aws-oracle.mjs";
import { expand, matches } from "./conformance.mjs";

const SUITE = new URL("../../conformance/suite/", import.meta.url);
const TABLES = {
  items: { key: [["id", "string"]], ttl: "expires" },
  pairs: { key: [["id", "string"], ["name", "string"]] },
  numbers: { key: [["id", "string"], ["at", "number"]] },
};
const uses = { files: { bucket: "conformance-files", access: "read-write" }, work: { queue: "conformance-work", access: "write" } };
for (const [name, { key, ttl }] of Object.entries(TABLES)) uses[name] = { table: `conformance-${name}`, access: "read-write", key, ...(ttl ? { ttl } : {}) };
const SECRETS = { greeting: "conformance/greeting", unset: "conformance/unset" };
const KITS = {
  operate: kitOf({ project: "conformance", function: "operate", uses, secrets: SECRETS }),
  stranger: kitOf({ project: "conformance", function: "stranger", uses: { items: { ...uses.items, access: "read" } } }),
};

let oracle;
let answersHead;
const functions = {};
before(async () => {
  if (skip) return;
  oracle = await startOracle();
  for (const [name, { key }] of Object.entries(TABLES)) await oracle.table(`conformance-${name}`, key);
  await oracle.call("s3", "S3Client", "CreateBucket", { Bucket: "conformance-files" });
  answersHead = await oracle.answersHead("/conformance-files");
  await oracle.call("sqs", "SQSClient", "CreateQueue", { QueueName: "conformance-work" });
  const secrets = (operation, input) => oracle.call("secrets-manager", "SecretsManagerClient", operation, input);
  await secrets("CreateSecret", { Name: SECRETS.greeting, SecretString: "grüße 👋 from the suite" });
  await secrets("CreateSecret", { Name: SECRETS.unset });
  for (const [name, kit] of Object.entries(KITS)) functions[name] = await inProcess(kit, oracle.env());
});
after(async () => {
  for (const lambda of Object.values(functions)) await lambda.stop();
  await oracle?.stop();
});

/** One call of `operate` through the gateway's event. */
async function play(step) {
  const { op, as = "operate", with: given } = step;
  globalThis.calls.user = operate;
  const requestContext = { http: { method: "POST" }, stage: "$default", domainName: "api.example" };
  const event = { version: "2.0", rawPath: `/${as}`, headers: {}, body: JSON.stringify({ op, ...given }), requestContext };
  const { body } = await functions[as].invoke(event);
  return JSON.parse(body);
}

async function fetched({ method, url, body }) {
  const response = await fetch(url, { method, body });
  return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() };
}

async function results(step, saved) {
  const times = step.times ?? 1;
  const one = async (nth) => {
    const own = expand(step, { ...saved, nth: String(nth).padStart(3, "0") });
    return own.fetch === undefined ? play(own) : { ok: await fetched(own.fetch) };
  };
  const numbers = Array.from({ length: times }, (_, nth) => nth);
  if (step.together) return await Promise.all(numbers.map(one));
  const all = [];
  for (const nth of numbers) all.push(await one(nth));
  return all;
}

function check(step, all) {
  if (step.error !== undefined) {
    for (const { error, ok } of all) {
      assert.equal(error?.code, step.error, JSON.stringify(ok ?? error));
      if (step.hint !== undefined) assert.ok(error.hint?.includes(step.hint), error.hint);
    }
    return null;
  }
  if (step.times !== undefined && step.expect !== undefined) return all;
  for (const { error } of all) assert.equal(error, undefined, JSON.stringify(error));
  return all.at(-1).ok;
}

function save(step, value, saved) {
  if (typeof step.save === "string") saved[step.save] = value;
  for (const [name, pointer] of typeof step.save === "object" ? Object.entries(step.save) : []) {
    saved[name] = pointer.split("/").slice(1).reduce((inner, part) => inner[part], value);
  }
}

/** Steps that this test can play. */
const isOwn = ({ op, fetch, until, with: given = {} }) => {
  const known = [...Object.keys(uses), undefined];
  const names = [given.table, given.bucket, given.queue].every((name) => known.includes(name));
  return until === undefined && names && (fetch !== undefined || /^(table|bucket|secret|queue\.send)/.test(op ?? ""));
};

let played = 0;
for (const file of await readdir(SUITE)) {
  for (const { name, steps } of JSON.parse(await readFile(new URL(file, SUITE), "utf8"))) {
    if (!steps.every(isOwn)) continue;
    played += 1;
    const run = `run-${played}`;
    test(name, { skip }, async (context) => {
      if (JSON.stringify(steps).includes("bucket.head") && !answersHead) return context.skip("the AWS counterpart does not answer HEAD");
      const saved = { run };
      for (const step of steps) {
        const value = check(step, await results(step, saved));
        if (step.expect !== undefined) assert.ok(matches(expand(step.expect, saved), value), `${JSON.stringify(step).slice(0, 500)}\ngot ${JSON.stringify(value)?.slice(0, 1000)}`);
        save(step, value, saved);
      }
    });
  }
}
assert.ok(played >= 24, `${played} cases`);
