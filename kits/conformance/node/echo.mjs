// Says what came, in the way that the request asks for.

export async function echo(request, ctx) {
  const url = new URL(request.url);
  const asked = url.searchParams;
  if (asked.has("throw")) throw new Error(asked.get("throw"));
  if (asked.has("bytes")) return new Response(await request.arrayBuffer(), { headers: { "content-type": "application/octet-stream" } });
  if (asked.has("pieces")) return new Response(pieces(Number(asked.get("pieces"))), { headers: { "content-type": "text/plain" } });
  if (asked.has("pass")) return new Response(request.body);
  if (asked.has("cookies")) {
    const headers = new Headers();
    headers.append("set-cookie", "a=1; Path=/");
    headers.append("set-cookie", "b=2; Path=/");
    return Response.json(request.headers.get("cookie"), { headers });
  }
  const status = Number(asked.get("status") ?? 200);
  if (status === 204 || status === 304) return new Response(null, { status });
  const body = { method: request.method, path: url.pathname, query: [...asked], params: ctx.params, auth: ctx.auth, text: await request.text(), header: request.headers.get("x-said") };
  return Response.json(body, { status, headers: { "x-answer": "yes" } });
}

/** One at a time, each known to have left before the next is made. */
function pieces(count) {
  let next = 0;
  return new ReadableStream({
    async pull(controller) {
      if (next === count) return controller.close();
      controller.enqueue(new TextEncoder().encode(`piece ${next++}\n`));
      await new Promise((resolve) => setTimeout(resolve, 20));
    },
  });
}
