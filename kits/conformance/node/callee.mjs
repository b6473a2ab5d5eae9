// Answers a call with what it was called with.

export function callee(event) {
  if (event.data?.throw) throw new Error(event.data.throw);
  return { type: event.type, source: event.source, data: event.data ?? null };
}
