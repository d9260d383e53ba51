import { oneLine } from "../core/text.js";

/** Says which browser or program it is. @param {string | null} text */
export function agentName(text) {
  if (!text) return "unknown";
  const browser = /\b(Firefox|Edg|OPR|HeadlessChrome|Chrome|Version)\/(\d+)/.exec(text);
  if (!text.startsWith("Mozilla/") || !browser) return oneLine(text, 40);
  const names = { Edg: "Edge", OPR: "Opera", HeadlessChrome: "Chrome", Version: "Safari" };
  const found = /\b(Edg|OPR)\/(\d+)/.exec(text) ?? browser;
  return `${names[/** @type {keyof typeof names} */ (found[1])] ?? found[1]} ${found[2]}`;
}
