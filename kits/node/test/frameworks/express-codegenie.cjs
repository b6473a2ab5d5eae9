const serverlessExpress = require("@codegenie/serverless-express");

exports.handler = serverlessExpress({ app: require("./express-app.cjs"), binarySettings: { contentTypes: ["application/octet-stream"] } });
