import { signal } from "../../vendor/preact.js";

/** Where this browser remembers what its user prefers. */
const PREFIX = "opshub.";
const HISTORY_MAX = 50;

/** @type {Map<string, (text: string | null) => void>} */
const readers = new Map();

/** `system`, `light` or `dark`. */
export const theme = remembered("theme", (text) => (text === "light" || text === "dark" ? text : "system"));

/** Whether single keys, such as `/`, are shortcuts. */
export const singleKeys = remembered("keys", (text) => text !== "off");

/** Whether everything is shown large, for a wall. */
export const wall = remembered("wall", (text) => text === "on");

/** The newest commands that were typed, newest last. */
export const history = remembered("history", readHistory);

/** Sets the theme. @param {"system" | "light" | "dark"} next */
export function setTheme(next) {
  write("theme", next);
}

/** Sets whether single keys are shortcuts. @param {boolean} on */
export function setSingleKeys(on) {
  write("keys", on ? "on" : "off");
}

/** Sets the wall mode. @param {boolean} on */
export function setWall(on) {
  write("wall", on ? "on" : "off");
}

/** Remembers a command as the newest one. @param {string} text */
export function remember(text) {
  const kept = history.peek().filter((known) => known !== text);
  write("history", JSON.stringify([...kept, text].slice(-HISTORY_MAX)));
}

/**
 * @template T
 * @param {string} key
 * @param {(text: string | null) => T} read
 */
function remembered(key, read) {
  const value = signal(read(load(key)));
  readers.set(key, (text) => {
    value.value = read(text);
  });
  return value;
}

/** @param {string} key @param {string} text */
function write(key, text) {
  readers.get(key)?.(text);
  try {
    localStorage.setItem(PREFIX + key, text);
  } catch {
    // A browser that keeps nothing still lets the page work; it forgets on the next load.
  }
}

/** @param {string} key */
function load(key) {
  try {
    return localStorage.getItem(PREFIX + key);
  } catch {
    return null;
  }
}

/** @param {string | null} text @returns {string[]} */
function readHistory(text) {
  try {
    const list = JSON.parse(text ?? "[]");
    return Array.isArray(list) ? list.filter((one) => typeof one === "string").slice(-HISTORY_MAX) : [];
  } catch {
    return [];
  }
}

window.addEventListener("storage", ({ key, newValue }) => {
  if (key?.startsWith(PREFIX)) readers.get(key.slice(PREFIX.length))?.(newValue);
});
