/** @import { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core" */
/** @import { TestContext } from "node:test" */

import assert from "node:assert/strict";
import { after } from "node:test";

import { TestHub } from "../../client/test/helpers/hub.js";
import { launch } from "./browser.js";
import { noonZone } from "./zone.js";

/** How long a test waits for what must come, in milliseconds; machines may be slow. */
export const BOUND_MS = 30_000;
/** What a whole test may take. */
export const BOUNDED = { timeout: 4 * BOUND_MS };

/** A browser whose hub is away says so by itself. */
export const HUB_IS_AWAY = /net::ERR_(CONNECTION_(REFUSED|RESET|CLOSED)|EMPTY_RESPONSE|SOCKET_NOT_CONNECTED)|WebSocket connection to/;

/** One browser serves the tests of a file; each person has a profile of their own. @type {Promise<Browser> | undefined} */
let browsers;
after(async () => (await browsers)?.close());

/**
 * @typedef {object} DeskOptions
 * @property {string} [config] the hub's, as YAML
 * @property {object} [state] a merge patch that the hub begins with
 * @property {RegExp} [expects] what the browser may complain about
 * @property {BrowserContextOptions} [person] how the first person sees pages
 * @property {Record<string, string>} [environment] the hub's; where it wants to know everybody, the first tab is left blank
 */

/** A hub, and a browser with people in front of it; whatever a page complains about fails the test. */
export class Desk {
  /** @type {string[]} */
  #complaints = [];
  /** @type {BrowserContext[]} */
  #people = [];
  /** @type {(() => unknown)[]} */
  #endings = [];
  /** @type {RegExp | null} */
  #expected;

  /**
   * @param {TestHub} hub
   * @param {Browser} browser
   * @param {RegExp | null} expected
   */
  constructor(hub, browser, expected) {
    this.hub = hub;
    this.browser = browser;
    this.#expected = expected;
  }

  /** Where the hub answers. */
  get url() {
    return this.hub.url;
  }

  /**
   * A person with a browser profile of their own.
   * @param {BrowserContextOptions} [options]
   */
  async person(options = {}) {
    const context = await this.browser.newContext({
      viewport: { width: 1440, height: 900 }, locale: "en-GB", timezoneId: noonZone(), reducedMotion: "reduce", ...options,
    });
    this.#people.push(context);
    context.setDefaultTimeout(BOUND_MS);
    // A violated policy is an error in the console, too.
    context.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") this.#complain(`${message.type()}: ${message.text()}`);
    });
    context.on("weberror", (error) => this.#complain(`thrown: ${error.error().stack}`));
    context.on("dialog", (dialog) => {
      this.#complain(`a ${dialog.type()} box: ${dialog.message()}`);
      void dialog.dismiss();
    });
    context.on("request", (request) => {
      const url = new URL(request.url());
      if (/^(http|ws)s?:$/.test(url.protocol) && url.hostname !== "127.0.0.1") this.#complain(`another host: ${url}`);
    });
    return context;
  }

  /**
   * Opens a tab and waits until it shows the state.
   * @param {BrowserContext} context
   * @param {string} [path]
   */
  async open(context, path = "/") {
    const page = await context.newPage();
    await page.goto(this.url + path);
    await shown(page);
    return page;
  }

  /** Has something ended once no page is open any more. @param {() => unknown} ending */
  after(ending) {
    this.#endings.push(ending);
  }

  /** Closes every page, then ends what was theirs. */
  async end() {
    for (const context of this.#people) await context.close();
    for (const ending of this.#endings) await ending();
  }

  /** Fails when a page complained. */
  check() {
    assert.deepEqual(this.#complaints, [], "the browser complained");
  }

  /** @param {string} complaint */
  #complain(complaint) {
    if (!this.#expected?.test(complaint)) this.#complaints.push(complaint);
  }
}

/**
 * Starts a hub that ends with the test, with one person before it, who has one tab open.
 * @param {TestContext} t
 * @param {DeskOptions} [options]
 */
export async function startDesk(t, { config, state, expects, person, environment } = {}) {
  const browser = await (browsers ??= launch());
  // Ended in this order: first the pages, so that none sees its hub go.
  t.after(() => desk?.end());
  /** @type {Desk | undefined} */
  let desk;
  const hub = await TestHub.start(t, config, environment);
  desk = new Desk(hub, browser, expects ?? null);
  t.after(() => desk.check());
  if (state) await patch(hub, state);
  const context = await desk.person(person);
  const page = hub.setupLink ? await context.newPage() : await desk.open(context);
  return { desk, hub, context, page };
}

/**
 * Applies a merge patch to the hub's state.
 * @param {TestHub} hub
 * @param {object} change
 * @returns {Promise<{ seq: number }>}
 */
export async function patch(hub, change) {
  const headers = { "content-type": "application/merge-patch+json" };
  const response = await fetch(`${hub.url}/api/state`, { method: "PATCH", headers, body: JSON.stringify(change) });
  const answer = await response.json();
  assert.ok(response.ok, JSON.stringify(answer));
  return answer;
}

/** Runs a command, as from a third place. @param {TestHub} hub @param {string} command */
export function command(hub, command) {
  return hub.ask("POST", "/api/command", { command });
}

/** Waits until a page shows its view with what it is about. @param {Page} page */
export async function shown(page) {
  await page.locator("main :is(.overview:not([aria-busy]), .activity, .connections .panel, .admin .panel)").first().waitFor();
}

/** Waits until a page says that it is live. @param {Page} page */
export async function live(page) {
  await page.locator('[data-testid="connection"][data-kind="live"]').waitFor();
}

/** Waits until a page says that it is not. @param {Page} page */
export async function notLive(page) {
  await page.getByTestId("stale").waitFor();
}

/**
 * Waits until something is so in a page.
 * @template A
 * @param {Page} page
 * @param {(argument: A) => unknown} condition
 * @param {A} argument
 */
export async function until(page, condition, argument) {
  await page.waitForFunction(/** @type {any} */ (condition), argument);
}
