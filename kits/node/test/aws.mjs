// The kit for AWS Lambda laid out as in an artifact, and what Lambda's runtime would do with it.

import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const KITS = new URL("../", import.meta.url);

/** An artifact of `files` (name -> text) with the kit in it; gives its folder. */
export async function artifact(files) {
  const root = await mkdtemp(join(tmpdir(), "kit-aws-"));
  await cp(fileURLToPath(new URL("runtime/", KITS)), join(root, ".sf-kit"), { recursive: true });
  await cp(fileURLToPath(new URL("aws/", KITS)), join(root, ".sf-kit/aws"), { recursive: true });
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  return root;
}

export const ARN = "arn:aws:lambda:us-east-1:000000000000:function:shop-dev-report:live";

export function kitOf(more = {}) {
  return { project: "shop", stage: "dev", function: "report", handler: { file: "src/handler.mjs", export: "handle" }, ...more };
}

/** Whatever `calls.user` is at the time. */
const HANDLER = `export const handle = (input, ctx) => globalThis.calls.user(input, ctx);`;

/** The kit in this process: `invoke(event, context)`, with the user's handler in `calls.user`. The environment is that of the function while it starts. */
export async function inProcess(kit, env = {}) {
  const root = await artifact({ "src/handler.mjs": HANDLER });
  const calls = (globalThis.calls = { user: null });
  Object.assign(process.env, { SF_KIT: JSON.stringify(kit), ...env });
  const { handler } = await import(pathToFileURL(join(root, ".sf-kit/aws/main.mjs")).href);
  const invoke = (event, context = {}) => handler(event, contextOf(context));
  return { root, calls, invoke, stop: () => rm(root, { recursive: true, force: true }) };
}

/** https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html */
export function contextOf(more = {}) {
  return { awsRequestId: "i1", invokedFunctionArn: ARN, getRemainingTimeInMillis: () => 30_000, ...more };
}
