import { Hono } from "hono";
import { handle, streamHandle } from "hono/aws-lambda";
import { setCookie } from "hono/cookie";
import { streamText } from "hono/streaming";

const app = new Hono();
app.get("/profiles/:id", (c) => {
  return c.json({ id: c.req.param("id"), query: c.req.query(), agent: c.req.header("user-agent"), cookie: c.req.header("cookie") }, 201);
});
app.post("/json", async (c) => c.json(await c.req.json()));
app.post("/form", async (c) => c.json(await c.req.parseBody()));
app.post("/bytes", async (c) => c.body(await c.req.arrayBuffer(), 200, { "content-type": "application/octet-stream" }));
app.get("/cookies", (c) => {
  setCookie(c, "a", "1");
  setCookie(c, "b", "2");
  return c.text("set");
});
app.get("/moved", (c) => c.redirect("/profiles/7"));
app.get("/fails", () => {
  throw new Error("no database");
});
app.onError((_error, c) => c.text("caught", 500));
app.get("/stream", (c) => {
  return streamText(c, async (stream) => {
    for (const word of ["one ", "two ", "three"]) await stream.write(word);
  });
});

export const handler = handle(app);
export const streaming = streamHandle(app);
