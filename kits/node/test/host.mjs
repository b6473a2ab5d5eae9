// A small host that speaks the worker protocol, written from docs/worker-protocol.md and not from the kit's code.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../runtime/main.mjs", import.meta.url));
const WINDOW = 1024 * 1024;
/** Of every invocation, unless a test says otherwise: 2100-01-01. */
const DEADLINE = 4102444800000;

function frame(type, id, payload) {
  const out = Buffer.alloc(9 + payload.length);
  out.writeUInt32BE(5 + payload.length, 0);
  out[4] = type;
  out.writeUInt32BE(id, 5);
  payload.copy(out, 9);
  return out;
}

function requestPayload(head, body, ended) {
  const json = Buffer.from(JSON.stringify(head));
  const size = Buffer.alloc(5);
  size[0] = ended ? 1 : 0;
  size.writeUInt32BE(json.length, 1);
  return Buffer.concat([size, json, body]);
}

function deferred() {
  let settle;
  const promise = new Promise((resolve, reject) => (settle = { resolve, reject }));
  return { promise, ...settle };
}

/** One request in flight. */
class Exchange {
  head = null;
  chunks = [];
  ended = false;
  error = null;
  credited = 0;
  received = 0;
  acknowledged = 0;
  changed = deferred();

  notify() {
    this.changed.resolve();
    this.changed = deferred();
  }

  async until(condition) {
    while (!condition(this)) await this.changed.promise;
    return this;
  }

  get body() {
    return Buffer.concat(this.chunks);
  }
}

/** Starts the kit on `files` (name -> text), with links to other folders (name -> path), and waits for READY or FATAL. */
export async function start(files, { file = "handler.mjs", name = "default", env = {}, links = {} } = {}) {
  const root = await mkdtemp(join(tmpdir(), "kit-"));
  const work = join(root, "work");
  await mkdir(work);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(work, path)), { recursive: true });
    await writeFile(join(work, path), text);
  }
  for (const [path, target] of Object.entries(links)) await symlink(target, join(work, path), "junction");
  const windows = process.platform === "win32";
  const server = createServer();
  await new Promise((resolve) => (windows ? server.listen(0, "127.0.0.1", resolve) : server.listen(join(root, "s"), resolve)));
  const child = spawn(process.execPath, [MAIN], {
    cwd: work,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env.PATH,
      SF_WORKER_SOCKET: windows ? `tcp:127.0.0.1:${server.address().port}` : `unix:${join(root, "s")}`,
      SF_WORKER_TOKEN: "the-token",
      SF_HANDLER_FILE: file,
      SF_HANDLER_EXPORT: name,
      SF_FUNCTION: "hello",
      SF_PROJECT: "demo",
      SF_STAGE: "dev",
      SF_PROVIDER: "self-hosted",
      ...env,
    },
  });
  const host = new Host(root, server, child);
  server.on("connection", (socket) => host.attach(socket));
  await Promise.race([host.started.promise, host.exited.then(() => host.drained())]);
  return host;
}

export class Host {
  ready = null;
  fatal = null;
  stdout = "";
  stderr = "";
  started = deferred();
  #exchanges = new Map();
  #next = 1;
  #buffer = Buffer.alloc(0);

  constructor(root, server, child) {
    this.root = root;
    this.server = server;
    this.child = child;
    child.stdout.on("data", (data) => (this.stdout += data));
    child.stderr.on("data", (data) => (this.stderr += data));
    // `close` rather than `exit`: all output has been read then.
    this.exited = new Promise((resolve) => child.on("close", (code) => resolve(code)));
  }

