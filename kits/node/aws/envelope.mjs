// How functions of `sf` call each other: the payload in an envelope that says who calls, since a payload alone may look like anything (docs/providers/aws.md).

/** What a portable or web function is called with. `payload` is JSON. */
export function enveloped(payload, from, traceparent) {
  return `{"sf-call":${JSON.stringify({ from, traceparent })},"payload":${payload}}`;
}

/** Lambda's arguments, without the envelope that they may have: from here on it is as if the client context had said who calls. */
export function opened(event, context) {
  const { from, traceparent } = event?.["sf-call"] ?? {};
  // What `sf invoke` passes is a payload, whatever it looks like.
  if (typeof from !== "string" || customOf(context) !== undefined) return [event, context];
  const custom = { "sf-caller": from, traceparent };
  return [event.payload ?? null, Object.create(context, { clientContext: { value: { custom } } })];
}

/** What a caller that knows of `sf` says in the client context. */
export function customOf(context) {
  const { custom } = context.clientContext ?? {};
  return custom?.["sf-caller"] !== undefined || custom?.["sf-invoke"] !== undefined ? custom : undefined;
}
