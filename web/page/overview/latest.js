import { html, useMemo } from "../../vendor/preact.js";
import { actorName, toRecord } from "../core/describe.js";
import { href } from "../core/router.js";
import { runCommand } from "../core/recipes.js";
import { clock, exact } from "../core/time.js";
import { Empty } from "../parts/empty.js";
import { memo } from "../parts/memo.js";

/** The newest changes. */
export const Latest = memo(drawLatest);

/**
 * @param {{ log: import("../core/events.js").EventLog, shown: import("../core/types.js").Frame[] | null, most: number }} props
 *   `shown` are those of a moment of the past, newest first; null shows the log's
 */
function drawLatest({ log, shown, most }) {
  const old = useMemo(() => shown?.slice(0, most).map(toRecord) ?? null, [shown, most]);
  // Read in any case, so that this is drawn again when the log changes.
  const version = log.version.value;
  const records = old ?? log.records.slice(-most).reverse();
  const none = records.length === 0 && (old !== null || log.loaded.value) && version >= 0;
  return none
    ? html`<${Empty} title="Nothing happened yet" text="Every change shows here as it is made." command=${runCommand("brief")} />`
    : html`<ol class="latest">${records.map((record) => html`<${Entry} key=${record.seq} record=${record} />`)}</ol>`;
}

const Entry = memo(drawEntry);

/** @param {{ record: import("../core/types.js").EventRecord }} props */
function drawEntry({ record }) {
  return html`<li>
    <a href=${href("activity", { seq: record.seq })}>
      <time datetime=${new Date(record.at).toISOString()} title=${exact(record.at)}>${clock(record.at)}</time>
      <span class="latest-text"><bdi>${record.summary}</bdi><bdi class="by">${actorName(record.actor)}</bdi></span>
    </a>
  </li>`;
}
