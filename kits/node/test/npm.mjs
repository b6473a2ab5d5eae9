// Packages from npm for the tests that need some. They are installed below the target folder, once for each list of them.

import { spawn } from "node:child_process";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const TARGET = new URL("../../../target/kits/", import.meta.url);

/**
 * Installs what `package.json` in `source` names, which it does with exact versions. Gives `{ modules }`, the path of the folder, or
 * `{ unavailable }`, why npm could not.
 */
export async function install(source, name) {
  const folder = new URL(`${name}/`, TARGET);
  const modules = fileURLToPath(new URL("node_modules", folder));
  const wanted = await readFile(new URL("package.json", source), "utf8");
  const stamp = new URL("installed", folder);
  if ((await readFile(stamp, "utf8").catch(() => "")) === wanted) return { modules };
  await mkdir(folder, { recursive: true });
  await cp(new URL("package.json", source), new URL("package.json", folder));
  const failure = await npmInstall(fileURLToPath(folder));
  if (failure !== null) return { unavailable: `npm cannot install the packages: ${failure}` };
  await writeFile(stamp, wanted);
  return { modules };
}

function npmInstall(cwd) {
  const options = { cwd, shell: process.platform === "win32", stdio: ["ignore", "ignore", "pipe"] };
  const npm = spawn("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--loglevel=error"], options);
  let said = "";
  npm.stderr.on("data", (data) => (said += data));
  return new Promise((resolve) => {
    npm.on("error", (error) => resolve(error.message));
    npm.on("close", (code) => resolve(code === 0 ? null : said.trim().split("\n")[0] || `exit code ${code}`));
  });
}
