import { html } from "../../vendor/preact.js";
import { cut, oneLine, plain, splitLinks, webAddress } from "../core/text.js";

/**
 * A short text from outside: one line, cut, its direction kept to itself.
 *
 * @param {{ value: unknown, most?: number, class?: string }} props
 */
export function Line({ value, most, class: name }) {
  return html`<bdi class=${name}>${oneLine(value, most)}</bdi>`;
}

/**
 * A longer text from outside with its line breaks; only http and https addresses become links.
 *
 * @param {{ value: string, most?: number }} props
 */
export function Prose({ value, most = 4000 }) {
  const parts = splitLinks(plain(cut(value, most)));
  return html`<bdi class="prose" dir="auto">${parts.map(({ text, href }) => (href ? html`<${Out} href=${href} text=${text} />` : text))}</bdi>`;
}

/** A link that leaves the page. @param {{ href: string, text: string }} props */
export function Out({ href, text }) {
  const safe = webAddress(href);
  if (!safe) return text;
  return html`<a href=${safe} target="_blank" rel="noopener noreferrer">${cut(text, 120)}</a>`;
}

/** The id of an item. @param {{ id: string }} props */
export function Id({ id }) {
  return html`<bdi class="id">${oneLine(id, 40)}</bdi>`;
}
