// The strict AWS counterpart, started for a test, and the SDK that stands beside it. Where it is not there, tests of it are skipped with the reason.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const START = join(process.env.SF_ORACLES ?? join(ROOT, "../shared/oracles"), "aws/start");
const CACHE = process.env.SF_ORACLE_CACHE ?? join(ROOT, "target/oracles/aws");
/** Where the SDK is, as in Lambda's own runtime. */
const RUNTIME = join(CACHE, "node");

/** For `test(…, { skip })`: why there is no counterpart, or false. */
export const skip = existsSync(START) ? false : `no AWS counterpart at ${START} (SF_ORACLES)`;

const REGION = "us-east-1";

export async function startOracle() {
  const port = await freePort();
  const child = spawn(START, ["--port", String(port), "--no-rate-limit"], { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, SF_ORACLE_CACHE: CACHE } });
  let errors = "";
  child.stderr.on("data", (chunk) => (errors += chunk));
  await new Promise((resolve, reject) => {
    let out = "";
    child.stdout.on("data", (chunk) => ((out += chunk).includes("ready ") ? resolve() : undefined));
    child.once("exit", (code) => reject(new Error(`the AWS counterpart ended with ${code}: ${errors}`)));
  });
  return new Oracle(`http://127.0.0.1:${port}`, child);
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

class Oracle {
  #child;
  #require = createRequire(join(RUNTIME, "index.js"));
  #clients = new Map();

  constructor(url, child) {
    this.url = url;
    this.#child = child;
  }

  /** The environment of a function there. */
  env(accessKeyId = "test", secretAccessKey = "test") {
    return {
      AWS_ENDPOINT_URL: this.url,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      LAMBDA_RUNTIME_DIR: RUNTIME,
    };
  }

  /** A call with the SDK: `call("dynamodb", "DynamoDBClient", "CreateTable", {…})`. */
  async call(service, kind, operation, input) {
    const sdk = this.#require(`@aws-sdk/client-${service}`);
    let client = this.#clients.get(kind);
    if (client === undefined) {
      const credentials = { accessKeyId: "test", secretAccessKey: "test" };
      client = new sdk[kind]({ endpoint: this.url, region: REGION, credentials, forcePathStyle: true });
      this.#clients.set(kind, client);
    }
    return await client.send(new sdk[`${operation}Command`](input));
  }

  /** A request of a service that the SDK here has no client of; only the credential in the signature is looked at. */
  async #signed(service, path, init) {
    const authorization = `AWS4-HMAC-SHA256 Credential=test/20260101/${REGION}/${service}/aws4_request, SignedHeaders=host, Signature=0`;
    const response = await fetch(this.url + path, { ...init, headers: { ...init.headers, authorization } });
    const text = await response.text();
    if (!response.ok) throw new Error(`${service} ${path}: ${response.status} ${text}`);
    return text;
  }

  async iam(Action, parameters) {
    const body = new URLSearchParams({ Action, Version: "2010-05-08", ...parameters });
    return await this.#signed("iam", "/", { method: "POST", body });
  }

  async api(path, body) {
    const headers = { "content-type": "application/json" };
    return JSON.parse(await this.#signed("apigateway", `/v2/apis${path}`, { method: "POST", headers, body: JSON.stringify(body) }));
  }

  /** The counterpart's own endpoints: faults, the log of requests. */
  async control(path, method = "GET", body = undefined) {
    const response = await fetch(`${this.url}/_oracle/${path}`, { method, body: body === undefined ? undefined : JSON.stringify(body) });
    return await response.json();
  }

  /** The requests that were made while `body` ran. */
  async requests(body) {
    const since = (await this.control("log")).entries.at(-1)?.seq ?? 0;
    await body();
    return (await this.control("log")).entries.filter(({ seq }) => seq > since);
  }

  /** Its gate fails on every HEAD with some versions of the library that it is written with. `path` is something that is there. */
  async answersHead(path) {
    return (await fetch(this.url + path, { method: "HEAD" })).status !== 500;
  }

  async table(name, key, more = {}) {
    const KeySchema = key.map(([AttributeName], index) => ({ AttributeName, KeyType: index === 0 ? "HASH" : "RANGE" }));
    const AttributeDefinitions = key.map(([AttributeName, kind]) => ({ AttributeName, AttributeType: { string: "S", number: "N", bytes: "B" }[kind] }));
    const input = { TableName: name, KeySchema, AttributeDefinitions, BillingMode: "PAY_PER_REQUEST", ...more };
    await this.call("dynamodb", "DynamoDBClient", "CreateTable", input);
    return await this.until(async () => {
      const { Table } = await this.call("dynamodb", "DynamoDBClient", "DescribeTable", { TableName: name });
      return Table.TableStatus === "ACTIVE" ? Table : undefined;
    });
  }

  /** Asks until there is an answer. */
  async until(ask) {
    const end = Date.now() + 60_000;
    for (;;) {
      const answer = await ask();
      if (answer !== undefined) return answer;
      if (Date.now() > end) throw new Error(`waited in vain for ${ask}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async stop() {
    for (const client of this.#clients.values()) client.destroy();
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGTERM");
    await ended;
  }
}
