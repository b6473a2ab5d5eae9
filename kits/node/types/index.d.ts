// What a handler of `sf` is given, for editors and for `tsc`. `sf` writes this file to `.sf/types/node.d.ts` of a project.
//
//   JavaScript   /** @type {import("../.sf/types/node.d.ts").HttpHandler} */
//   TypeScript   import type { Context } from "../.sf/types/node.d.ts";
//
// It needs TypeScript's `dom` library, or `@types/node`, for `Request`, `Response` and `ReadableStream`.

/** A function for HTTP. `undefined` and `null` are answered with 204, text and JSON values with 200. */
export type HttpHandler = (request: Request, ctx: Context) => HttpResult | Promise<HttpResult>;
export type HttpResult = Response | string | Uint8Array | object | number | boolean | null | undefined | void;

/** A function for events. A throw means "deliver again"; what it returns is the answer to a call, and is ignored by most other events. */
export type EventHandler<E extends CloudEvent = CloudEvent, R = any> = (event: E, ctx: Context) => R | Promise<R>;

/** A function of `on = [{ queue = … }]`. The messages whose ids it returns are delivered again, the others are done. */
export type QueueHandler<Body = unknown> = EventHandler<QueueEvent<Body>, { failed: string[] } | null | undefined | void>;
/** A function of `on = [{ topic = … }]`. */
export type TopicHandler<Data = unknown> = EventHandler<TopicEvent<Data>>;
/** A function of `on = [{ bucket = … }]`. */
export type BucketHandler = EventHandler<BucketEvent>;
/** A function of `on = [{ table = … }]`. */
export type TableHandler<I extends object = Item> = EventHandler<TableEvent<I>>;
/** A function of `on = [{ schedule = … }]`. */
export type ScheduleHandler = EventHandler<ScheduleEvent>;
/** `connect = …` of a socket. It refuses the client by a throw, or by a status of 400 or more. */
export type ConnectHandler = EventHandler<SocketConnectEvent, { status: number } | null | undefined | void>;
/** `message = …` of a socket. */
export type MessageHandler = EventHandler<SocketMessageEvent>;
/** `disconnect = …` of a socket. */
export type DisconnectHandler = EventHandler<SocketDisconnectEvent>;
/** A function that others call, by `ctx.call` or `sf invoke`. */
export type CallHandler<Payload = unknown, R = any> = EventHandler<CallEvent<Payload>, R>;

// The invocation

/** The second argument of every handler: the invocation, and the way to the project's resources. */
export interface Context {
  /** The route's parameters, percent-decoded: `{ id: "7" }` of `GET /profiles/{id}`. */
  readonly params: Readonly<Record<string, string>>;
  /** The verified claims of the caller's token; null where the route asks for none. */
  readonly auth: Readonly<Claims> | null;
  /** The invocation's id, as in the logs. */
  readonly id: string;
  /** The function's name in `sf.toml`. */
  readonly function: string;
  readonly project: string;
  readonly stage: string;
  /** `self-hosted`, `aws`, … */
  readonly provider: string;
  /** When the invocation is cut off. */
  readonly deadline: Date;
  /** The W3C `traceparent`. */
  readonly trace: string;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** Writes one line of JSON, with the invocation's and the trace's ids. */
  readonly log: Log;

  /** A table that `uses` grants. */
  table<I extends object = Item>(name: string): Table<I>;
  /** A bucket that `uses` grants. */
  bucket(name: string): Bucket;
  /** A queue that `uses` grants. */
  queue(name: string): Queue;
  /** A topic that `uses` grants. */
  topic(name: string): Topic;
  /** A socket that `uses` grants. */
  socket(name: string): Socket;
  /** Calls another function (`uses = { match = "call" }`) and gives what it returns. Once: it is not repeated when it fails. */
  call<R = any>(name: string, payload?: unknown): Promise<R>;
  /** The value of a secret (`secrets = ["smtp-password"]`), kept for five minutes. */
  secret(name: string): Promise<string>;
}

/** The claims of a token, as its issuer made them. */
export interface Claims {
  sub?: string;
  [claim: string]: unknown;
}

export interface Log {
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
}

// Errors

/**
 * What the calls of `ctx` throw. Tell them apart by `code`:
 *
 *     try {
 *       await profiles.put(item, { ifAbsent: true });
 *     } catch (error) {
 *       if (error.code !== "conflict") throw error;
 *     }
 */
export interface SfError extends Error {
  readonly name: "SfError" | "Conflict" | "NotGranted" | "NotFound" | "TooLarge" | "NotAvailable";
  readonly code: ErrorCode;
  /** What to do about it. */
  readonly hint?: string;
  /** Of the answer, where there was one. */
  readonly status?: number;
}

