// Applications made with the frameworks that people deploy on Lambda, unmodified: they and their adapters come from npm.

import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { before, test } from "node:test";

import { serving } from "./host.mjs";
import { install } from "./npm.mjs";

const SOURCE = new URL("./frameworks/", import.meta.url);

let packages;
before(async () => (packages = await install(SOURCE, "node-frameworks")));

/** The applications' files; the packages are linked beside them. */
async function files() {
  const names = (await readdir(SOURCE)).filter((name) => name !== "package.json");
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await readFile(new URL(name, SOURCE), "utf8")])));
}

function application(title, options, body) {
  test(title, async (context) => {
    if (packages.unavailable !== undefined) return context.skip(packages.unavailable);
    const { payload, ...handler } = options;
    const env = { SF_INTERFACE: "lambda", SF_PAYLOAD: payload };
    const links = { node_modules: packages.modules };
    await serving(await files(), { ...handler, env, links }, body);
  });
}

/** What all the applications do. */
async function check(host) {
  const send = async (method, path, type, body, headers = []) => {
    const answer = await host.http(method, path, { body, headers: [["host", "market.example"], ...(type ? [["content-type", type]] : []), ...headers] });
    assert.equal(answer.error, null, answer.error?.stack);
    return answer;
  };
  const more = [["user-agent", "test"], ["cookie", "c=3; d=4"]];
  const profile = await send("GET", "/profiles/a%20b?x=1&y=%C3%A9", undefined, "", more);
  assert.equal(profile.status, 201);
  assert.match(profile.header("content-type"), /^application\/json/);
  assert.deepEqual(profile.json(), { id: "a b", query: { x: "1", y: "é" }, agent: "test", cookie: "c=3; d=4" });
  assert.deepEqual((await send("POST", "/json", "application/json", '{"a":"ü"}')).json(), { a: "ü" });
  assert.deepEqual((await send("POST", "/form", "application/x-www-form-urlencoded", "a=1&b=%C3%A9")).json(), { a: "1", b: "é" });
  const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 7) & 255));
  const echoed = await send("POST", "/bytes", "application/octet-stream", bytes);
  assert.ok(echoed.body.equals(bytes));
  const cookies = await send("GET", "/cookies");
  assert.deepEqual(cookies.headers.filter(([name]) => name === "set-cookie").map(([, value]) => value), ["a=1; Path=/", "b=2; Path=/"]);
  assert.equal(cookies.text, "set");
  const moved = await send("GET", "/moved");
  assert.deepEqual([moved.status, moved.header("location")], [302, "/profiles/7"]);
  const fails = await send("GET", "/fails");
  assert.deepEqual([fails.status, fails.text], [500, "caught"]);
  assert.equal((await send("GET", "/nowhere")).status, 404);
  const many = await Promise.all(Array.from({ length: 20 }, (_, index) => send("GET", `/profiles/${index}`)));
  assert.deepEqual(many.map((answer) => answer.json().id), Array.from({ length: 20 }, (_, index) => String(index)));
}

for (const payload of ["2.0", "1.0"]) {
  application(`Express by serverless-http, payload ${payload}`, { file: "express-serverless-http", name: "handler", payload }, check);
  application(`Express by @codegenie/serverless-express, payload ${payload}`, { file: "express-codegenie", name: "handler", payload }, check);
  application(`Hono, payload ${payload}`, { file: "hono", name: "handler", payload }, check);
}

application("Hono, streaming", { file: "hono", name: "streaming", payload: "2.0" }, async (host) => {
  await check(host);
  const answer = await host.http("GET", "/stream", { headers: [["host", "market.example"]] });
  assert.equal(answer.error, null, answer.error?.stack);
  assert.deepEqual([answer.text, answer.header("content-type")], ["one two three", "text/plain; charset=UTF-8"]);
});