  attach(socket) {
    this.socket = socket;
    socket.on("error", () => {});
    socket.on("data", (data) => {
      this.#buffer = Buffer.concat([this.#buffer, data]);
      while (this.#buffer.length >= 4) {
        const size = this.#buffer.readUInt32BE(0);
        if (this.#buffer.length < 4 + size) break;
        const [type, id] = [this.#buffer[4], this.#buffer.readUInt32BE(5)];
        this.#frame(type, id, this.#buffer.subarray(9, 4 + size));
        this.#buffer = this.#buffer.subarray(4 + size);
      }
    });
  }

  /** After the worker's exit: reads what it has sent. */
  async drained() {
    // A connection that waits to be accepted is accepted in the next turn of the event loop.
    for (let turn = 0; turn < 2; turn++) await new Promise(setImmediate);
    if (this.socket !== undefined && !this.socket.closed) await new Promise((resolve) => this.socket.once("close", resolve));
  }

  #frame(type, id, payload) {
    if (type === 16 || type === 19) {
      this[type === 16 ? "ready" : "fatal"] = JSON.parse(payload);
      this.started.resolve();
      return;
    }
    const exchange = this.#exchanges.get(id);
    if (type === 4) exchange.credited += payload.readUInt32BE(0);
    if (type === 18) exchange.error = JSON.parse(payload);
    if (type === 17) {
      const end = 5 + payload.readUInt32BE(1);
      exchange.head = JSON.parse(payload.subarray(5, end));
      this.#body(exchange, payload.subarray(end), payload[0]);
    }
    if (type === 2) this.#body(exchange, payload.subarray(1), payload[0]);
    exchange.notify();
  }

  #body(exchange, bytes, flags) {
    exchange.chunks.push(Buffer.from(bytes));
    exchange.received += bytes.length;
    if (exchange.received - exchange.acknowledged > WINDOW) exchange.error = { name: "Overrun", message: "sent without credit" };
    exchange.ended ||= (flags & 1) === 1;
  }

  /** Sends a REQUEST; `more`: further BODY frames follow. */
  send(head, body = Buffer.alloc(0), more = false) {
    const id = this.#next++;
    const exchange = new Exchange();
    exchange.id = id;
    this.#exchanges.set(id, exchange);
    this.socket.write(frame(1, id, requestPayload(head, body, !more)));
    return exchange;
  }

  more(exchange, bytes, ended) {
    this.socket.write(frame(2, exchange.id, Buffer.concat([Buffer.from([ended ? 1 : 0]), bytes])));
  }

  credit(exchange, bytes) {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(bytes);
    exchange.acknowledged += bytes;
    this.socket.write(frame(4, exchange.id, payload));
  }

  cancel(exchange) {
    this.socket.write(frame(3, exchange.id, Buffer.alloc(0)));
  }

  /** A request from start to end, acknowledging the response's body as it comes. */
  async http(method, path, { headers = [], body = "", params = {}, auth = null, deadline = DEADLINE, ...rest } = {}) {
    const head = { kind: "http", id: "inv-1", method, url: `http://market.example${path}`, headers, params, auth, ...rest };
    const exchange = this.send({ ...head, deadline_ms: deadline, trace: TRACE }, Buffer.from(body));
    return this.finish(exchange);
  }

  async event(event, data = "") {
    const head = { kind: "event", id: "inv-2", event, deadline_ms: DEADLINE, trace: TRACE };
    return this.finish(this.send(head, Buffer.from(data)));
  }

  async finish(exchange) {
    await exchange.until((now) => {
      if (now.received > now.acknowledged && !now.ended) this.credit(now, now.received - now.acknowledged);
      return now.ended || now.error !== null;
    });
    return {
      error: exchange.error,
      status: exchange.head?.status,
      headers: exchange.head?.headers,
      header: (name) => exchange.head.headers.find(([key]) => key === name)?.[1],
      body: exchange.body,
      text: exchange.body.toString(),
      json: () => JSON.parse(exchange.body),
    };
  }

  /** Waits until the worker's stdout holds so many whole lines, and gives them. */
  async lines(count) {
    const lines = () => this.stdout.split("\n").slice(0, -1);
    while (lines().length < count) await new Promise((resolve) => this.child.stdout.once("data", resolve));
    return lines();
  }

  async stop() {
    this.socket?.end();
    const code = await this.exited;
    this.server.close();
    await rm(this.root, { recursive: true, force: true });
    return code;
  }
}

export const TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/** Runs `body` against a worker and stops it, whatever happens. */
export async function serving(files, options, body) {
  const host = await start(typeof files === "string" ? { "handler.mjs": files } : files, options);
  try {
    assert.equal(host.fatal, null, host.fatal?.message);
    assert.notEqual(host.ready, null, host.stderr);
    await body(host);
  } finally {
    await host.stop();
  }
}