export type ErrorCode =
  /** A condition (`ifAbsent`, `ifVersion`, `ifMatch`) did not hold. */
  | "conflict"
  /** `uses` does not grant it; the hint is the line to add. */
  | "not-granted"
  /** There is no such resource, or no value of that secret. */
  | "not-found"
  /** More than the limit, which the message names. */
  | "too-large"
  /** Something in the request is not as it must be. */
  | "bad-request"
  /** A range beyond the object's end. */
  | "range-not-satisfiable"
  /** The called function threw, or took too long. */
  | "function-threw"
  | "function-timed-out"
  /** The disk is full. */
  | "storage-full"
  /** The invocation's deadline has come. */
  | "timed-out"
  /** The connection broke. Whether the call took effect is not known. */
  | "unreachable"
  /** The provider does not offer it. */
  | "not-available"
  | (string & {});

// Results in pages

/**
 * A result in pages. `for await (const item of …)` fetches them one by one, as it goes; `page()` gives one. With a `limit`, at most
 * so many items either way.
 */
export interface Pages<T, P = Page<T>> extends AsyncIterable<T> {
  page(): Promise<P>;
}

export interface Page<T> {
  items: T[];
  /** Where to go on, as the `cursor` of the next call; null at the end. */
  cursor: string | null;
}

export interface PageOptions {
  /** At most so many. Without it: all when iterated over, 100 in a page (1,000 of a bucket). */
  limit?: number;
  /** Of an earlier page. */
  cursor?: string | null;
}

// Tables

/**
 * An item has its table's key attributes, and is at most 400 KB as JSON. Beside what JSON has it may hold bytes, which come back as `Uint8Array`.
 * `undefined` is left out, a `Date` becomes its ISO text.
 */
export type Item = Record<string, any>;
/** A part of a key. */
export type KeyPart = string | number | Uint8Array;

/** Reads see every write that was answered before them. */
export interface Table<I extends object = Item> {
  /** The item with this key, or null: `get({ id: "7" })`. */
  get(key: Partial<I>): Promise<I | null>;
  /** Writes an item in place of that with the same key. */
  put(item: I, options?: PutOptions): Promise<{ version: string }>;
  /** Whether there was one. */
  delete(key: Partial<I>, options?: { ifVersion?: string }): Promise<boolean>;
  /** The items of one partition, in the order of the sort key. */
  query(partition: KeyPart, options?: QueryOptions): Pages<I>;
  /** All items, in no promised order. */
  scan(options?: PageOptions): Pages<I>;
  /** The version of an item that a call of `ctx` gave or took, for `ifVersion`. */
  version(item: I): string | undefined;
}

export interface PutOptions {
  /** Only if there is none with this key; else it fails with `conflict`. */
  ifAbsent?: boolean;
  /** Only if the stored item has this version; else it fails with `conflict`. */
  ifVersion?: string;
}

export interface QueryOptions extends PageOptions {
  /** Which of the sort keys; `between` includes both. */
  sort?: SortRange;
  /** From the last to the first. */
  reverse?: boolean;
}

export type SortRange =
  | { eq: KeyPart }
  | { lt: KeyPart }
  | { lte: KeyPart }
  | { gt: KeyPart }
  | { gte: KeyPart }
  | { between: [KeyPart, KeyPart] }
  | { prefix: string };

// Buckets

export interface Bucket {
  /** The object, or null. Read its body or cancel it: it holds a connection until then. `range`: the first and the last byte. */
  get(key: string, options?: { range?: [first: number, last?: number] }): Promise<StoredObject | null>;
  /** What is known of an object, or null. */
  head(key: string): Promise<ObjectFacts | null>;
  /** Stores all of the body, or nothing. Streams pass through; they are not collected. */
  put(key: string, body: ObjectBody, options?: ObjectOptions): Promise<{ etag: string; size: number }>;
  /** Also if there is none. */
  delete(key: string): Promise<void>;
  /** The objects by their keys, in the order of the keys' bytes. */
  list(options?: ListOptions): Pages<ListedObject, ListPage>;
  /** A link with which whoever has it may do just this, until it expires (after 15 minutes, or `expires` seconds). */
  url(key: string, options?: { method?: "GET" | "PUT"; expires?: number }): Promise<string>;
}

/** Text, bytes, a stream of either, or something that has a body: a `Request`, a `Response`, a stored object, a `Blob`. */
export type ObjectBody =
  | string
  | ArrayBuffer
  | ArrayBufferView
  | Blob
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array | string>
  | { readonly body: ReadableStream<Uint8Array> | null; arrayBuffer(): Promise<ArrayBuffer> };

export interface ObjectOptions {
  /** Without it: the body's own, else `text/plain` for text and `application/octet-stream` for bytes. */
  contentType?: string;
  /** Names of letters, digits, `-` and `_`; values of ASCII text. */
  metadata?: Record<string, string>;
  /** Only if there is none with this key; else it fails with `conflict`. */
  ifAbsent?: boolean;
  /** Only if the stored one has this etag; else it fails with `conflict`. */
  ifMatch?: string;
}

