import { html } from "../../vendor/preact.js";
import { Snippet } from "./copy.js";

/**
 * What stands where nothing is: what would be here, and how it comes.
 *
 * @param {{ title: string, text?: string, command?: string, children?: unknown }} props
 */
export function Empty({ title, text, command, children }) {
  return html`<div class="empty">
    <p class="empty-title">${title}</p>
    ${text ? html`<p class="empty-text">${text}</p>` : null}
    ${command ? html`<${Snippet} text=${command} />` : null}
    ${children}
  </div>`;
}
