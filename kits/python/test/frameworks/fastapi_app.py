"""A FastAPI application as anyone would write it, with Mangum."""

from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import RedirectResponse
from mangum import Mangum

app = FastAPI()


@app.get("/profiles/{ident}", status_code=201)
async def profile(ident: str, request: Request):
    query = {name: request.query_params.getlist(name) for name in request.query_params}
    seen = {"id": ident, "query": query, "agent": request.headers["user-agent"], "cookie": request.cookies.get("d")}
    return {**seen, "user": request.client.host}


@app.post("/json")
async def as_json(request: Request):
    return await request.json()


@app.post("/form")
def as_form(a: str = Form(), b: str = Form()):
    return {"a": a, "b": b}


@app.post("/bytes")
async def as_bytes(request: Request):
    return Response(await request.body(), media_type="application/octet-stream")


@app.get("/cookies")
def cookies():
    response = Response("set", media_type="text/html")
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return response


@app.get("/moved")
def moved(request: Request):
    return RedirectResponse(request.url_for("profile", ident="7"), 302)


@app.get("/fails")
def fails():
    raise ZeroDivisionError("on purpose")


handler = Mangum(app)
