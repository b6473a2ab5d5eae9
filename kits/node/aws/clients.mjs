// The AWS SDK that Lambda's runtime carries: one client a service, made at its first use, and its errors as the kit's own.

import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { createRequire } from "node:module";
import { join } from "node:path";

import { SfError, failure } from "../context.mjs";

/** Service -> package, class, settings. */
const SERVICES = {
  dynamodb: ["client-dynamodb", "DynamoDBClient"],
  // Without checksums that nobody asked for: they would be in every link, and make a stream one of chunks.
  s3: ["client-s3", "S3Client", { requestChecksumCalculation: "WHEN_REQUIRED", responseChecksumValidation: "WHEN_REQUIRED" }],
  sqs: ["client-sqs", "SQSClient", { useQueueUrlAsEndpoint: false }],
  sns: ["client-sns", "SNSClient"],
  sockets: ["client-apigatewaymanagementapi", "ApiGatewayManagementApiClient"],
  lambda: ["client-lambda", "LambdaClient"],
  secrets: ["client-secrets-manager", "SecretsManagerClient"],
};

/** The runtime's own SDK, whatever version the artifact may have: an old one would leave out a condition that it does not know. */
function requirers() {
  const own = createRequire(import.meta.url);
  const runtime = process.env.LAMBDA_RUNTIME_DIR;
  return runtime === undefined ? [own] : [createRequire(join(runtime, "index.js")), own];
}

export function sdk(name) {
  const tries = requirers();
  for (const [index, require] of tries.entries()) {
    try {
      return require(`@aws-sdk/${name}`);
    } catch (error) {
      if (error.code !== "MODULE_NOT_FOUND" || index + 1 === tries.length) throw error;
    }
  }
}

/** So many connections at once; others wait for one to be free. */
const SOCKETS = { keepAlive: true, maxSockets: 128, scheduling: "lifo" };
const agents = { httpAgent: new HttpAgent(SOCKETS), httpsAgent: new HttpsAgent(SOCKETS) };
/** When a connection was last used. */
const freed = new WeakMap();
for (const agent of Object.values(agents)) agent.on("free", (socket) => freed.set(socket, Date.now()));
/** Longer than so, in milliseconds, a connection is not trusted with a call that is made once: the function may have been frozen, and the other side gone. */
const IDLE = 2000;

function closeIdle() {
  for (const agent of Object.values(agents)) {
    for (const socket of Object.values(agent.freeSockets).flat()) {
      if (Date.now() - (freed.get(socket) ?? 0) > IDLE) socket.destroy();
    }
  }
}

/** For calls that are made once: again only what was refused for now, and so has had no effect. */
const REFUSED_ONLY = {
  mode: "standard",
  async acquireInitialRetryToken() {
    return tokenOf(0);
  },
  async refreshRetryTokenForRetry(token, { errorType }) {
    const tries = token.getRetryCount() + 1;
    if (errorType !== "THROTTLING" || tries > 2) throw new Error("not again");
    return tokenOf(tries);
  },
  recordSuccess() {},
};

function tokenOf(tries) {
  return { getRetryCount: () => tries, getRetryDelay: () => (tries === 0 ? 0 : 100 * 2 ** tries) };
}

const clients = new Map();

export function clientOf(world, service, { once = false, endpoint } = {}) {
  const id = `${service} ${once} ${endpoint ?? ""}`;
  let client = clients.get(id);
  if (client === undefined) {
    const [name, kind, settings] = SERVICES[service];
    const { region } = placeOf(world);
    client = new (sdk(name)[kind])({
      region,
      requestHandler: agents,
      ...(once ? { retryStrategy: REFUSED_ONLY } : {}),
      ...(endpoint === undefined ? {} : { endpoint }),
      ...settings,
    });
    clients.set(id, client);
  }
  return client;
}

/** What of the function's ARN (`arn:aws:lambda:eu-west-1:123456789012:function:NAME:live`) the names of others are made of. */
export function placeOf({ arn }) {
  const [, partition, , region, account] = arn.split(":");
  return {
    region,
    // The SDK sends requests to the region's endpoint; of the URL only account and name are read.
    queue: (name) => `https://sqs.${region}.amazonaws.com/${account}/${name}`,
    topic: (name) => `arn:${partition}:sns:${region}:${account}:${name}`,
  };
}

/** The longest time that a timer can wait, in milliseconds. */
const MAX_TIMER = 2 ** 31 - 1;

/**
 * Makes a call.
 * @param about `what` it is, for messages; `deadline`; `once`: a second time would do more than the first; `endpoint`; `denied`: the kit's error for one that IAM
 *   refuses; `on`: what to do about errors by their names, in place of throwing the kit's
 */
export async function use(world, service, operation, input, about) {
  const left = about.deadline - Date.now();
  if (left <= 0) throw timedOut(about);
  if (about.once) closeIdle();
  const client = clientOf(world, service, about);
  const command = new (sdk(SERVICES[service][0])[`${operation}Command`])(input);
  const abortSignal = AbortSignal.timeout(Math.min(left, MAX_TIMER));
  try {
    return await client.send(command, { abortSignal });
  } catch (error) {
    if (abortSignal.aborted) throw timedOut(about);
    const handle = about.on?.[error.name];
    if (handle !== undefined) return handle(error);
    throw failureOf(error, about);
  }
}

function timedOut({ what }) {
  return new SfError("timed-out", `${what}: the invocation's time is over`);
}

const DENIED = new Set(["AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException", "ForbiddenException", "403", "Forbidden"]);
const MISSING = new Set([
  "NoSuchBucket",
  "NotFound",
  "NotFoundException",
  "QueueDoesNotExist",
  "AWS.SimpleQueueService.NonExistentQueue",
  "ResourceNotFoundException",
]);
const TOO_LARGE = new Set(["EntityTooLarge", "MetadataTooLarge", "PayloadTooLargeException", "RequestEntityTooLargeException", "RequestTooLargeException"]);

/** An error of the SDK as one of the kit's. */
export function failureOf(error, about) {
  if (error instanceof SfError || error instanceof TypeError) return error;
  const { name, $metadata } = error;
  const status = $metadata?.httpStatusCode;
  if (DENIED.has(name) || status === 403) return about.denied?.(error) ?? failure("not-granted", `${about.what}: ${error.message}`, { status, cause: error });
  if (status === undefined) return new SfError("unreachable", `${about.what}: AWS is not reached: ${error.message}`, { cause: error });
  return failure(codeOf(name, status), `${about.what}: ${error.message} (${name})`, { status, cause: error });
}

function codeOf(name, status) {
  if (MISSING.has(name) || status === 404) return "not-found";
  if (TOO_LARGE.has(name) || status === 413) return "too-large";
  if (/Throttl|TooManyRequests|ThroughputExceeded|RequestLimit/.test(name)) return "failed";
  return status === 400 ? "bad-request" : "failed";
}
