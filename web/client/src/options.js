/** @import { Clock, ConnectOptions, Token, WebSocketConstructor } from "../types/index.js" */
/** @import { Environment } from "./environment.js" */

import { completeClock } from "./clock.js";
import { browserEnvironment } from "./environment.js";

/** The default bounds of the time between two tries, in milliseconds. */
const BACKOFF_MS = { initial: 500, max: 30_000 };

/**
 * @typedef {object} SessionOptions
 * @property {URL} url
 * @property {readonly string[] | undefined} topics
 * @property {Token | undefined} token
 * @property {WebSocketConstructor} WebSocket
 * @property {{ initialMs: number, maxMs: number }} backoff
 * @property {Required<Clock>} clock
 * @property {() => number} random
 * @property {Environment} environment
 */

/**
 * Completes what a caller gave.
 * @param {ConnectOptions} options
 * @param {Environment} [environment]
 * @returns {SessionOptions & { shared: boolean }}
 * @throws {TypeError} when something is missing or of no use
 */
export function completeOptions(options, environment = browserEnvironment) {
  const { WebSocket = globalThis.WebSocket, random = Math.random, topics, token, backoff = {} } = options;
  if (typeof WebSocket !== "function") {
    throw new TypeError("there is no WebSocket here: pass one, such as that of the package ws");
  }
  if (topics !== undefined && !(Array.isArray(topics) && topics.every((topic) => typeof topic === "string"))) {
    throw new TypeError("topics must be a list of names");
  }
  if (token !== undefined && typeof token !== "function" && !(typeof token === "string" && token !== "")) {
    throw new TypeError("token must be a text or a function that gives one");
  }
  const initialMs = positive(backoff.initialMs ?? BACKOFF_MS.initial, "backoff.initialMs");
  const maxMs = positive(backoff.maxMs ?? BACKOFF_MS.max, "backoff.maxMs");
  return {
    url: webSocketUrl(options.url),
    topics: topics && [...topics],
    token,
    WebSocket: /** @type {WebSocketConstructor} */ (WebSocket),
    backoff: { initialMs: Math.min(initialMs, maxMs), maxMs },
    clock: completeClock(options.clock),
    random,
    environment,
    // A constructor or a clock of the caller's own cannot be handed to a worker.
    shared: options.shared ?? (isPage() && !options.WebSocket && !options.clock && !options.random),
  };
}

/** @param {string | URL | undefined} given */
function webSocketUrl(given) {
  const page = globalThis.document?.location?.href;
  if (given === undefined && page === undefined) throw new TypeError("url is missing");
  const url = new URL(given ?? "/ws", page);
  if (url.protocol === "http:") url.protocol = "ws:";
  if (url.protocol === "https:") url.protocol = "wss:";
  if (url.protocol !== "ws:" && url.protocol !== "wss:") {
    throw new TypeError(`url must begin with ws:, wss:, http: or https:, got ${url.protocol}`);
  }
  if (url.pathname === "/" || url.pathname === "") url.pathname = "/ws";
  url.hash = "";
  return url;
}

function isPage() {
  return typeof document !== "undefined" && typeof globalThis.SharedWorker === "function";
}

/**
 * @param {unknown} value
 * @param {string} name
 */
function positive(value, name) {
  if (typeof value === "number" && value > 0 && Number.isFinite(value)) return value;
  throw new TypeError(`${name} must be a positive number of milliseconds`);
}
