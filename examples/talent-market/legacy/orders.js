// Written for AWS Lambda behind API Gateway, and not changed since.

const orders = new Map([["1", { id: "1", item: "a logo", state: "paid" }]]);

exports.handler = async (event) => {
  const id = event.pathParameters.proxy;
  switch (event.requestContext.http.method) {
    case "GET":
      return orders.has(id) ? answer(200, orders.get(id)) : answer(404, { error: `no order ${id}` });
    default:
      return answer(405, { error: "orders can only be read" });
  }
};

const answer = (statusCode, body) => ({
  statusCode,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});
