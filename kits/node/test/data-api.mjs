// A data API that lives in memory, written from docs/data-api.md and not from the kit's code. What it is sent and what the page does not
// allow is answered with 400 and kept in `wrong`, which the tests expect to be empty.

import { createHash } from "node:crypto";
import { createServer } from "node:http";

const BASE = "/v1/apps/demo/dev/data";
const TOKEN = "the-data-token";

export async function startDataApi() {
  const api = new DataApi();
  await new Promise((resolve) => api.server.listen(0, "127.0.0.1", resolve));
  api.env = { SF_DATA_URL: `http://127.0.0.1:${api.server.address().port}${BASE}`, SF_DATA_TOKEN: TOKEN };
  return api;
}

class Refusal extends Error {
  constructor(status, code, message, hint) {
    super(message);
    Object.assign(this, { status, code, hint });
  }
}

function refuse(status, code, message, hint) {
  throw new Refusal(status, code, message, hint);
}

class DataApi {
  /** Requests in their order: method, path, headers. */
  requests = [];
  wrong = [];
  /** table -> JSON of the key -> { item, version } */
  tables = new Map([["profiles", new Map()], ["events", new Map()]]);
  keys = { profiles: ["id"], events: ["room", "at"] };
  objects = new Map();
  messages = [];
  secrets = new Map([["smtp-password", "geheim"]]);
  /** Called with a request before it is looked at; true when it has dealt with it. */
  intercept = () => false;
  #version = 0;
  server = createServer((request, response) => void this.#serve(request, response));

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  async #serve(request, response) {
    const { method, url, headers } = request;
    this.requests.push({ method, path: url, headers });
    if (this.intercept(request, response)) return;
    try {
      if (headers.authorization !== `Bearer ${TOKEN}`) refuse(401, "unauthorized", "the token is wrong");
      if (!url.startsWith(`${BASE}/`)) this.#bad(`${url} is not below ${BASE}`);
      await this.#route(request, response, url.slice(BASE.length + 1));
    } catch (error) {
      if (!(error instanceof Refusal)) this.wrong.push(error.stack);
      const { status = 500, code = "internal", message, hint } = error;
      if (!response.headersSent) json(response, { code, message, hint }, status);
    }
  }

