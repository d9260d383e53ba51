import { html } from "../../vendor/preact.js";
import { cut, plain } from "../core/text.js";
import { longDay } from "../core/time.js";
import { Aside } from "../parts/aside.js";
import { CopyButton } from "../parts/copy.js";
import { Line, Prose } from "../parts/text.js";
import { hasFields } from "./lines.js";
import { toMillisecond } from "./row.js";

const FIELDS_MAX = 100;
const VALUE_MAX_CHARS = 4000;

/**
 * One line with all that belongs to it.
 *
 * @param {{ line: import("./lines.js").Line, onSource: (source: string) => void, onClose: () => void }} props
 */
export function LogDetail({ line, onSource, onClose }) {
  const fields = Object.entries(line.metadata ?? {});
  return html`<${Aside} title="Log line" label=${`Log line ${line.id}`} close="Close the line" onClose=${onClose}>
    <p class="detail-summary log-whole"><${Prose} value=${line.message} most=${8000} /></p>
    <dl class="fields">
      <div><dt>When</dt><dd><time datetime=${line.timestamp}>${longDay(Date.parse(line.timestamp))}, ${toMillisecond(line.timestamp)}</time></dd></div>
      <div><dt>Level</dt><dd class="log" data-level=${line.level}><span class="level">${line.level}</span></dd></div>
      <div><dt>Source</dt><dd><${Line} value=${line.source} /> <button type="button" class="button small" onClick=${() => onSource(line.source)}>Only this source</button></dd></div>
      <div><dt>Id</dt><dd>${line.id}</dd></div>
    </dl>
    <h3>Metadata</h3>
    ${hasFields(line)
      ? html`<dl class="fields log-fields">
          ${fields.slice(0, FIELDS_MAX).map(([name, value]) => html`<div key=${name}><dt><${Line} value=${name} most=${80} /></dt><dd><${Value} value=${value} /></dd></div>`)}
        </dl>`
      : html`<p class="meta">None.</p>`}
    ${fields.length > FIELDS_MAX ? html`<p class="meta">${fields.length - FIELDS_MAX} more fields.</p>` : null}
    <p class="detail-links"><${CopyButton} text=${JSON.stringify(line)} label="Copy as JSON" short="Copy as JSON" /></p>
  </${Aside}>`;
}

/** @param {{ value: unknown }} props */
function Value({ value }) {
  if (typeof value === "string") return value === "" ? html`<span class="meta">empty</span>` : html`<${Prose} value=${value} most=${VALUE_MAX_CHARS} />`;
  const text = JSON.stringify(value, null, typeof value === "object" && value !== null ? 2 : 0) ?? "";
  return html`<code class="prose"><bdi>${plain(cut(text, VALUE_MAX_CHARS))}</bdi></code>`;
}
