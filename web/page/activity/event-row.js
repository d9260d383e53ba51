import { html } from "../../vendor/preact.js";
import { actorName, typeName } from "../core/describe.js";
import { brief } from "../core/time.js";
import { memo } from "../parts/memo.js";

/** One change in a line. */
export const EventRow = memo(eventRow);

/** @param {{ record: import("../core/types.js").EventRecord, today: number, index: number, count: number, active: boolean, opened: boolean, onOpen: (seq: number) => void }} props */
function eventRow({ record, today, index, count, active, opened, onOpen }) {
  return html`<div role="option" id=${`row-${index}`} class="event" aria-selected=${opened} aria-posinset=${index + 1} aria-setsize=${count} data-active=${active} data-seq=${record.seq}
    onClick=${() => onOpen(record.seq)}>
    <span class="seq">#${record.seq}</span>
    <time datetime=${new Date(record.at).toISOString()}>${brief(record.at, today)}</time>
    <bdi class="event-text">${record.summary}</bdi>
    <bdi class="by">${actorName(record.actor)}</bdi>
    <span class="kind" data-type=${record.type}>${typeName(record.type)}</span>
  </div>`;
}
