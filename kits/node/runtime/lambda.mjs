// `interface = "lambda"`: calls an AWS Lambda handler as AWS's own Node.js runtime does, with the events that it knows. Loaded in the place of
// the portable interface's part (messages.mjs). What HTTP and the other events look like is in files of their own, loaded as needed.

import { Writable } from "node:stream";

/** Where the handler is told that it runs. Nothing is there: the account is nobody's. */
export const ACCOUNT = "000000000000";
const DEFAULT_REGION = "us-east-1";

/** The mark that `awslambda.streamifyResponse` leaves on a handler. */
const STREAMING = Symbol.for("aws.lambda.runtime.handler.streaming");
const PRELUDE_TYPE = "application/vnd.awslambda.http-integration-response";

export function region() {
  return process.env.AWS_REGION;
}

/** What Lambda's runtime puts in place before user code is loaded; what the function's own environment says stays. */
export function installGlobals(identity) {
  globalThis.awslambda = {
    streamifyResponse(handler) {
      handler[STREAMING] = "response";
      return handler;
    },
    HttpResponseStream: {
      from(stream, prelude) {
        stream.setContentType(PRELUDE_TYPE);
        stream._onBeforeFirstWrite = (write) => {
          write(JSON.stringify(prelude));
          write(new Uint8Array(8));
        };
        return stream;
      },
    },
  };
  const awsRegion = process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION ?? DEFAULT_REGION;
  const variables = {
    AWS_REGION: awsRegion,
    AWS_DEFAULT_REGION: awsRegion,
    AWS_LAMBDA_FUNCTION_NAME: identity.function,
    AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: process.env.SF_MEMORY ?? "128",
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${identity.function}`,
    AWS_LAMBDA_LOG_STREAM_NAME: `${identity.stage}/[$LATEST]${process.pid}`,
    LAMBDA_TASK_ROOT: process.cwd(),
    _HANDLER: `${process.env.SF_HANDLER_FILE.replace(/\.[cm]?js$/, "")}.${process.env.SF_HANDLER_EXPORT}`,
  };
  for (const [name, value] of Object.entries(variables)) process.env[name] ??= value;
}

/** The lambda interface: an event of AWS's shape, its context, and a promise or a callback for the answer. */
export function callsOf(handler, identity) {
  const version = process.env.SF_PAYLOAD === "1.0" ? "1.0" : "2.0";
  const isStreaming = handler[STREAMING] === "response";
  return {
    async http(head, invocation) {
      const { httpEvent, httpResponse } = await import("./lambda-http.mjs");
      const event = httpEvent(version, head, await invocation.incoming.collect(), identity);
      const context = contextOf(head);
      if (isStreaming) return stream(handler, event, context);
      return httpResponse(version, await call(handler, event, context));
    },
    async event(head, invocation) {
      const { lambdaEvent, lambdaResult } = await import("./lambda-events.mjs");
      const event = await lambdaEvent(head, invocation.incoming, identity);
      const context = contextOf(head);
      const result = isStreaming ? await streamed(handler, event, context) : await call(handler, event, context);
      return lambdaResult(head.event, event, result);
    },
  };
}

function contextOf(head) {
  const { env } = process;
  const name = env.AWS_LAMBDA_FUNCTION_NAME;
  return {
    // Kept as it is set, without a meaning: a worker stays, and what is left in its event loop goes on.
    callbackWaitsForEmptyEventLoop: true,
    functionName: name,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    invokedFunctionArn: `arn:aws:lambda:${region()}:${ACCOUNT}:function:${name}`,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    awsRequestId: head.id,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    identity: undefined,
    clientContext: undefined,
    getRemainingTimeInMillis: () => head.deadline_ms - Date.now(),
  };
}

/** The handler's answer, however it gives it; only its first one counts. */
function call(handler, event, context) {
  return new Promise((resolve, reject) => {
    const callback = (error, result) => (error === undefined || error === null ? resolve(result) : reject(error));
    let isLegacy = false;
    const legacy = { done: callback, succeed: resolve, fail: (error) => reject(error ?? "handled") };
    for (const [name, value] of Object.entries(legacy)) {
      const get = () => {
        isLegacy = true;
        return value;
      };
      Object.defineProperty(context, name, { get, enumerable: true, configurable: true });
    }
    const result = handler(event, context, callback);
    if (typeof result?.then === "function") {
      result.then(resolve, reject);
    } else if (handler.length < 3 && !isLegacy) {
      // As on Lambda, what is returned is no answer. There it is null once the event loop is empty; a worker's never is, but a handler that
      // takes no callback has no way left to answer.
      resolve(null);
    }
  });
}

/** The response of a handler that writes it, as soon as its head is known. */
async function stream(handler, event, context) {
  const response = new ResponseStream();
  start(handler, event, response, context);
  const { type, prelude, body } = await response.opened;
  const { streamHead } = await import("./lambda-http.mjs");
  try {
    return { ...streamHead(type, prelude), body };
  } catch (error) {
    response.destroy(error);
    throw error;
  }
}

/** All that a streaming handler writes, for events that are answered with one value. */
async function streamed(handler, event, context) {
  const response = new ResponseStream();
  start(handler, event, response, context);
  const { body } = await response.opened;
  const chunks = [];
  for await (const chunk of body) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The response ends when its stream does, which may be after the handler's promise. */
function start(handler, event, response, context) {
  Promise.resolve()
    .then(() => handler(event, response, context))
    .catch((error) => response.destroy(error instanceof Error ? error : new Error(String(error))));
}

/** Text and bytes are written as they are, anything else as JSON. */
function asText(chunk) {
  return typeof chunk === "string" || chunk instanceof Uint8Array ? chunk : JSON.stringify(chunk);
}

/** The stream that a streaming handler writes to. A prelude (JSON, then eight zero bytes) is taken off its start. */
class ResponseStream extends Writable {
  #type = "application/octet-stream";
  #begun = false;
  /** What has been written before the head was known. */
  #start = Buffer.alloc(0);
  #isOpen = false;
  #settle;
  #controller;
  /** Ends the write that waits for the reader. */
  #taken = null;

  /** `{ type, prelude, body }`, once known. */
  opened = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
  #body = new ReadableStream(
    {
      start: (controller) => void (this.#controller = controller),
      pull: () => this.#release(),
      cancel: (reason) => void this.destroy(reason instanceof Error ? reason : new Error("nobody waits for the response any more")),
    },
    { highWaterMark: 0 },
  );

  constructor() {
    super();
    // Whoever waits for the response hears of it; a handler need not listen too.
    this.on("error", () => {});
    this.opened.catch(() => {});
  }

  setContentType(type) {
    if (this.#begun) throw new Error("the content type is set after the first write");
    this.#type = type;
  }

  write(chunk, ...rest) {
    this.#begin();
    return super.write(asText(chunk), ...rest);
  }

  end(chunk, ...rest) {
    this.#begin();
    const isChunk = chunk !== undefined && chunk !== null && typeof chunk !== "function";
    return super.end(isChunk ? asText(chunk) : chunk, ...rest);
  }

  #begin() {
    if (this.#begun) return;
    this.#begun = true;
    this._onBeforeFirstWrite?.((chunk) => super.write(chunk));
  }

  _write(chunk, _encoding, done) {
    const rest = this.#isOpen ? chunk : this.#open(chunk);
    if (rest === null || rest.length === 0) return done();
    this.#taken = done;
    this.#controller.enqueue(new Uint8Array(rest));
  }

  /** Looks for the end of the prelude; what follows it, or null as long as it has not come. */
  #open(chunk) {
    if (this.#type !== PRELUDE_TYPE) {
      this.#opens(this.#type, {});
      return chunk;
    }
    this.#start = Buffer.concat([this.#start, chunk]);
    const end = this.#start.indexOf(Buffer.alloc(8));
    if (end < 0) return null;
    this.#opens(undefined, JSON.parse(this.#start.subarray(0, end).toString()));
    return this.#start.subarray(end + 8);
  }

  #opens(type, prelude) {
    this.#isOpen = true;
    this.#settle.resolve({ type, prelude, body: this.#body });
  }

  #release() {
    const done = this.#taken;
    this.#taken = null;
    done?.();
  }

  _final(done) {
    if (!this.#isOpen) this.#opens(this.#type === PRELUDE_TYPE ? undefined : this.#type, {});
    this.#controller.close();
    done();
  }

  _destroy(error, done) {
    if (error !== null) {
      this.#settle.reject(error);
      try {
        this.#controller.error(error);
      } catch {
        // Closed or cancelled: nobody reads it.
      }
    }
    this.#release();
    done(error);
  }
}
