// HTTP for Lambda handlers, against the shapes of
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html

import assert from "node:assert/strict";
import { test } from "node:test";

import { serving } from "./host.mjs";

const ECHO = "export const handler = async (event) => ({ statusCode: 200, body: JSON.stringify(event) })";

function withPayload(payload, handler = ECHO) {
  return (body) => serving(handler, { name: "handler", env: { SF_INTERFACE: "lambda", ...(payload ? { SF_PAYLOAD: payload } : {}) } }, body);
}

const REQUEST = {
  headers: [
    ["host", "market.example:8080"],
    ["user-agent", "agent"],
    ["x-two", "value1"],
    ["X-Two", "value2"],
    ["cookie", "cookie1=a; cookie2=b"],
    ["content-type", "application/json"],
    ["x-forwarded-for", "10.0.0.9, 203.0.113.7"],
  ],
  params: { id: "a b" },
  auth: { sub: "ada", exp: 1700000000, groups: ["x", "y"], admin: true },
  body: '{"message":"hé"}',
  route: "PUT /my/{id}",
};
const PATH = "/my/a%20b?parameter1=value1&parameter1=value+2&parameter2=%C3%A9";

/** `12/Mar/2020:19:03:58 +0000` */
const CLF = /^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/;

test("payload 2.0 is what an HTTP API gives", async () => {
  await withPayload(undefined)(async (host) => {
    const event = (await host.http("PUT", PATH, REQUEST)).json();
    const { time, timeEpoch } = event.requestContext;
    assert.match(time, CLF);
    assert.ok(Math.abs(timeEpoch - Date.now()) < 60_000);
    assert.deepEqual(event, {
      version: "2.0",
      routeKey: "PUT /my/{id}",
      rawPath: "/my/a%20b",
      rawQueryString: "parameter1=value1&parameter1=value+2&parameter2=%C3%A9",
      cookies: ["cookie1=a", "cookie2=b"],
      headers: {
        host: "market.example:8080",
        "user-agent": "agent",
        "x-two": "value1,value2",
        "content-type": "application/json",
        "x-forwarded-for": "10.0.0.9, 203.0.113.7",
      },
      queryStringParameters: { parameter1: "value1,value 2", parameter2: "é" },
      requestContext: {
        accountId: "000000000000",
        apiId: "demo",
        authorizer: { jwt: { claims: { sub: "ada", exp: "1700000000", groups: "[x y]", admin: "true" }, scopes: null } },
        domainName: "market.example",
        domainPrefix: "market",
        http: { method: "PUT", path: "/my/a%20b", protocol: "HTTP/1.1", sourceIp: "203.0.113.7", userAgent: "agent" },
        requestId: "inv-1",
        routeKey: "PUT /my/{id}",
        stage: "$default",
        time,
        timeEpoch,
      },
      body: '{"message":"hé"}',
      pathParameters: { id: "a b" },
      isBase64Encoded: false,
    });
    const bare = (await host.http("GET", "/")).json();
    for (const name of ["cookies", "queryStringParameters", "pathParameters", "body"]) assert.ok(!(name in bare), name);
    assert.deepEqual([bare.routeKey, bare.rawPath, bare.rawQueryString, bare.isBase64Encoded], ["$default", "/", "", false]);
    assert.ok(!("authorizer" in bare.requestContext));
  });
});

