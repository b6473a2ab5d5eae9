// The W3C `traceparent` of an invocation: https://www.w3.org/TR/trace-context/#traceparent-header

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})$/;
/** https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader */
const XRAY = /Root=1-([0-9a-f]{8})-([0-9a-f]{24})(?:.*?Parent=([0-9a-f]{16}))?(?:.*?Sampled=([01]))?/;

/** That of the client; of a caller, its trace with a span of our own; else that of X-Ray, or a new one. */
export function traceOf(event, context, xray = process.env._X_AMZN_TRACE_ID) {
  const given = event?.version === "2.0" ? event.headers?.traceparent : undefined;
  if (TRACEPARENT.test(given ?? "")) return given;
  const [, trace, flags] = TRACEPARENT.exec(context.clientContext?.custom?.traceparent ?? "") ?? [];
  if (trace !== undefined) return `00-${trace}-${random(16)}-${flags}`;
  const [, time, rest, parent, sampled] = XRAY.exec(xray ?? "") ?? [];
  if (time !== undefined) return `00-${time}${rest}-${parent ?? random(16)}-0${sampled ?? 0}`;
  return `00-${random(32)}-${random(16)}-01`;
}

/** Hexadecimal digits. Nothing secret hangs on them, and loading a cryptographic source costs a cold start. */
function random(digits) {
  return Array.from({ length: digits }, () => Math.floor(Math.random() * 16).toString(16)).join("");
}
