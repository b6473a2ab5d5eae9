// The frames of docs/worker-protocol.md: `u32` length, `u8` type, `u32` request id, payload; integers big-endian.

export const REQUEST = 1;
export const BODY = 2;
export const CANCEL = 3;
export const CREDIT = 4;
export const READY = 16;
export const RESPONSE = 17;
export const ERROR = 18;
export const FATAL = 19;

/** Flag bit 0 of REQUEST, RESPONSE and BODY: the body ends here. */
export const END = 1;
/** How many bytes of one body may be unacknowledged. */
export const WINDOW = 1024 * 1024;
/** Longest frame, in bytes after the length. */
const MAX_FRAME = 16 * 1024 * 1024;
/** Bytes of `u32` length, `u8` type and `u32` id. */
const PREFIX = 9;

/** Cuts the incoming bytes into frames. Payloads are views into the received chunks wherever a frame lies in one chunk. */
export class FrameReader {
  #chunks = [];
  #length = 0;
  #need = 4;
  #onFrame;

  /** @param {(type: number, id: number, payload: Buffer) => void} onFrame */
  constructor(onFrame) {
    this.#onFrame = onFrame;
  }

  /** Takes received bytes. Throws when the other side breaks the protocol. */
  push(chunk) {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    if (this.#length < this.#need) return;
    const data = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#length);
    let at = 0;
    let need = 4;
    while (data.length - at >= 4) {
      const size = data.readUInt32BE(at);
      if (size < 5 || size > MAX_FRAME) throw new Error(`worker protocol: a frame of ${size} bytes`);
      need = 4 + size;
      if (data.length - at < need) break;
      this.#onFrame(data[at + 4], data.readUInt32BE(at + 5), data.subarray(at + PREFIX, at + need));
      at += need;
      need = 4;
    }
    this.#chunks = at === data.length ? [] : [at === 0 ? data : data.subarray(at)];
    this.#length = data.length - at;
    this.#need = need;
  }
}

/** Splits the payload of a REQUEST into flags, head and the first bytes of the body. */
export function decodeRequest(payload) {
  const end = 5 + payload.readUInt32BE(1);
  if (end > payload.length) throw new Error("worker protocol: a head longer than its frame");
  return {
    ended: (payload[0] & END) !== 0,
    head: JSON.parse(payload.utf8Slice(5, end)),
    body: payload.subarray(end),
  };
}

/** A frame whose payload is a JSON value. */
export function encodeJson(type, id, value) {
  const json = JSON.stringify(value);
  const size = Buffer.byteLength(json);
  const frame = Buffer.allocUnsafe(PREFIX + size);
  prefix(frame, 5 + size, type, id);
  frame.utf8Write(json, PREFIX);
  return frame;
}

/** A CREDIT frame. */
export function encodeCredit(id, bytes) {
  const frame = Buffer.allocUnsafe(PREFIX + 4);
  prefix(frame, 9, CREDIT, id);
  frame.writeUInt32BE(bytes, PREFIX);
  return frame;
}

/** The part of a BODY frame that precedes `size` bytes of body. */
export function encodeBodyPrefix(id, size, ended) {
  const frame = Buffer.allocUnsafe(PREFIX + 1);
  prefix(frame, 6 + size, BODY, id);
  frame[PREFIX] = ended ? END : 0;
  return frame;
}

/** A RESPONSE frame. `body` is a string, bytes or null, short enough for one frame. */
export function encodeResponse(id, status, headers, body, ended) {
  const head = `{"status":${status},"headers":${headers.length === 0 ? "[]" : JSON.stringify(headers)}}`;
  const headSize = Buffer.byteLength(head);
  const isText = typeof body === "string";
  const bodySize = isText ? Buffer.byteLength(body) : body === null ? 0 : body.length;
  const frame = Buffer.allocUnsafe(PREFIX + 5 + headSize + bodySize);
  prefix(frame, 10 + headSize + bodySize, RESPONSE, id);
  frame[PREFIX] = ended ? END : 0;
  frame.writeUInt32BE(headSize, PREFIX + 1);
  frame.utf8Write(head, PREFIX + 5);
  if (isText) frame.utf8Write(body, PREFIX + 5 + headSize);
  else if (body !== null) frame.set(body, PREFIX + 5 + headSize);
  return frame;
}

/** JSON in which `{"$bytes": "base64"}` stands for bytes, as docs/data-api.md has it. */
export function parseWithBytes(text) {
  return text.includes('"$bytes"') ? JSON.parse(text, reviveBytes) : JSON.parse(text);
}

/** A reviver: bytes for `{"$bytes": "base64"}`, all else as it is. */
export function reviveBytes(_key, value) {
  const isBytes = value !== null && typeof value === "object" && typeof value.$bytes === "string" && Object.keys(value).length === 1;
  return isBytes ? new Uint8Array(Buffer.from(value.$bytes, "base64")) : value;
}

function prefix(frame, size, type, id) {
  frame.writeUInt32BE(size, 0);
  frame[4] = type;
  frame.writeUInt32BE(id, 5);
}

// Bodies under the protocol's flow control: what arrives is acknowledged as it is read, what leaves waits for credit.

/** Acknowledge in steps of so many bytes: well below the window, so that a reader that keeps up never stalls the sender. */
const CREDIT_STEP = 256 * 1024;
/** Largest piece of a body in one frame: a long body must not hold up the other requests on the connection. */
const PIECE = 256 * 1024;
const EMPTY = Buffer.alloc(0);

/** The body of a request as it comes in. One reader at a time. */
export class IncomingBody {
  #connection;
  #id;
  #chunks;
  #ended;
  #error = null;
  #wake = null;
  #unacknowledged = 0;

