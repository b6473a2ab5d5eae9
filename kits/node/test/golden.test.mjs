// The lambda interface against the golden files that all kits share (kits/conformance/lambda, whose README says what is in them).

import assert from "node:assert/strict";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { start } from "./host.mjs";

const GOLDEN = new URL("../../conformance/lambda/", import.meta.url);
const ENV = { SF_INTERFACE: "lambda", SF_FUNCTION: "legacy", SF_PROJECT: "shop", SF_STAGE: "dev" };
/** Leaves the event in a file, and returns what another one says. */
const HANDLER = `
  import { readFileSync, writeFileSync } from "node:fs";
  export async function handler(event) {
    writeFileSync("event.json", JSON.stringify(event));
    return JSON.parse(readFileSync("returns.json", "utf8"));
  }`;

function bytesOf(body = "") {
  return Buffer.from(body.$bytes ?? body, body.$bytes === undefined ? "utf8" : "base64");
}

/** An HTTP request's event tells when it came, which no file can know. */
function withoutClock(event) {
  const context = event?.requestContext ?? {};
  const names = "timeEpoch" in context ? ["time", "timeEpoch"] : "protocol" in context ? ["requestTime", "requestTimeEpoch"] : [];
  for (const name of names) context[name] = typeof context[name];
  return event;
}

function checkAnswer(expected, answer) {
  if (expected.throws) return assert.notEqual(answer.error, null, `no error for ${JSON.stringify(expected.returns)}`);
  assert.equal(answer.error, null, answer.error?.message);
  if ("answer" in expected) assert.deepEqual(answer.json(), expected.answer);
  if ("status" in expected) {
    assert.deepEqual([answer.status, answer.body], [expected.status, bytesOf(expected.body)]);
    assert.deepEqual(answer.headers.toSorted(), expected.headers.toSorted());
  }
}

const workers = new Map();
before(async () => {
  for (const payload of ["1.0", "2.0"]) {
    workers.set(payload, await start({ "handler.mjs": HANDLER }, { name: "handler", env: { ...ENV, SF_PAYLOAD: payload } }));
  }
});
after(async () => {
  for (const worker of workers.values()) await worker.stop();
});

const files = (await readdir(GOLDEN)).filter((name) => name.endsWith(".json"));
assert.notEqual(files.length, 0, `no golden files in ${GOLDEN}`);
for (const file of files) {
  const golden = JSON.parse(await readFile(new URL(file, GOLDEN), "utf8"));
  test(`${file}: ${golden.about}`, async () => {
    const worker = workers.get(golden.payload ?? "2.0");
    const inWork = (name) => join(worker.root, "work", name);
    for (const expected of golden.cases ?? [{ returns: { statusCode: 200 } }]) {
      await writeFile(inWork("returns.json"), JSON.stringify(expected.returns));
      const answer = await worker.finish(worker.send(golden.head, bytesOf(golden.body)));
      checkAnswer(expected, answer);
      if (!("event" in golden)) continue;
      assert.deepEqual(withoutClock(JSON.parse(await readFile(inWork("event.json"), "utf8"))), withoutClock(golden.event));
    }
  });
}