  #bad(message) {
    this.wrong.push(message);
    refuse(400, "bad-request", message);
  }

  async #route(request, response, path) {
    const [route, query = ""] = path.split("?");
    const [kind, name, what, key, ...more] = route.split("/").map(decodeURIComponent);
    if (more.length > 0) this.#bad(`a path of too many segments: ${path}`);
    const at = `${request.method} ${kind} ${what ?? ""}`.trim();
    if (kind === "tables") return this.#table(request, response, name, what);
    if (at === "GET buckets objects" && key === undefined) return this.#list(response, new URLSearchParams(query));
    if (kind === "buckets" && what === "objects") return this.#object(request, response, name, key);
    if (at === "POST buckets url") return this.#url(request, response);
    if (at === "POST queues messages" || at === "POST topics messages") return this.#message(request, response, kind, name);
    if (kind === "sockets" && what === "connections") return this.#socket(request, response, key);
    if (at === "POST functions") return this.#call(request, response, name);
    if (at === "GET secrets") return this.#secret(response, name);
    return this.#bad(`${request.method} ${path} is no call`);
  }

  async #json(request) {
    if (request.headers["content-type"] !== "application/json") this.#bad(`content-type ${request.headers["content-type"]}`);
    return JSON.parse(await collect(request));
  }

  async #table(request, response, name, operation) {
    if (request.method !== "POST") this.#bad(`${request.method} of a table`);
    if (name === "secret-table") {
      const hint = 'add `uses = { secret-table = "read" }` to `[functions.hello]` in sf.toml';
      refuse(403, "not-granted", 'function "hello" may not read table "secret-table"', hint);
    }
    const table = this.tables.get(name) ?? refuse(404, "not-found", `there is no table "${name}"`);
    const body = await this.#json(request);
    const keyOf = (item) => JSON.stringify(this.keys[name].map((attribute) => item[attribute]));
    const allowed = { get: ["key"], put: ["item", "ifAbsent", "ifVersion"], delete: ["key", "ifVersion"], query: QUERY, scan: ["limit", "cursor"] };
    const unknown = Object.keys(body).filter((field) => !allowed[operation]?.includes(field));
    if (unknown.length > 0) this.#bad(`${operation}: unknown ${unknown}`);
    const known = body.key ?? body.item;
    const found = known && table.get(keyOf(known));
    if (operation === "get") return json(response, found ?? { item: null });
    if (operation === "put" || operation === "delete") {
      if (body.ifAbsent === true && found) refuse(409, "conflict", `put table "${name}": the item is there already`);
      if ("ifVersion" in body && found?.version !== body.ifVersion) refuse(409, "conflict", `${operation} table "${name}": another version`);
    }
    if (operation === "delete") return json(response, { existed: table.delete(keyOf(body.key)) });
    if (operation === "put") {
      if (JSON.stringify(body.item).length > 400 * 1024) refuse(413, "too-large", "put table: the item is larger than 400 KB");
      const version = `v${++this.#version}`;
      table.set(keyOf(body.item), { item: body.item, version });
      return json(response, { version });
    }
    return json(response, this.#select(table, name, body));
  }

  #select(table, name, { partition, sort, reverse, limit = 100, cursor }) {
    if (!(Number.isInteger(limit) && limit >= 1 && limit <= 1000)) this.#bad(`limit ${limit}`);
    const [hash, range] = this.keys[name];
    const tests = {
      eq: (value, to) => value === to,
      lt: (value, to) => value < to,
      lte: (value, to) => value <= to,
      gt: (value, to) => value > to,
      gte: (value, to) => value >= to,
      between: (value, [from, to]) => value >= from && value <= to,
      prefix: (value, to) => value.startsWith(to),
    };
    const [[test, to]] = Object.entries(sort ?? { none: 0 });
    const rows = [...table.values()].filter(
      ({ item }) => (partition === undefined || item[hash] === partition) && (sort === undefined || tests[test](item[range], to)),
    );
    if (partition !== undefined) rows.sort((one, other) => (one.item[range] - other.item[range]) * (reverse ? -1 : 1));
    const from = cursor === undefined ? 0 : Number(cursor.slice(1));
    const items = rows.slice(from, from + limit);
    return { items, cursor: from + limit < rows.length ? `c${from + limit}` : null };
  }

  async #object(request, response, bucket, key) {
    const { method, headers } = request;
    const id = `${bucket}/${key}`;
    const found = this.objects.get(id);
    if (method === "PUT") {
      if (headers["if-none-match"] === "*" && found) refuse(409, "conflict", `put "${key}": it is there already`);
      if (headers["if-match"] !== undefined && headers["if-match"] !== found?.etag) refuse(409, "conflict", `put "${key}": another etag`);
      const bytes = await collect(request);
      const etag = `"${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}"`;
      const meta = Object.entries(headers).filter(([name]) => name.startsWith("x-sf-meta-"));
      this.objects.set(id, { bytes, etag, type: headers["content-type"], meta, modified: new Date("2026-01-02T03:04:05Z") });
      return json(response, { etag, size: bytes.length });
    }
    if (method === "DELETE") {
      this.objects.delete(id);
      return response.writeHead(204).end();
    }
    if (method !== "GET" && method !== "HEAD") this.#bad(`${method} of an object`);
    if (!found) refuse(404, "not-found", `there is no "${key}"`);
    const answer = { "content-type": found.type, etag: found.etag, "last-modified": found.modified.toUTCString(), ...Object.fromEntries(found.meta) };
    const range = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? "");
    if (range === null) return response.writeHead(200, { ...answer, "content-length": found.bytes.length }).end(method === "HEAD" ? "" : found.bytes);
    const size = found.bytes.length;
    const [from, to] = [Number(range[1]), Math.min(range[2] === "" ? size - 1 : Number(range[2]), size - 1)];
    if (from >= size) refuse(416, "range-not-satisfiable", `get "${key}": it has ${size} bytes`);
    const part = found.bytes.subarray(from, to + 1);
    const extent = { "content-range": `bytes ${from}-${to}/${size}`, "content-length": part.length };
    return response.writeHead(206, { ...answer, ...extent }).end(part);
  }

  #list(response, query) {
    for (const name of query.keys()) if (!["prefix", "delimiter", "limit", "cursor"].includes(name)) this.#bad(`list: ${name}`);
    const prefix = query.get("prefix") ?? "";
    const delimiter = query.get("delimiter");
    const keys = [...this.objects.keys()].map((id) => id.slice(id.indexOf("/") + 1)).filter((key) => key.startsWith(prefix)).sort();
    const inner = (key) => (delimiter === null ? -1 : key.indexOf(delimiter, prefix.length));
    const prefixes = [...new Set(keys.filter((key) => inner(key) >= 0).map((key) => key.slice(0, inner(key) + 1)))];
    const from = Number(query.get("cursor") ?? 0);
    const limit = Number(query.get("limit") ?? 1000);
    const own = keys.filter((key) => inner(key) < 0);
    const objects = own.slice(from, from + limit).map((key) => ({ key, size: 1, etag: '"e"', modified: "2026-01-01T00:00:00Z" }));
    json(response, { objects, prefixes, cursor: from + limit < own.length ? String(from + limit) : null });
  }

  async #url(request, response) {
    const { key, method, expires, ...rest } = await this.#json(request);
    if (Object.keys(rest).length > 0 || !["GET", "PUT"].includes(method)) this.#bad(`url: ${method} ${Object.keys(rest)}`);
    json(response, { url: `http://signed.example/${key}?${method}&${expires}` });
  }

  async #message(request, response, kind, name) {
    const type = request.headers["content-type"];
    const bytes = await collect(request);
    const body = type === "application/json" ? JSON.parse(bytes) : [...bytes];
    const attributes = request.headers["x-sf-attributes"];
    const delay = request.headers["x-sf-delay"];
    if (kind === "topics" && delay !== undefined) this.#bad("a topic's message with a delay");
    this.messages.push({ kind, name, type, body, delay, attributes: attributes && JSON.parse(attributes) });
    json(response, { id: `m${this.messages.length}` });
  }

  async #socket(request, response, connection) {
    if (request.method === "DELETE") {
      this.messages.push({ closed: connection });
      return response.writeHead(204).end();
    }
    const type = request.headers["content-type"];
    const bytes = await collect(request);
    this.messages.push({ connection, type, body: type === "text/plain" ? bytes.toString() : [...bytes] });
    return json(response, { delivered: connection !== "gone" });
  }

  async #call(request, response, name) {
    const payload = await this.#json(request);
    if (name === "fails") refuse(502, "function-threw", 'function "fails" threw RangeError: too much');
    json(response, { name, payload });
  }

  #secret(response, name) {
    const value = this.secrets.get(name) ?? refuse(404, "not-found", `secret "${name}" has no value`, `sf secret set ${name}`);
    response.writeHead(200, { "content-type": "application/octet-stream" }).end(value);
  }
}

const QUERY = ["partition", "sort", "reverse", "limit", "cursor"];

function json(response, value, status = 200) {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
}

async function collect(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}