export interface ObjectFacts {
  /** Bytes of the whole object, also when a range was asked for. */
  readonly size: number;
  readonly etag: string;
  readonly contentType: string;
  /** Names in lower case. */
  readonly metadata: Record<string, string>;
  readonly modified: Date;
}

/** Its body is read once, as that of a `Response`. */
export interface StoredObject extends ObjectFacts {
  readonly body: ReadableStream<Uint8Array>;
  readonly bodyUsed: boolean;
  text(): Promise<string>;
  json<T = any>(): Promise<T>;
  bytes(): Promise<Uint8Array>;
  arrayBuffer(): Promise<ArrayBuffer>;
}

export interface ListOptions extends PageOptions {
  prefix?: string;
  /** Keys that have it after the prefix are not listed, but gathered up to it in `prefixes` of the page. */
  delimiter?: string;
}

export interface ListedObject {
  key: string;
  size: number;
  etag: string;
  modified: Date;
}

export interface ListPage extends Page<ListedObject> {
  prefixes: string[];
}

// Queues, topics, sockets

export interface Queue {
  /** JSON, or bytes as they are; at most 256 KiB. `delay`: seconds, at most 900. */
  send(body: unknown, options?: { delay?: number }): Promise<{ id: string }>;
}

export interface Topic {
  /** JSON, or bytes as they are; at most 256 KiB, and 10 attributes. */
  publish(body: unknown, attributes?: Record<string, string>): Promise<{ id: string }>;
}

export interface Socket {
  /** Text and values (as JSON) in a text frame, bytes in a binary one. False when the client is gone. */
  send(connection: string, data: unknown): Promise<boolean>;
  close(connection: string): Promise<void>;
}

// Events: CloudEvents 1.0

export type CloudEvent =
  | ScheduleEvent
  | QueueEvent
  | TopicEvent
  | BucketCreatedEvent
  | BucketRemovedEvent
  | TableEvent
  | SocketConnectEvent
  | SocketMessageEvent
  | SocketDisconnectEvent
  | CallEvent;

interface EventOf<Type extends string, Data> {
  readonly specversion: "1.0";
  /** The same for every delivery of one event. */
  readonly id: string;
  readonly type: Type;
  /** `/queues/mail`, `/buckets/portraits`, … */
  readonly source: string;
  /** RFC 3339. */
  readonly time: string;
  readonly datacontenttype?: string;
  readonly data: Data;
}

export type ScheduleEvent = EventOf<"sf.schedule", { expression: string; timezone: string }>;

export type QueueEvent<Body = unknown> = EventOf<"sf.queue", { messages: QueueMessage<Body>[] }>;

export interface QueueMessage<Body = unknown> {
  readonly id: string;
  /** A JSON value, or a `Uint8Array`. */
  readonly body: Body;
  /** 1 at the first delivery. */
  readonly attempt: number;
  /** RFC 3339. */
  readonly sent: string;
}

/** `data` is a JSON value, or a `Uint8Array`. */
export type TopicEvent<Data = unknown> = EventOf<"sf.topic", Data> & { readonly attributes?: Record<string, string> };

export type BucketEvent = BucketCreatedEvent | BucketRemovedEvent;

export type BucketCreatedEvent = EventOf<"sf.bucket.created", CreatedObject> & {
  /** The key. */
  readonly subject: string;
};

export interface CreatedObject {
  readonly bucket: string;
  readonly key: string;
  readonly size: number;
  readonly etag: string;
  /** Not on every provider. */
  readonly contentType?: string;
}

export type BucketRemovedEvent = EventOf<"sf.bucket.removed", { bucket: string; key: string }> & {
  /** The key. */
  readonly subject: string;
};

export type TableEvent<I extends object = Item> = EventOf<"sf.table", TableChange<I>> & {
  /** The key as JSON. */
  readonly subject: string;
};

export interface TableChange<I extends object = Item> {
  readonly change: "insert" | "update" | "remove";
  readonly key: Partial<I>;
  /** Null of an insert. */
  readonly before: I | null;
  /** Null of a removal. */
  readonly after: I | null;
}

interface OnConnection {
  /** The connection's id, for `ctx.socket(name).send`. */
  readonly connection: string;
}

export type SocketConnectEvent = EventOf<"sf.socket.connect", { headers: Record<string, string>; query: Record<string, string> }> & OnConnection;
/** `data` is the text of a text frame, or the bytes of a binary one. */
export type SocketMessageEvent = EventOf<"sf.socket.message", string | Uint8Array> & OnConnection;
export type SocketDisconnectEvent = EventOf<"sf.socket.disconnect", { code: number }> & OnConnection;

export type CallEvent<Payload = unknown> = EventOf<"sf.call" | "sf.invoke", Payload>;
