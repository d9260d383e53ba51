import { html } from "../../vendor/preact.js";
import { cut, oneLine, plain } from "../core/text.js";
import { memo } from "../parts/memo.js";
import { Prose } from "../parts/text.js";

const VALUE_MAX_CHARS = 2000;
const FIELDS_MAX = 40;
const WORDS = { added: "added", removed: "removed", changed: "changed" };

/** What stood there before, what stands there now. */
export const Diff = memo(drawDiff);

/** @param {{ found: import("../core/diff.js").Difference[] }} props */
function drawDiff({ found }) {
  return html`<ol class="diff">${found.map((one, index) => html`<li key=${index} data-kind=${one.kind}>
    <p class="diff-place">${one.place.map((word, step) => html`${step > 0 ? html`<span aria-hidden="true"> › </span>` : null}<bdi>${oneLine(word, 60)}</bdi>`)}
      <span class="diff-kind">${WORDS[one.kind]}</span></p>
    ${one.before === undefined ? null : html`<div class="diff-value" data-side="before"><span class="sr">before: </span><${Value} value=${one.before} /></div>`}
    ${one.after === undefined ? null : html`<div class="diff-value" data-side="after"><span class="sr">after: </span><${Value} value=${one.after} /></div>`}
  </li>`)}</ol>`;
}

/** @param {{ value: unknown }} props */
function Value({ value }) {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    const fields = Object.entries(value);
    return html`<dl class="fields">
      ${fields.slice(0, FIELDS_MAX).map(([name, field]) => html`<div key=${name}><dt><bdi>${oneLine(name, 60)}</bdi></dt><dd><${Plain} value=${field} /></dd></div>`)}
      ${fields.length > FIELDS_MAX ? html`<div><dt>…</dt><dd>${fields.length - FIELDS_MAX} more fields</dd></div>` : null}
    </dl>`;
  }
  return html`<${Plain} value=${value} />`;
}

/** @param {{ value: unknown }} props */
function Plain({ value }) {
  if (typeof value === "string") return value === "" ? html`<span class="meta">empty</span>` : html`<${Prose} value=${value} most=${VALUE_MAX_CHARS} />`;
  if (value === null) return html`<span class="meta">none</span>`;
  const text = JSON.stringify(value, null, Array.isArray(value) ? 1 : 0) ?? "";
  return html`<code><bdi>${plain(cut(text, VALUE_MAX_CHARS))}</bdi></code>`;
}
