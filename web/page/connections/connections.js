import { html, useEffect, useState } from "../../vendor/preact.js";
import { now } from "../core/clock.js";
import { Empty } from "../parts/empty.js";
import { Ago } from "../parts/ago.js";
import { Panel } from "../parts/panel.js";
import { createPoll } from "./poll.js";
import { ConnectionTable } from "./table.js";

/** Older answers are not shown as if they were of now. */
const OLD_AFTER_MS = 6000;

/**
 * Who is connected, and who is slow; asked for while it is seen.
 *
 * @param {{ app: import("../app.js").AppParts }} props
 */
export function Connections({ app }) {
  const [poll] = useState(createPoll);
  const [find, setFind] = useState("");
  const own = app.live.health.value.sessionId ?? null;
  useEffect(() => poll.start(), [poll]);
  // A page that has just connected is in the next answer, not in the last one.
  useEffect(() => {
    if (own !== null) poll.ask();
  }, [own]);
  const answer = poll.answer.value;
  const error = poll.error.value;
  const old = answer !== null && now.value - answer.at > OLD_AFTER_MS;
  const all = answer?.connections ?? [];
  const shown = filter(all, find);
  const slow = all.filter(({ state }) => state !== "live").length;
  const note = answer ? `${all.length.toLocaleString()}${slow > 0 ? `, ${slow} slow` : ""}` : null;
  const field = html`<input type="search" class="panel-action" aria-label="Find a connection" placeholder="Find" value=${find} maxlength="200"
    onInput=${(/** @type {any} */ event) => setFind(event.currentTarget.value)} />`;
  return html`<div class="connections" data-old=${old || error !== null}>
    ${error || old
      ? html`<p class="activity-foot" data-tone="warn" role="status">${error ? `Not up to date: ${error}.` : "Not up to date."} ${answer ? html`As of <${Ago} at=${answer.at} />.` : null}</p>`
      : null}
    <${Panel} title="Connections" area="connections" note=${note} action=${field}>
      ${answer === null
        ? null
        : shown.length === 0
          ? html`<${Empty} title=${all.length === 0 ? "Nobody is connected" : "No connection matches"} command=${all.length === 0 ? `opshub watch --url ${location.origin}` : undefined} />`
          : html`<${ConnectionTable} connections=${shown} own=${own} />`}
    </${Panel}>
  </div>`;
}

/**
 * @param {import("./poll.js").ConnectionReport[]} all
 * @param {string} find
 */
function filter(all, find) {
  const words = find.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return all;
  return all.filter((one) => {
    const text = `${one.session_id} ${one.actor} ${one.address} ${one.user_agent ?? ""} ${one.protocol} ${one.state}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}
