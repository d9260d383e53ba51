/** @import { TestContext } from "node:test" */

import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const SOURCES = fileURLToPath(new URL("../../src/", import.meta.url));
const PLACES = [process.env.CHROMIUM_BIN, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/**
 * A browser of one person, that ends with the test.
 * @param {TestContext} t
 */
export async function startBrowser(t) {
  const executablePath = PLACES.find((place) => place && existsSync(place));
  if (!executablePath) throw new Error("there is no chromium here: install it, or name one in CHROMIUM_BIN");
  // Without a sandbox it also runs as root, as in containers; `hub.test` is this machine under a name that
  // is no secure context.
  const args = ["--no-sandbox", "--host-resolver-rules=MAP hub.test 127.0.0.1"];
  const browser = await chromium.launch({ executablePath, args });
  t.after(() => browser.close());
  return browser;
}

/**
 * Serves the client's sources and an empty page, under a policy for workers.
 * @param {TestContext} t
 * @param {string} [workers] the policy's `worker-src`
 */
export async function servePage(t, workers = "'self'") {
  const server = createServer((request, response) => {
    const name = /^\/src\/([a-z-]+\.js)$/.exec(request.url ?? "")?.[1];
    // What the test asks the page goes through eval.
    response.setHeader("content-security-policy", `script-src 'self' 'unsafe-eval'; worker-src ${workers}`);
    if (name && existsSync(SOURCES + name)) {
      response.setHeader("content-type", "text/javascript");
      createReadStream(SOURCES + name).pipe(response);
    } else {
      response.setHeader("content-type", "text/html");
      response.end("<!doctype html><title>tab</title>");
    }
  });
  /** @type {Promise<void>} */
  const listening = new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  await listening;
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (!address || typeof address === "string") throw new Error("the page's server has no port");
  return `http://127.0.0.1:${address.port}`;
}
