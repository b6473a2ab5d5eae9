const serverless = require("serverless-http");

module.exports.handler = serverless(require("./express-app.cjs"), { binary: ["application/octet-stream"] });
