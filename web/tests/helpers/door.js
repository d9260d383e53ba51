/** @import { Page } from "playwright-core" */
/** @import { TestContext } from "node:test" */
/** @import { Desk, DeskOptions } from "./desk.js" */

import { Admin, PASSWORD, REQUIRED } from "../../client/test/helpers/admin.js";
import { shown, startDesk } from "./desk.js";
import { scene } from "./scene.js";

/** A browser tells in its console of answers that let nobody in. */
export const TURNED_AWAY = /status of (400|401|403|429)|WebSocket connection to/;

/**
 * Starts a hub that wants to know everybody, with a first admin and a scene; nobody is signed in at the browser.
 * @param {TestContext} t
 * @param {DeskOptions} [options]
 */
export async function startGuarded(t, { expects = TURNED_AWAY, ...options } = {}) {
  const started = await startDesk(t, { environment: REQUIRED, expects, ...options });
  const admin = await Admin.first(started.hub);
  for (const { id, ...fields } of scene().priorities) await admin.ask("PUT", `/api/items/priorities/${id}`, fields);
  return { ...started, admin };
}

/**
 * Signs somebody in by hand, in a tab.
 * @param {Desk} desk
 * @param {Page} page
 * @param {string} email
 * @param {string} [path]
 */
export async function signIn(desk, page, email, path = "/") {
  await page.goto(desk.url + path);
  await fillIn(page, email, PASSWORD);
  await shown(page);
}

/** Writes into the form of the sign-in, and sends it. @param {Page} page @param {string} email @param {string} password */
export async function fillIn(page, email, password) {
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}



/** Waits until a tab stands before the door. @param {Page} page */
export async function atDoor(page) {
  await page.getByTestId("door").waitFor();
}
