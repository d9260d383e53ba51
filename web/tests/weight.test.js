/** The first view is light, comes from this hub alone, and stands still. */

import assert from "node:assert/strict";
import { get } from "node:http";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";

import { BOUNDED, live, startDesk, until } from "./helpers/desk.js";
import { scene } from "./helpers/scene.js";

const WEIGHT_MAX_BYTES = 100_000;
/** Half of what counts as good (web.dev, Cumulative Layout Shift). */
const SHIFT_MAX = 0.05;

/**
 * A file as a browser receives it.
 * @param {string} url
 * @returns {Promise<{ bytes: number, text: string, status: number, headers: import("node:http").IncomingHttpHeaders }>}
 */
function download(url, headers = {}) {
  return new Promise((resolve, reject) => {
    get(url, { headers: { "accept-encoding": "gzip", accept: "text/html,*/*", ...headers } }, (response) => {
      /** @type {Buffer[]} */
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => {
        const body = Buffer.concat(chunks);
        const text = (response.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body).toString();
        resolve({ bytes: body.length, text, status: response.statusCode ?? 0, headers: response.headers });
      });
    }).on("error", reject);
  });
}

/** A module and all that it imports. @param {string} entry @param {Set<string>} [found] */
async function modules(entry, found = new Set()) {
  if (found.has(entry)) return found;
  found.add(entry);
  const { text } = await download(entry);
  for (const [, from] of text.matchAll(/^\s*(?:import|export)\b[^"'()]*["'](\.[^"']+)["']/gm)) await modules(new URL(from, entry).href, found);
  return found;
}

test("everything up to the first view is under 100 KB compressed, the shared connection included", BOUNDED, async (t) => {
  const { desk } = await startDesk(t, { state: scene() });
  const context = await desk.person();
  await context.addInitScript(() => {
    // What is loaded for later, once there is nothing else to do, is not of the first view.
    globalThis.requestIdleCallback = () => 0;
    const seen = new MutationObserver(() => {
      if (!document.querySelector(".overview:not([aria-busy])")) return;
      seen.disconnect();
      // In the frame after this one it is painted.
      requestAnimationFrame(() => requestAnimationFrame((at) => Object.assign(globalThis, { paintedAt: at })));
    });
    seen.observe(document, { subtree: true, childList: true });
  });
  const page = await desk.open(context);
  await until(page, () => /** @type {any} */ (globalThis).paintedAt, null);
  const loaded = await page.evaluate(() => {
    const { paintedAt } = /** @type {any} */ (globalThis);
    const entries = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
    return entries.filter(({ startTime }) => startTime <= paintedAt).map(({ name }) => name);
  });
  assert.ok(loaded.some((name) => name.endsWith("/ui/page/main.js")) && loaded.some((name) => name.endsWith(".css")));
  const all = new Set([...loaded.filter((name) => !name.includes("/api/")), ...(await modules(`${desk.url}/ui/client/src/shared-worker.js`))]);
  const sizes = await Promise.all([...all].map(async (url) => ({ url: url.replace(desk.url, ""), ...(await download(url)) })));
  for (const { url, status, headers } of sizes) {
    assert.equal(status, 200, url);
    assert.ok(headers["content-encoding"] === "gzip" || Number(headers["content-length"]) < 1_000, `${url} is compressed`);
  }
  const weight = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
  const heaviest = sizes.sort((a, b) => b.bytes - a.bytes).slice(0, 3).map(({ url, bytes }) => `${url} ${bytes}`);
  t.diagnostic(`${weight} bytes in ${sizes.length} files; the heaviest: ${heaviest.join(", ")}`);
  assert.ok(weight < WEIGHT_MAX_BYTES, `${weight} bytes`);
});

test("the first view stands still while it is filled", BOUNDED, async (t) => {
  const { desk } = await startDesk(t, { state: scene() });
  for (const viewport of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
    const context = await desk.person({ viewport });
    await context.addInitScript(() => {
      const shifts = { sum: 0, what: /** @type {string[]} */ ([]) };
      new PerformanceObserver((list) => {
        for (const entry of /** @type {any[]} */ (list.getEntries())) {
          if (entry.hadRecentInput) continue;
          shifts.sum += entry.value;
          for (const { node } of entry.sources) shifts.what.push(node?.className ?? node?.nodeName);
        }
      }).observe({ type: "layout-shift", buffered: true });
      Object.assign(globalThis, { shifts });
    });
    const page = await desk.open(context);
    await live(page);
    await page.locator(".latest li").first().waitFor();
    const { sum, what } = /** @type {{ sum: number, what: string[] }} */ (await page.evaluate("shifts"));
    t.diagnostic(`a layout shift of ${sum.toFixed(4)} at ${viewport.width}`);
    assert.ok(sum <= SHIFT_MAX, `${sum} at ${viewport.width}: ${what}`);
  }
});

test("a file that the browser has is not sent again", BOUNDED, async (t) => {
  const { desk } = await startDesk(t);
  for (const path of ["/", "/ui/page/main.js", "/ui/vendor/preact.js"]) {
    const { headers } = await download(desk.url + path);
    assert.ok(headers.etag, path);
    const again = await download(desk.url + path, { "if-none-match": headers.etag });
    assert.deepEqual([again.status, again.bytes], [304, 0], path);
  }
});

test("the page's policy lets in nothing from elsewhere and nothing inline", BOUNDED, async (t) => {
  const { desk } = await startDesk(t);
  const { headers, text } = await download(`${desk.url}/`);
  const policy = String(headers["content-security-policy"]);
  assert.match(policy, /default-src 'self'/);
  assert.doesNotMatch(policy, /unsafe|https?:|\*|data:/);
  assert.doesNotMatch(text, /<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=/i);
});
