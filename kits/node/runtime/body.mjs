// Bodies under the protocol's flow control: what arrives is acknowledged as it is read, what leaves waits for credit.

import { WINDOW, encodeBodyPrefix, encodeCredit } from "./frames.mjs";

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
