//! What people really deploy on Lambda, unmodified, on the embedded host: Express, Hono, Flask, FastAPI.

use serde_json::json;
use sf_e2e::{Env, Project, http};

use crate::support::installs;

fn manifest(runtime: &str, handler: &str, more: &str) -> String {
    format!(
        "sf = 1\n[project]\nname = \"framework\"\nprovider = \"self-hosted\"\n[functions.app]\ninterface = \"lambda\"\n\
         runtime = \"{runtime}\"\nhandler = \"{handler}\"\nhttp = [\"ANY /\", \"ANY /{{proxy+}}\"]\n{more}"
    )
}

/// Every application below answers these alike.
fn answers(project: &Project<'_>) {
    let url = project.url();
    let hello = http::get(&format!("{url}/hello/w%C3%B6rld?a=1&b=2"));
    assert_eq!((hello.status, hello.json()), (200, json!({ "hello": "wörld", "a": "1" })));
    let echo = http::post(&format!("{url}/echo"), &json!({ "grüße": [1, 2] }));
    assert_eq!((echo.status, echo.json()), (201, json!({ "grüße": [1, 2] })));
    let bytes = http::get(&format!("{url}/bytes"));
    assert_eq!((bytes.status, bytes.body.as_slice()), (200, [0_u8, 255, 254, 1].as_slice()));
    assert_eq!(bytes.header("content-type"), Some("image/png"));
    let cookies = http::send("GET", &format!("{url}/cookies"), &[("cookie", "c=3; d=4")], b"").unwrap();
    let set: Vec<_> = cookies
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie")
        .map(|(_, value)| value.split(';').next().unwrap())
        .collect();
    assert_eq!((cookies.text().trim(), set), ("3", vec!["a=1", "b=2"]));
    assert_eq!(http::get(&format!("{url}/nowhere")).status, 404);
    let failed = http::get(&format!("{url}/fail"));
    assert_eq!(failed.status, 500);
}

fn node(packages: &str, file: &str, handler: &str, code: &str, payload: &str) {
    let env = Env::new();
    let package = format!("{{\"private\": true, \"dependencies\": {packages}}}");
    let files =
        [("sf.toml", &*manifest("node", handler, payload)), ("package.json", &*package), (file, code)];
    let project = env.project("framework", &files);
    if installs(&project, "npm", &["install", "--no-audit", "--no-fund", "--ignore-scripts"]) {
        let _ = project.deploy();
        answers(&project);
    }
}

const EXPRESS: &str = r#"const express = require("express");
const serverless = require("serverless-http");
const app = express();
app.get("/hello/:name", (request, response) => response.json({ hello: request.params.name, a: request.query.a }));
app.post("/echo", express.json(), (request, response) => response.status(201).json(request.body));
app.get("/bytes", (request, response) => response.type("image/png").send(Buffer.from([0, 255, 254, 1])));
app.get("/cookies", (request, response) => {
  response.cookie("a", "1").cookie("b", "2").send(/c=(\d)/.exec(request.headers.cookie)[1]);
});
app.get("/fail", () => { throw new Error("on purpose"); });
module.exports.handler = serverless(app, { binary: ["image/*"] });
"#;

#[test]
fn express() {
    node(r#"{"express": "5.1.0", "serverless-http": "4.0.0"}"#, "app.js", "app.handler", EXPRESS, "");
}

#[test]
fn express_with_payload_1() {
    node(
        r#"{"express": "5.1.0", "serverless-http": "4.0.0"}"#,
        "app.js",
        "app.handler",
        EXPRESS,
        "payload = \"1.0\"\n",
    );
}

#[test]
fn hono() {
    let code = r#"import { Hono } from "hono";
import { handle } from "hono/aws-lambda";
import { getCookie, setCookie } from "hono/cookie";
const app = new Hono();
app.get("/hello/:name", (c) => c.json({ hello: c.req.param("name"), a: c.req.query("a") }));
app.post("/echo", async (c) => c.json(await c.req.json(), 201));
app.get("/bytes", (c) => c.body(new Uint8Array([0, 255, 254, 1]), 200, { "content-type": "image/png" }));
app.get("/cookies", (c) => {
  setCookie(c, "a", "1");
  setCookie(c, "b", "2");
  return c.text(getCookie(c, "c"));
});
app.get("/fail", () => { throw new Error("on purpose"); });
export const handler = handle(app);
"#;
    node(r#"{"hono": "4.10.0"}"#, "app.mjs", "app.handler", code, "");
}

fn python(packages: &str, code: &str) {
    let env = Env::new();
    let text = manifest("python", "app.handler", "");
    let project =
        env.project("framework", &[("sf.toml", &text), ("requirements.txt", packages), ("app.py", code)]);
    if installs(
        &project,
        "python3",
        &["-m", "pip", "download", "--quiet", "--dest", "downloaded", "--requirement", "requirements.txt"],
    ) {
        let _ = project.deploy();
        answers(&project);
    }
}

#[test]
fn flask() {
    let code = r#"from apig_wsgi import make_lambda_handler
from flask import Flask, Response, jsonify, make_response, request
app = Flask(__name__)
@app.get("/hello/<name>")
def hello(name):
    return jsonify(hello=name, a=request.args["a"])
@app.post("/echo")
def echo():
    return jsonify(request.get_json()), 201
@app.get("/bytes")
def some_bytes():
    return Response(b"\x00\xff\xfe\x01", content_type="image/png")
@app.get("/cookies")
def cookies():
    response = make_response(request.cookies["c"])
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return response
@app.get("/fail")
def fail():
    raise RuntimeError("on purpose")
handler = make_lambda_handler(app, binary_support=True)
"#;
    python("flask==3.1.2\napig-wsgi==2.20.0\n", code);
}

#[test]
fn fastapi() {
    let code = r#"from fastapi import Cookie, FastAPI, Request, Response
from mangum import Mangum
app = FastAPI()
@app.get("/hello/{name}")
async def hello(name: str, a: str):
    return {"hello": name, "a": a}
@app.post("/echo", status_code=201)
async def echo(request: Request):
    return await request.json()
@app.get("/bytes")
def some_bytes():
    return Response(b"\x00\xff\xfe\x01", media_type="image/png")
@app.get("/cookies")
def cookies(c: str = Cookie()):
    response = Response(c)
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return response
@app.get("/fail")
def fail():
    raise RuntimeError("on purpose")
handler = Mangum(app, lifespan="off")
"#;
    python("fastapi==0.121.0\nmangum==0.19.0\n", code);
}
