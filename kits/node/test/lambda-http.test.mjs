// HTTP for Lambda handlers, beyond what the golden files show (golden.test.mjs). Shapes:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html

import assert from "node:assert/strict";
import { test } from "node:test";

import { serving } from "./host.mjs";

const ECHO = "export const handler = async (event) => ({ statusCode: 200, body: JSON.stringify(event) })";

function withPayload(payload, handler = ECHO) {
  return (body) => serving(handler, { name: "handler", env: { SF_INTERFACE: "lambda", ...(payload ? { SF_PAYLOAD: payload } : {}) } }, body);
}

test("the request's time is now, and a client's address that the host tells goes before all headers", async () => {
  await withPayload(undefined)(async (host) => {
    const headers = [["x-forwarded-for", "10.0.0.9, 203.0.113.7"]];
    const { requestContext, headers: got } = (await host.http("GET", "/", { headers, client: "198.51.100.1" })).json();
    assert.match(requestContext.time, /^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/);
    assert.ok(Math.abs(requestContext.timeEpoch - Date.now()) < 60_000);
    assert.deepEqual([requestContext.http.sourceIp, got["x-forwarded-for"]], ["198.51.100.1", "10.0.0.9, 203.0.113.7"]);
  });
});

test("a body that is not text arrives as base64", async () => {
  await withPayload(undefined)(async (host) => {
    const send = async (type, body) => {
      const event = (await host.http("POST", "/", { headers: type ? [["content-type", type]] : [], body })).json();
      return [event.isBase64Encoded, event.body];
    };
    const bytes = Buffer.from([0xff, 0, 1]);
    assert.deepEqual(await send("image/png", "text"), [true, Buffer.from("text").toString("base64")]);
    assert.deepEqual(await send("text/plain; charset=utf-8", "tëxt"), [false, "tëxt"]);
    assert.deepEqual(await send("Application/JSON", "{}"), [false, "{}"]);
    assert.deepEqual(await send("application/vnd.api+json", "{}"), [true, "e30="]);
    assert.deepEqual(await send("application/x-www-form-urlencoded", "a=1"), [true, "YT0x"]);
    assert.deepEqual(await send("text/plain", bytes), [true, bytes.toString("base64")]);
    assert.deepEqual(await send(undefined, "plain"), [true, "cGxhaW4="]);
  });
});

test("the answers of payload 2.0, told and inferred", async () => {
  const handler = `const answers = {
      text: "hi", object: { a: 1 }, nothing: undefined, list: [1],
      told: { statusCode: "201", headers: { "X-A": 1, "Set-Cookie": "c=0", "Content-Length": "99" }, cookies: ["a=1; Path=/", "b=2"], body: "made" },
      binary: { statusCode: 200, headers: { "content-type": "image/png" }, isBase64Encoded: true, body: "/wAB" },
      bare: { statusCode: 204 }, several: { statusCode: 200, headers: { "x-a": "0", "x-b": "1" }, multiValueHeaders: { "X-A": ["1", "2"] }, body: "" },
      strange: { statusCode: 200, body: { a: 1 } }, bad: { statusCode: "often" }, smuggled: { statusCode: 200, headers: { "x-a": "a\\r\\nb: c" } } };
    export const handler = async (event) => answers[event.rawPath.slice(1)];`;
  await withPayload("2.0", handler)(async (host) => {
    const get = async (path) => {
      const { error, status, headers, text, body } = await host.http("GET", path);
      return error === null ? { status, headers, text, body } : error.message;
    };
    const json = [["content-type", "application/json"]];
    const seen = async (path) => {
      const { status, headers, text } = await get(path);
      return [status, headers, text];
    };
    assert.deepEqual(await seen("/text"), [200, json, "hi"]);
    assert.deepEqual(await seen("/object"), [200, json, '{"a":1}']);
    assert.deepEqual(await seen("/list"), [200, json, "[1]"]);
    assert.deepEqual(await seen("/nothing"), [200, json, "null"]);
    const told = [["x-a", "1"], ["set-cookie", "c=0"], ["set-cookie", "a=1; Path=/"], ["set-cookie", "b=2"], ["content-type", "text/plain; charset=utf-8"]];
    assert.deepEqual(await seen("/told"), [201, told, "made"]);
    assert.deepEqual([...(await get("/binary")).body], [255, 0, 1]);
    assert.deepEqual(await seen("/bare"), [204, [], ""]);
    assert.deepEqual((await get("/several")).headers, [["x-a", "0"], ["x-b", "1"]]);
    assert.match(await get("/strange"), /body .* must be a string, not object: use JSON\.stringify/);
    assert.match(await get("/bad"), /statusCode often/);
    assert.match(await get("/smuggled"), /header "x-a"/);
  });
});

test("the answers of payload 1.0 have a statusCode", async () => {
  const handler = `const answers = { good: { statusCode: 200, multiValueHeaders: { "Set-Cookie": ["a=1", "b=2"] }, body: "{}" }, text: "hi", none: null };
    export const handler = async (event) => answers[event.path.slice(1)];`;
  await withPayload("1.0", handler)(async (host) => {
    const good = await host.http("GET", "/good");
    assert.deepEqual(good.headers, [["set-cookie", "a=1"], ["set-cookie", "b=2"], ["content-type", "text/plain; charset=utf-8"]]);
    for (const path of ["/text", "/none"]) assert.match((await host.http("GET", path)).error.message, /no statusCode/);
  });
});
