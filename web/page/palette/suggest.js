import { oneLine, titleOf } from "../core/text.js";
import { VERBS } from "./verbs.js";

const TARGETS_MAX = 8;
const RECENT_MAX = 5;
/** So many of the page's own actions are offered before anything is typed. */
const ACTIONS_UNASKED = 3;

/**
 * @typedef {{ key: string, text: string, hint: string, run: boolean, action?: () => void, insert: string }} Suggestion
 *   `run`: choosing it runs it; else it is written into the line to go on.
 * @typedef {{ name: string, suggestions: Suggestion[] }} Group
 * @typedef {{ name: string, action: () => void }} PageAction
 */

/**
 * Offers what a line may become.
 *
 * @param {string} line
 * @param {import("../core/types.js").State | null} state
 * @param {readonly string[]} history oldest first
 * @param {readonly PageAction[]} actions
 * @returns {Group[]}
 */
export function suggest(line, state, history, actions) {
  const text = line.trimStart();
  const [, verbText, rest] = /^(\S*)(?:\s+(.*))?$/s.exec(text) ?? ["", text, "", ""];
  const verb = VERBS.find(({ name }) => name === verbText.toLowerCase());
  if (verb && rest !== undefined) return groups([["For", targets(verb, rest.trim(), state)]]);
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const verbs = VERBS.filter(({ name }) => rest === undefined && name.startsWith(verbText.toLowerCase())).map(toVerb);
  const recent = text === "" ? [...history].reverse().slice(0, RECENT_MAX).map(toRecent) : [];
  const found = words.length > 0 && !verb ? search(words, state) : [];
  const matching = actions.filter(({ name }) => words.every((word) => name.toLowerCase().includes(word)));
  const page = (text === "" ? matching.slice(0, ACTIONS_UNASKED) : matching).map(toAction);
  return groups([["Recent", recent], ["Commands", verbs], ["Items", found], ["This page", page]]);
}

/** @param {[string, Suggestion[]][]} list @returns {Group[]} */
function groups(list) {
  return list.filter(([, suggestions]) => suggestions.length > 0).map(([name, suggestions]) => ({ name, suggestions }));
}

/** @param {typeof VERBS[number]} verb @returns {Suggestion} */
function toVerb({ name, target, help }) {
  const run = target === "none";
  return { key: `v:${name}`, text: name, hint: help, run, insert: run ? name : `${name} ` };
}

/** @param {string} text @returns {Suggestion} */
function toRecent(text) {
  return { key: `r:${text}`, text: oneLine(text, 120), hint: "", run: false, insert: text };
}

/** @param {PageAction} action @returns {Suggestion} */
function toAction({ name, action }) {
  return { key: `a:${name}`, text: name, hint: "", run: true, action, insert: name };
}

/**
 * @param {typeof VERBS[number]} verb
 * @param {string} rest
 * @param {import("../core/types.js").State | null} state
 * @returns {Suggestion[]}
 */
function targets(verb, rest, state) {
  if (verb.target === "verb") {
    return VERBS.filter(({ name }) => name.startsWith(rest.toLowerCase()))
      .map(({ name, help }) => ({ key: `h:${name}`, text: `help ${name}`, hint: help, run: true, insert: `help ${name}` }));
  }
  if (verb.target === "none" || !state) return [];
  if (verb.target === "gateway") return rank(gateways(state, verb.name), words(rest)).map((item) => toTarget(verb.name, item));
  const items = verb.target === "priority" ? state.priorities.filter((item) => item.status !== RESULTS[verb.name]) : everything(state);
  return rank(items, words(rest)).map((item) => toTarget(verb.name, item));
}

/** @param {string} text */
const words = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);

/** Those that a verb does something to. @param {import("../core/types.js").State} state @param {string} verb */
function gateways({ gateways }, verb) {
  const some = Object.entries(gateways ?? {}).filter(([, { status }]) => (status === "PAUSED") === (verb === "resume"));
  return some.map(([id, { gateway_type }]) => ({ id, title: gateway_type }));
}

/** @type {Record<string, string>} */
const RESULTS = { approve: "approved", reject: "rejected", done: "done" };

/** @param {string} verb @param {import("../core/types.js").Item} item @returns {Suggestion} */
function toTarget(verb, item) {
  const hint = item.title ? titleOf(item) : "";
  return { key: `${verb} ${item.id}`, text: `${verb} ${oneLine(item.id, 60)}`, hint, run: true, insert: `${verb} ${item.id}` };
}

/** @param {string[]} words @param {import("../core/types.js").State | null} state @returns {Suggestion[]} */
function search(words, state) {
  if (!state) return [];
  const found = rank(everything(state), words);
  const open = new Set(state.priorities.filter((item) => item.status === "proposed").map((item) => item.id));
  return found.flatMap((item) => [...(open.has(item.id) ? [toTarget("approve", item)] : []), toTarget("brief", item)]).slice(0, TARGETS_MAX);
}

/** @param {import("../core/types.js").State} state */
function everything({ priorities, commitments, calendar }) {
  return [...priorities, ...commitments.owe, ...commitments.owed, ...calendar];
}

/**
 * Returns the items that match all words: the id itself first, then its beginning, then what else is found.
 *
 * @param {import("../core/types.js").Item[]} items
 * @param {string[]} words
 */
function rank(items, words) {
  /** @type {import("../core/types.js").Item[][]} */
  const ranks = [[], [], []];
  for (const item of items) {
    const id = item.id.toLowerCase();
    const text = `${id} ${titleOf(item).toLowerCase()}`;
    if (!words.every((word) => text.includes(word))) continue;
    ranks[words[0] === id ? 0 : words.length > 0 && id.startsWith(words[0]) ? 1 : 2].push(item);
  }
  return ranks.flat().slice(0, TARGETS_MAX);
}
