// A portable function on AWS Lambda: loads the user's module once, makes a request or a CloudEvent of each invocation, and calls the user's handler with it.
// docs/providers/aws.md says what the function is started with. Put at `.sf-kit/aws` of an artifact, beside the kit that it shares with the other providers.

import { fileURLToPath } from "node:url";

import { Context, identityFrom } from "../context.mjs";
import { IncomingRequest, installGlobals, resultToWire } from "../messages.mjs";
import { loadHandler } from "../worker.mjs";
import { opened } from "./envelope.mjs";
import { answerOf, failureAnswer, isHttp, requestOf } from "./http.mjs";
import { traceOf } from "./trace.mjs";

/** The artifact's root. */
const ROOT = fileURLToPath(new URL("../../", import.meta.url));

function readKit() {
  const text = process.env.SF_KIT;
  // It is the kit's alone. The role's credentials stay: code of the user's own that calls AWS finds them where it looks for them.
  delete process.env.SF_KIT;
  if (text === undefined) throw new Error("SF_KIT is not set: this program is started by functions that `sf` deploys");
  return JSON.parse(text);
}

/** What the drivers know of the function. `arn` is that of the latest invocation: it tells partition, region and account. */
const world = { kit: readKit(), arn: "" };
const { kit } = world;
const who = { SF_FUNCTION: kit.function, SF_PROJECT: kit.project, SF_STAGE: kit.stage, SF_PROVIDER: "aws" };
const identity = identityFrom(who, async () => (await import("./driver.mjs")).driversOf(world));
installGlobals(identity);
const user = await loadHandler(kit.handler.file, kit.handler.export, ROOT).catch((error) => {
  // Lambda logs the stack: that of what went wrong, not of who noticed.
  if (error.details?.stack) error.stack = error.details.stack;
  throw error;
});

/** So long before Lambda ends the process, in milliseconds, what waits is told: later, nobody could hear of it. */
const MARGIN = 50;

/** One call of the user's handler. */
class Invocation {
  #deadline;
  #signal = null;
  incoming;

  constructor(deadline, body) {
    this.#deadline = deadline;
    this.incoming = new WholeBody(body);
  }

  /** Made only for handlers that look at it. */
  get signal() {
    return (this.#signal ??= AbortSignal.timeout(Math.max(0, this.#deadline - MARGIN - Date.now())));
  }
}

/** The body of a request, all of it here. */
class WholeBody {
  #bytes;

  constructor(bytes) {
    this.#bytes = bytes;
  }

  get isEmpty() {
    return this.#bytes.length === 0;
  }

  async read() {
    const bytes = this.collect();
    return bytes.length === 0 ? null : bytes;
  }

  collect() {
    const bytes = this.#bytes;
    this.#bytes = Buffer.alloc(0);
    return bytes;
  }
}

/** Lambda's entry. */
export async function handler(given, lambda) {
  const [event, context] = opened(given, lambda);
  world.arn = context.invokedFunctionArn;
  const head = { id: context.awsRequestId, deadline_ms: Date.now() + context.getRemainingTimeInMillis(), trace: traceOf(event, context) };
  // A call may pass on what looks like a request; who calls says so.
  if (isHttp(event) && !context.clientContext) return await http(event, head);
  const { deliver } = await import("./deliver.mjs");
  const ctx = new Context(head, identity, new Invocation(head.deadline_ms, Buffer.alloc(0)));
  return await deliver(event, context, { world, ctx, user });
}

async function http(event, head) {
  const { method, url, headers, params, auth, body } = requestOf(event);
  const invocation = new Invocation(head.deadline_ms, body);
  const ctx = new Context({ ...head, params, auth }, identity, invocation);
  try {
    const request = new IncomingRequest({ method, url, headers }, invocation.incoming, invocation);
    return await answerOf(resultToWire(await user(request, ctx)), method);
  } catch (error) {
    ctx.log.error("the handler failed", { error });
    return failureAnswer();
  }
}