  constructor(connection, id, first, ended) {
    this.#connection = connection;
    this.#id = id;
    this.#chunks = first.length === 0 ? [] : [first];
    this.#ended = ended;
  }

  /** Nothing came and nothing will. */
  get isEmpty() {
    return this.#ended && this.#chunks.length === 0;
  }

  /** A BODY frame arrived. */
  push(bytes, ended) {
    if (bytes.length > 0) this.#chunks.push(bytes);
    this.#ended ||= ended;
    this.#notify();
  }

  /** The rest will never come. */
  fail(error) {
    if (this.#ended) return;
    this.#error = error;
    this.#notify();
  }

  /** The next bytes, or null at the end. */
  async read() {
    while (this.#chunks.length === 0) {
      if (this.#error !== null) throw this.#error;
      if (this.#ended) return null;
      await new Promise((resolve) => (this.#wake = resolve));
    }
    const chunk = this.#chunks.shift();
    this.#acknowledge(chunk.length);
    return chunk;
  }

  /** All of it: a buffer at once when it has arrived, else a promise of one. */
  collect() {
    if (!this.#ended) return this.#collectRest();
    const chunks = this.#chunks;
    this.#chunks = [];
    return chunks.length === 0 ? EMPTY : chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
  }

  async #collectRest() {
    const chunks = [];
    for (let chunk = await this.read(); chunk !== null; chunk = await this.read()) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  #acknowledge(bytes) {
    this.#unacknowledged += bytes;
    if (this.#ended || this.#unacknowledged < CREDIT_STEP) return;
    this.#connection.write(encodeCredit(this.#id, this.#unacknowledged));
    this.#unacknowledged = 0;
  }

  #notify() {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}

/** The body of a response as it goes out, after the RESPONSE frame. */
export class OutgoingBody {
  #connection;
  #id;
  #window;
  #stopped = false;
  #wake = null;

  /** `sent`: bytes that the RESPONSE frame carried. */
  constructor(connection, id, sent) {
    this.#connection = connection;
    this.#id = id;
    this.#window = WINDOW - sent;
  }

  /** The receiver took so many bytes. */
  credit(bytes) {
    this.#window += bytes;
    this.#notify();
  }

  /** Nobody wants the rest. */
  stop() {
    this.#stopped = true;
    this.#notify();
  }

  /** Sends bytes, waiting for credit as needed. False when nobody wants them any more. */
  async send(bytes, ended) {
    let at = 0;
    do {
      while (this.#window <= 0 && at < bytes.length && !this.#stopped) {
        await new Promise((resolve) => (this.#wake = resolve));
      }
      if (this.#stopped) return false;
      const size = Math.min(bytes.length - at, this.#window, PIECE);
      const last = at + size === bytes.length;
      this.#connection.write(encodeBodyPrefix(this.#id, size, ended && last));
      if (size > 0) this.#connection.write(bytes.subarray(at, at + size));
      this.#window -= size;
      at += size;
    } while (at < bytes.length);
    return true;
  }

  #notify() {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}
