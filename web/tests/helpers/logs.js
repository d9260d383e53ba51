/** @import { Page } from "playwright-core" */
/** @import { TestHub } from "../../client/test/helpers/hub.js" */

import { until } from "./desk.js";

/** @typedef {{ level?: string, source: string, message: string, metadata?: object }} Posted */

/** Posts log lines, as a service does. @param {TestHub} hub @param {Posted[]} lines */
export function post(hub, lines) {
  return hub.ask("POST", "/api/logs", lines.map((line) => ({ level: "INFO", ...line })));
}

/** Waits until the view gets lines as they are written. @param {Page} page */
export async function receiving(page) {
  await page.locator('.logs[data-receiving="true"]').waitFor();
}

/** What the lines in sight say. @param {Page} page @returns {Promise<string[]>} */
export const messages = (page) => page.locator("[data-testid=lines] .log-message").allTextContents();

/** Waits until a line is drawn. @param {Page} page @param {string} message */
export async function line(page, message) {
  await until(page, (wanted) => [...document.querySelectorAll("[data-testid=lines] .log-message")].some((one) => one.textContent === wanted), message);
}

/** Waits until the view counts so many lines. @param {Page} page @param {number} count */
export async function counts(page, count) {
  const text = `${count.toLocaleString("en-GB")} ${count === 1 ? "line" : "lines"}`;
  await until(page, (wanted) => document.querySelector("[data-testid=line-count]")?.textContent === wanted, text);
}
