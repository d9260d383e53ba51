import { html } from "../../vendor/preact.js";
import { oneLine } from "../core/text.js";
import { memo } from "../parts/memo.js";
import { beside, hasFields } from "./lines.js";

const exactForm = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23" });
const MESSAGE_MAX_CHARS = 400;

/** One line, or a note between lines. */
export const LogRow = memo(logRow);

/** Shows a time of day to the millisecond. @param {string} timestamp */
export function toMillisecond(timestamp) {
  const at = Date.parse(timestamp);
  return Number.isNaN(at) ? "" : exactForm.format(at);
}

/** @param {{ row: import("./lines.js").Row, index: number, count: number, active: boolean, opened: boolean, onOpen: (row: import("./lines.js").Row) => void }} props */
function logRow({ row, index, count, active, opened, onOpen }) {
  const { line, note } = row;
  const place = { role: "option", id: `row-${index}`, "aria-posinset": index + 1, "aria-setsize": count, "data-active": active };
  if (line === null) return html`<div ...${place} class="log log-note" aria-selected="false"><span>${note}</span></div>`;
  return html`<div ...${place} class="log" aria-selected=${opened} data-level=${line.level} data-id=${line.id} onClick=${() => onOpen(row)}>
    <time datetime=${line.timestamp}>${toMillisecond(line.timestamp)}</time>
    <span class="level">${line.level}</span>
    <bdi class="log-source">${oneLine(line.source, 128)}</bdi>
    <span class="log-text"><bdi class="log-message">${oneLine(line.message, MESSAGE_MAX_CHARS)}</bdi>${hasFields(line) ? html` <bdi class="log-beside">${beside(line)}</bdi>` : null}</span>
  </div>`;
}
