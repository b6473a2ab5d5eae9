// HTTP as API Gateway gives it to a Lambda function, in both payload formats of its HTTP APIs, and the answers back.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html

import { ACCOUNT } from "./lambda.mjs";

const STAGE = "$default";

/** `head` is the protocol's REQUEST head, `body` all of the body. */
export function httpEvent(version, head, body, identity) {
  const request = parse(head, body);
  return version === "1.0" ? event1(head, request, identity) : event2(head, request, identity);
}

/** Scheme, host with port, path, query. */
const URL_PARTS = /^([a-z]+):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?/;
/** An IPv6 address stands in brackets. */
const HOST_AND_PORT = /^(\[.*\]|[^:]*)(?::(\d+))?$/;

/** The name or address in a `host` header, without the port. */
export function domainOf(host) {
  return HOST_AND_PORT.exec(host)?.[1] ?? host;
}

/** The address in an `x-forwarded-for` that the gateway before the function added; those before it are the client's word. */
export function lastHop(forwarded) {
  return forwarded.split(",").at(-1).trim();
}

function parse(head, body) {
  const [, scheme = "http", host = "", path = "/", query = ""] = URL_PARTS.exec(head.url) ?? [];
  const [, domain = host, port = scheme === "https" ? "443" : "80"] = HOST_AND_PORT.exec(host) ?? [];
  const headers = new Map();
  for (const [key, value] of head.headers) {
    const name = key.toLowerCase();
    headers.set(name, [...(headers.get(name) ?? []), value]);
  }
  const sourceIp = head.client ?? lastHop(headers.get("x-forwarded-for")?.at(-1) ?? "127.0.0.1");
  const added = { "x-forwarded-for": sourceIp, "x-forwarded-port": port, "x-forwarded-proto": scheme };
  for (const [name, value] of Object.entries(added)) if (!headers.has(name)) headers.set(name, [value]);
  const parameters = new Map();
  for (const [name, value] of new URLSearchParams(query)) parameters.set(name, [...(parameters.get(name) ?? []), value]);
  return {
    path: path === "" ? "/" : path,
    query,
    headers,
    parameters,
    domain,
    sourceIp,
    userAgent: headers.get("user-agent")?.at(-1) ?? "",
    time: new Date(),
    ...bodyOf(body, headers),
  };
}

/** What API Gateway passes on as text; everything else, forms and a missing type included, is base64. */
const TEXTUAL = /^\s*(text\/|application\/(json|xml|javascript)\s*(;|$))/i;

function bodyOf(bytes, headers) {
  if (bytes.length === 0) return { body: undefined, isBase64Encoded: false };
  if (TEXTUAL.test(headers.get("content-type")?.at(-1) ?? "")) {
    try {
      return { body: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes), isBase64Encoded: false };
    } catch {
      // Not UTF-8, whatever the type says.
    }
  }
  return { body: Buffer.from(bytes).toString("base64"), isBase64Encoded: true };
}

function event2(head, request, identity) {
  const { headers, parameters, time } = request;
  const cookies = headers.get("cookie")?.flatMap((line) => line.split(/;\s*/)).filter((cookie) => cookie !== "");
  const routeKey = head.route ?? "$default";
  const event = {
    version: "2.0",
    routeKey,
    rawPath: request.path,
    rawQueryString: request.query,
    ...(cookies === undefined ? {} : { cookies }),
    headers: joined([...headers].filter(([name]) => name !== "cookie"), (values) => values.join(",")),
    ...(parameters.size === 0 ? {} : { queryStringParameters: joined(parameters, (values) => values.join(",")) }),
    requestContext: {
      accountId: ACCOUNT,
      apiId: identity.project,
      domainName: request.domain,
      domainPrefix: request.domain.split(".")[0],
      http: {
        method: head.method,
        path: request.path,
        protocol: "HTTP/1.1",
        sourceIp: request.sourceIp,
        userAgent: request.userAgent,
      },
      requestId: head.id,
      routeKey,
      stage: STAGE,
      time: clfTime(time),
      timeEpoch: time.getTime(),
    },
    isBase64Encoded: request.isBase64Encoded,
  };
  if (head.auth) event.requestContext.authorizer = { jwt: { claims: claimsOf(head.auth), scopes: null } };
  if (hasAny(head.params)) event.pathParameters = head.params;
  if (request.body !== undefined) event.body = request.body;
  return event;
}

