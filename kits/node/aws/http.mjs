// HTTP as API Gateway and function URLs give it to Lambda (payload format 2.0), as the request that the kit makes of it, and the answer back.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html

/** Payload format 2.0 of an HTTP request. */
export function isHttp(event) {
  return event?.version === "2.0" && event.requestContext?.http !== undefined;
}

/** Method, URL, headers, the route's parameters, the claims, and all of the body. */
export function requestOf(event) {
  const { http, stage, domainName } = event.requestContext;
  const headers = Object.entries(event.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]);
  if (event.cookies !== undefined) headers.push(["cookie", event.cookies.join("; ")]);
  const header = (name) => headers.find(([key]) => key === name)?.[1];
  const query = event.rawQueryString ? `?${event.rawQueryString}` : "";
  return {
    method: http.method,
    url: `${header("x-forwarded-proto") ?? "https"}://${header("host") ?? domainName}${escaped(withoutStage(event.rawPath ?? "/", stage))}${query}`,
    headers,
    params: event.pathParameters ?? {},
    auth: claimsOf(event.requestContext.authorizer, header("authorization")),
    body: Buffer.from(event.body ?? "", event.isBase64Encoded ? "base64" : "utf8"),
  };
}

/** A stage that has a name stands before the path, unless the request came through a domain of its own. */
function withoutStage(path, stage) {
  const prefix = `/${stage}`;
  if (stage === undefined || stage === "$default" || !(path === prefix || path.startsWith(`${prefix}/`))) return path;
  return path.slice(prefix.length) || "/";
}

/** What can be in no path of a URL. */
const UNFIT = /%(?![0-9a-f]{2})|[^\x21-\x7e]|["#<>?\\^`{|}]/giu;

/** HTTP APIs decode the path (all but `%25`), function URLs leave it as it came: what is encoded stays, what can only have been decoded is encoded again. */
function escaped(path) {
  return path.toWellFormed().replace(UNFIT, (char) => (char === "`" ? "%60" : encodeURIComponent(char)));
}

/** The gateway has verified the token, but gives its claims as texts (`[a b]` for a list): the token itself has them as its issuer made them. */
function claimsOf(authorizer, authorization) {
  const texts = authorizer?.jwt?.claims;
  if (texts === undefined) return null;
  try {
    const [, claims] = authorization.replace(/^bearer\s+/i, "").split(".");
    return JSON.parse(Buffer.from(claims, "base64url").toString());
  } catch {
    return texts;
  }
}

/** Bytes of an answer that Lambda takes: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const MAX_ANSWER = 6 * 1024 * 1024;
/** What concerns one connection only; the length is that of what is sent. */
const NOT_FORWARDED = new Set(["connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"]);
const TEXTUAL = /^\s*(text\/|[^;]*[/+](json|xml|javascript|x-www-form-urlencoded)\s*(;|$))/i;

/** The answer for the gateway; a stream is gathered first, since the gateway takes no other. */
export async function answerOf({ status, headers, body }, method) {
  const sent = new Map();
  const cookies = [];
  for (const [name, value] of headers) {
    if (name === "set-cookie") cookies.push(value);
    else if (!NOT_FORWARDED.has(name)) sent.set(name, sent.has(name) ? `${sent.get(name)}, ${value}` : value);
  }
  const isBodiless = method === "HEAD" || status === 204 || status === 304;
  if (isBodiless && typeof body?.cancel === "function") await body.cancel().catch(() => {});
  const answer = { statusCode: status, headers: Object.fromEntries(sent), ...(isBodiless ? text("") : await written(body, sent.get("content-type"))) };
  if (cookies.length > 0) answer.cookies = cookies;
  const size = answer.body.length;
  if (size > MAX_ANSWER) throw new RangeError(`the response has ${size} bytes as Lambda sends it, the limit is 6 MiB`);
  return answer;
}

async function written(body, type = "") {
  if (body === null) return text("");
  if (typeof body === "string") return text(body);
  const bytes = body instanceof Uint8Array ? Buffer.from(body.buffer, body.byteOffset, body.byteLength) : await gathered(body);
  if (TEXTUAL.test(type)) {
    try {
      return text(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
    } catch {
      // Another encoding than UTF-8.
    }
  }
  return { body: bytes.toString("base64"), isBase64Encoded: true };
}

function text(body) {
  return { body, isBase64Encoded: false };
}

async function gathered(stream) {
  const chunks = [];
  let size = 0;
  for await (const chunk of stream) {
    if (!(chunk instanceof Uint8Array)) throw new TypeError("Response: the body's stream gave something other than bytes (Uint8Array)");
    size += chunk.length;
    // A stream without an end would fill the memory.
    if (size > MAX_ANSWER) throw new RangeError("the response's stream has more bytes than the 6 MiB that Lambda sends");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

/** The answer to a request whose handler threw: as the embedded host's, it tells nothing. */
export function failureAnswer() {
  const body = JSON.stringify({ error: "function-threw", message: "the function failed; its log says why" });
  return { statusCode: 500, headers: { "content-type": "application/json" }, ...text(body) };
}
