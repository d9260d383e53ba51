/** @import { TestHub } from "./hub.js" */

import assert from "node:assert/strict";

/** The environment of a hub that wants to know everybody. */
export const REQUIRED = { OPSHUB_AUTH__MODE: "required" };

/** The password that people have in tests. */
export const PASSWORD = "correct horse battery";

/** Somebody who has signed in, over HTTP alone. */
export class Admin {
  /** @param {TestHub} hub @param {string} cookie */
  constructor(hub, cookie) {
    this.hub = hub;
    this.cookie = cookie;
  }

  /** Sets a hub up that knows nobody. @param {TestHub} hub @param {string} [email] */
  static async first(hub, email = "ana@example.com") {
    const key = new URLSearchParams(hub.setupLink.split("?")[1]).get("key");
    return Admin.#enter(hub, "/api/auth/setup", { setup: key, email, password: PASSWORD });
  }

  /** Signs somebody in. @param {TestHub} hub @param {string} email */
  static signIn(hub, email) {
    return Admin.#enter(hub, "/api/auth/session", { email, password: PASSWORD });
  }

  /** @param {TestHub} hub @param {string} path @param {object} body */
  static async #enter(hub, path, body) {
    const headers = { "content-type": "application/json", origin: hub.url };
    const response = await fetch(hub.url + path, { method: "POST", headers, body: JSON.stringify(body) });
    assert.ok(response.ok, `${path}: ${await response.text()}`);
    return new Admin(hub, String(response.headers.get("set-cookie")).split(";")[0]);
  }

  /**
   * Asks the hub; the answer must be a success.
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   * @returns {Promise<any>}
   */
  async ask(method, path, body) {
    const headers = { "content-type": "application/json", cookie: this.cookie, origin: this.hub.url };
    const response = await fetch(this.hub.url + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${text}`);
    return text === "" ? null : JSON.parse(text);
  }

  /** Adds a person. @param {string} email @param {string} role */
  add(email, role) {
    return this.ask("POST", "/api/users", { email, role, password: PASSWORD });
  }
}
