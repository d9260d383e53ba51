/** @import { Page } from "playwright-core" */

import assert from "node:assert/strict";
import axe from "axe-core";

/**
 * Fails when axe-core finds anything in a page.
 * @param {Page} page
 * @param {string} where named in the failure
 * @returns {Promise<number>} how many rules were passed
 */
export async function accessible(page, where) {
  // Past the page's policy, which lets in no script but the hub's.
  await page.evaluate(axe.source);
  const { violations, incomplete, passes } = await page.evaluate(async () => {
    const { axe } = /** @type {any} */ (globalThis);
    return axe.run(document, { resultTypes: ["violations", "incomplete"] });
  });
  assert.deepEqual(violations.map(tell), [], where);
  // What axe could not decide is told only where it may be a fault of contrast over nothing but a plain colour.
  const unsure = incomplete.filter((/** @type {Result} */ { id }) => id !== "color-contrast");
  assert.deepEqual(unsure.map(tell), [], `${where}, undecided`);
  return passes.length;
}

/** @typedef {{ id: string, help: string, nodes: { html: string, failureSummary?: string }[] }} Result */

/** @param {Result} result */
function tell({ id, help, nodes }) {
  return `${id}: ${help}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 200)} ${failureSummary ?? ""}`).join("\n")}`;
}