function event1(head, request, identity) {
  const { headers, parameters, time } = request;
  const resource = head.route?.replace(/^\S+\s+/, "") ?? request.path;
  const last = (values) => values.at(-1);
  return {
    version: "1.0",
    resource,
    path: request.path,
    httpMethod: head.method,
    headers: joined(headers, last),
    multiValueHeaders: joined(headers, (values) => values),
    queryStringParameters: parameters.size === 0 ? null : joined(parameters, last),
    multiValueQueryStringParameters: parameters.size === 0 ? null : joined(parameters, (values) => values),
    requestContext: {
      accountId: ACCOUNT,
      apiId: identity.project,
      authorizer: { claims: head.auth ? claimsOf(head.auth) : null, scopes: null },
      domainName: request.domain,
      domainPrefix: request.domain.split(".")[0],
      extendedRequestId: head.id,
      httpMethod: head.method,
      identity: identityOf(request),
      path: request.path,
      protocol: "HTTP/1.1",
      requestId: head.id,
      requestTime: clfTime(time),
      requestTimeEpoch: time.getTime(),
      resourceId: null,
      resourcePath: resource,
      stage: STAGE,
    },
    pathParameters: hasAny(head.params) ? head.params : null,
    stageVariables: null,
    body: request.body ?? null,
    isBase64Encoded: request.isBase64Encoded,
  };
}

function identityOf({ sourceIp, userAgent }) {
  return {
    accessKey: null,
    accountId: null,
    caller: null,
    cognitoAuthenticationProvider: null,
    cognitoAuthenticationType: null,
    cognitoIdentityId: null,
    cognitoIdentityPoolId: null,
    principalOrgId: null,
    sourceIp,
    user: null,
    userAgent,
    userArn: null,
    clientCert: null,
  };
}

function hasAny(params) {
  return params !== undefined && params !== null && Object.keys(params).length > 0;
}

function joined(entries, join) {
  return Object.fromEntries(Array.from(entries, ([name, values]) => [name, join(values)]));
}

/** API Gateway makes texts of a token's claims: a list is `[a b]`. */
function claimsOf(auth) {
  const text = (value) => {
    if (Array.isArray(value)) return `[${value.map(text).join(" ")}]`;
    return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
  };
  return Object.fromEntries(Object.entries(auth).map(([name, value]) => [name, text(value)]));
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `12/Mar/2020:19:03:58 +0000` */
export function clfTime(time) {
  const [date, clock] = time.toISOString().split("T");
  const [year, month, day] = date.split("-");
  return `${day}/${MONTHS[Number(month) - 1]}/${year}:${clock.slice(0, 8)} +0000`;
}

const DEFAULT_TYPE = "text/plain; charset=utf-8";

/** What a handler returned, as a status, headers and a body. Throws a TypeError for what API Gateway would call malformed. */
export function httpResponse(version, result) {
  if (typeof result !== "object" || (result?.statusCode ?? null) === null) {
    if (version === "1.0") throw new TypeError("the handler returned no statusCode, which payload 1.0 needs");
    const body = typeof result === "string" ? result : JSON.stringify(result ?? null);
    return { status: 200, headers: [["content-type", "application/json"]], body };
  }
  const { statusCode, headers, multiValueHeaders, cookies, isBase64Encoded } = result;
  const body = result.body ?? "";
  if (typeof body !== "string") {
    throw new TypeError(`the body of a Lambda response must be a string, not ${Array.isArray(body) ? "an array" : typeof body}: use JSON.stringify`);
  }
  const own = version === "1.0" ? { headers, multiValueHeaders } : { headers, cookies };
  return {
    status: statusOf(statusCode),
    headers: headersOf(own, body === "" ? undefined : DEFAULT_TYPE),
    body: isBase64Encoded ? Buffer.from(body, "base64") : body,
  };
}

/** The head of a response that is written as a stream. */
export function streamHead(type, prelude) {
  return { status: statusOf(prelude.statusCode ?? 200), headers: headersOf(prelude, type ?? "application/octet-stream") };
}

function statusOf(code) {
  const status = Number(code);
  if (!Number.isInteger(status) || status < 200 || status > 599) throw new TypeError(`the handler returned the statusCode ${String(code)}`);
  return status;
}

const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const BAD_VALUE = /[\0\r\n]|[^\0-\xff]/;
/** What concerns one connection only; the length is that of what is sent. */
const NOT_FORWARDED = new Set(["connection", "content-length", "keep-alive", "transfer-encoding"]);

/** Both kinds are merged; a pair that the lists of values have already is not said twice. */
function headersOf({ headers, multiValueHeaders, cookies }, defaultType) {
  const wire = [];
  const add = (name, value) => wire.push(checked(name.toLowerCase(), String(value)));
  for (const [name, values] of Object.entries(multiValueHeaders ?? {})) for (const value of values ?? []) add(name, value);
  const listed = new Set(wire.map(([name, value]) => `${name}:${value}`));
  for (const [name, value] of Object.entries(headers ?? {})) {
    if (value !== undefined && value !== null && !listed.has(`${name.toLowerCase()}:${value}`)) add(name, value);
  }
  for (const cookie of cookies ?? []) add("set-cookie", cookie);
  if (defaultType !== undefined && !wire.some(([name]) => name === "content-type")) wire.push(["content-type", defaultType]);
  return wire.filter(([name]) => !NOT_FORWARDED.has(name));
}

function checked(name, value) {
  if (!NAME.test(name) || BAD_VALUE.test(value)) throw new TypeError(`the handler returned the header ${JSON.stringify(name)}, which cannot be sent`);
  return [name, value.trim()];
}
