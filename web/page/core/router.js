import { signal } from "../../vendor/preact.js";

/**
 * @typedef {{ view: "overview" | "activity" | "logs" | "connections" | "admin", params: Record<string, string> }} Route
 */

/** @type {Record<string, Route["view"]>} */
const VIEWS = { "/": "overview", "/activity": "activity", "/logs": "logs", "/connections": "connections", "/admin": "admin" };

/** Where the reader is. */
export const route = signal(/** @type {Route} */ (read(location.hash) ?? { view: "overview", params: {} }));

/**
 * Returns the address of a view.
 *
 * @param {Route["view"]} view
 * @param {Record<string, string | number | null | undefined>} [params]
 */
export function href(view, params = {}) {
  const path = Object.keys(VIEWS).find((key) => VIEWS[key] === view) ?? "/";
  const set = Object.entries(params).filter(([, value]) => value !== null && value !== undefined);
  const text = set.map(([name, value]) => (value === "" ? name : `${name}=${encodeURIComponent(String(value))}`)).join("&");
  return `#${path}${text && `?${text}`}`;
}

/**
 * Goes to a view; `replace` leaves no step to go back to.
 *
 * @param {Route["view"]} view
 * @param {Record<string, string | number | null | undefined>} [params]
 * @param {{ replace?: boolean }} [options]
 */
export function navigate(view, params = {}, { replace = false } = {}) {
  const target = href(view, params);
  if (target === (location.hash || "#/")) return;
  if (replace) history.replaceState(null, "", target);
  else history.pushState(null, "", target);
  follow();
}

/** @param {string} hash @returns {Route | null} */
function read(hash) {
  if (hash === "" || hash === "#") return { view: "overview", params: {} };
  const match = /^#(\/[a-z]*)(?:\?(.*))?$/.exec(hash);
  const view = match && VIEWS[match[1]];
  return view ? { view, params: Object.fromEntries(new URLSearchParams(match[2] ?? "")) } : null;
}

function follow() {
  const next = read(location.hash);
  const known = route.peek();
  if (next && (next.view !== known.view || String(new URLSearchParams(next.params)) !== String(new URLSearchParams(known.params)))) {
    route.value = next;
  }
}

window.addEventListener("popstate", follow);
window.addEventListener("hashchange", follow);
