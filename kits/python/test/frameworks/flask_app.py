"""A Flask application as anyone would write it, and its two common Lambda handlers."""

import apig_wsgi
import serverless_wsgi
from flask import Flask, Response, jsonify, redirect, request, url_for

app = Flask(__name__)


@app.get("/profiles/<ident>")
def profile(ident):
    seen = {"id": ident, "query": request.args.to_dict(flat=False), "agent": request.headers["user-agent"], "cookie": request.cookies.get("d")}
    return jsonify(**seen, user=request.remote_addr), 201


@app.post("/json")
def as_json():
    return jsonify(request.get_json())


@app.post("/form")
def as_form():
    return jsonify(request.form.to_dict())


@app.post("/bytes")
def as_bytes():
    return Response(request.get_data(), mimetype="application/octet-stream")


@app.get("/cookies")
def cookies():
    response = Response("set")
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return response


@app.get("/moved")
def moved():
    return redirect(url_for("profile", ident="7", _external=True))


@app.get("/fails")
def fails():
    raise ZeroDivisionError("on purpose")


by_apig_wsgi = apig_wsgi.make_lambda_handler(app, binary_support=True)


def by_serverless_wsgi(event, context):
    return serverless_wsgi.handle_request(app, event, context)