test("payload 1.0 is what an HTTP API gives", async () => {
  await withPayload("1.0")(async (host) => {
    const event = (await host.http("PUT", PATH, { ...REQUEST, client: "198.51.100.1" })).json();
    const { requestTime, requestTimeEpoch, identity } = event.requestContext;
    assert.match(requestTime, CLF);
    assert.deepEqual([identity.sourceIp, identity.userAgent, identity.user], ["198.51.100.1", "agent", null]);
    assert.deepEqual(event, {
      version: "1.0",
      resource: "/my/{id}",
      path: "/my/a%20b",
      httpMethod: "PUT",
      headers: {
        host: "market.example:8080",
        "user-agent": "agent",
        "x-two": "value2",
        cookie: "cookie1=a; cookie2=b",
        "content-type": "application/json",
        "x-forwarded-for": "10.0.0.9, 203.0.113.7",
      },
      multiValueHeaders: {
        host: ["market.example:8080"],
        "user-agent": ["agent"],
        "x-two": ["value1", "value2"],
        cookie: ["cookie1=a; cookie2=b"],
        "content-type": ["application/json"],
        "x-forwarded-for": ["10.0.0.9, 203.0.113.7"],
      },
      queryStringParameters: { parameter1: "value 2", parameter2: "é" },
      multiValueQueryStringParameters: { parameter1: ["value1", "value 2"], parameter2: ["é"] },
      requestContext: {
        accountId: "000000000000",
        apiId: "demo",
        authorizer: { claims: { sub: "ada", exp: "1700000000", groups: "[x y]", admin: "true" }, scopes: null },
        domainName: "market.example",
        domainPrefix: "market",
        extendedRequestId: "inv-1",
        httpMethod: "PUT",
        identity,
        path: "/my/a%20b",
        protocol: "HTTP/1.1",
        requestId: "inv-1",
        requestTime,
        requestTimeEpoch,
        resourceId: "PUT /my/{id}",
        resourcePath: "/my/{id}",
        stage: "$default",
      },
      pathParameters: { id: "a b" },
      stageVariables: null,
      body: '{"message":"hé"}',
      isBase64Encoded: false,
    });
    const bare = (await host.http("GET", "/x")).json();
    const nulls = ["queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "stageVariables", "body"];
    for (const name of nulls) assert.equal(bare[name], null, name);
    assert.equal(bare.resource, "/x");
  });
});

test("a body that is not text arrives as base64", async () => {
  await withPayload(undefined)(async (host) => {
    const send = async (type, body, more = []) => {
      const event = (await host.http("POST", "/", { headers: [...(type ? [["content-type", type]] : []), ...more], body })).json();
      return [event.isBase64Encoded, event.body];
    };
    const bytes = Buffer.from([0xff, 0, 1]);
    assert.deepEqual(await send("image/png", "text"), [true, Buffer.from("text").toString("base64")]);
    assert.deepEqual(await send("text/plain; charset=utf-8", "tëxt"), [false, "tëxt"]);
    assert.deepEqual(await send("application/vnd.api+json", "{}"), [false, "{}"]);
    assert.deepEqual(await send("application/x-www-form-urlencoded", "a=1"), [false, "a=1"]);
    assert.deepEqual(await send("text/plain", bytes), [true, bytes.toString("base64")]);
    assert.deepEqual(await send("application/json", "{}", [["content-encoding", "gzip"]]), [true, "e30="]);
    assert.deepEqual(await send(undefined, "plain"), [false, "plain"]);
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
    assert.deepEqual((await get("/several")).headers.slice(0, 3), [["x-b", "1"], ["x-a", "1"], ["x-a", "2"]]);
    assert.equal((await get("/strange")).text, '{"a":1}');
    assert.match(await get("/bad"), /statusCode often/);
    assert.match(await get("/smuggled"), /header "x-a"/);
  });
});

test("the answers of payload 1.0 have a statusCode", async () => {
  const handler = `const answers = { good: { statusCode: 200, multiValueHeaders: { "Set-Cookie": ["a=1", "b=2"] }, body: "{}" }, text: "hi", none: null };
    export const handler = async (event) => answers[event.path.slice(1)];`;
  await withPayload("1.0", handler)(async (host) => {
    const good = await host.http("GET", "/good");
    assert.deepEqual(good.headers, [["set-cookie", "a=1"], ["set-cookie", "b=2"], ["content-type", "application/json"]]);
    for (const path of ["/text", "/none"]) assert.match((await host.http("GET", path)).error.message, /no statusCode/);
  });
});
