// An Express application, as it would be written without a thought of where it runs.

const express = require("express");

const app = express();
app.use("/json", express.json());
app.use("/form", express.urlencoded({ extended: false }));
app.use("/bytes", express.raw({ type: "*/*", limit: "2mb" }));

app.get("/profiles/:id", (request, response) => {
  response.status(201).json({ id: request.params.id, query: request.query, agent: request.get("user-agent"), cookie: request.get("cookie") });
});
app.post("/json", (request, response) => response.json(request.body));
app.post("/form", (request, response) => response.json(request.body));
app.post("/bytes", (request, response) => response.type("application/octet-stream").send(request.body));
app.get("/cookies", (_request, response) => response.cookie("a", "1").cookie("b", "2").send("set"));
app.get("/moved", (_request, response) => response.redirect("/profiles/7"));
app.get("/fails", () => {
  throw new Error("no database");
});
app.use((_error, _request, response, _next) => response.status(500).send("caught"));

module.exports = app;
