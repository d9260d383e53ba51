import { html, useEffect, useState } from "../../vendor/preact.js";
import { getJson, query } from "../core/api.js";
import { typeName } from "../core/describe.js";
import { differences, DIFFERENCES_MAX } from "../core/diff.js";
import { messageOf } from "../core/text.js";
import { href } from "../core/router.js";
import { longDay, exact } from "../core/time.js";
import { Aside } from "../parts/aside.js";
import { Icon } from "../parts/icons.js";
import { Line, Prose } from "../parts/text.js";
import { Diff } from "./diff.js";

/** Holding an arrow key down asks for the change where it rests. */
const REST_MS = 60;

/**
 * @typedef {{ frame: import("../core/types.js").Frame, found: import("../core/diff.js").Difference[] | null, cut: boolean }} Loaded
 */

/**
 * One change with what it altered.
 *
 * @param {{ seq: number, live: import("../core/live.js").Live, onClose: () => void }} props
 */
export function Detail({ seq, live, onClose }) {
  const [loaded, setLoaded] = useState(/** @type {Loaded | null} */ (null));
  const [error, setError] = useState("");
  useEffect(() => {
    const controller = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const next = await load(seq, controller.signal);
        setLoaded(next);
        setError("");
      } catch (problem) {
        if (!controller.signal.aborted) setError(messageOf(problem));
      }
    }, REST_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [seq]);

  const here = loaded?.frame.seq === seq ? loaded : null;
  return html`<${Aside} title=${`Change #${seq}`} label=${`Change ${seq}`} close="Close the change" busy=${here === null && !error} onClose=${onClose}>
    ${error ? html`<p class="detail-error" role="alert">This change cannot be shown: ${error}</p>` : here ? html`<${Change} loaded=${here} />` : null}
  </${Aside}>`;
}

/** @param {{ loaded: Loaded }} props */
function Change({ loaded: { frame, found, cut } }) {
  const { data = {} } = frame;
  const at = Date.parse(frame.timestamp);
  return html`
    <p class="detail-summary"><${Prose} value=${String(data.message ?? data.summary ?? typeName(frame.type))} most=${2000} /></p>
    <dl class="fields">
      <div><dt>When</dt><dd><time datetime=${frame.timestamp}>${longDay(at)}, ${exact(at)}</time></dd></div>
      <div><dt>Who</dt><dd><${Line} value=${frame.actor ?? "the hub"} /></dd></div>
      <div><dt>Type</dt><dd>${typeName(frame.type)}</dd></div>
      ${typeof data.command === "string" ? html`<div><dt>Command</dt><dd><code><${Line} value=${data.command} /></code></dd></div>` : null}
      ${data.applied === false ? html`<div><dt>Applied</dt><dd>no, nothing was altered</dd></div>` : null}
    </dl>
    <h3>What changed</h3>
    ${found === null
      ? html`<p class="meta">The state before it is no longer kept.</p>`
      : found.length === 0
        ? html`<p class="meta">Nothing in the state.</p>`
        : html`<${Diff} found=${found} />`}
    ${cut ? html`<p class="meta">Only the first ${DIFFERENCES_MAX} operations are shown.</p>` : null}
    <p class="detail-links"><a class="link" href=${href("overview", { at: frame.seq })}><${Icon} name="clock" />Show everything at this moment</a></p>
  `;
}

/**
 * @param {number} seq
 * @param {AbortSignal} signal
 * @returns {Promise<Loaded>}
 */
async function load(seq, signal) {
  const [page, before] = await Promise.all([
    getJson(`/api/events${query({ before: seq + 1, order: "desc", limit: 1 })}`, { signal }),
    getJson(`/api/state${query({ at: seq - 1 })}`, { signal }).catch((error) => {
      // The first change that is kept has no state before it that is.
      if (error?.type === "history_pruned") return null;
      throw error;
    }),
  ]);
  const frame = page.events[0];
  if (frame?.seq !== seq) throw new Error(`there is no change ${seq} in the log`);
  const patch = frame.patch ?? [];
  const found = patch.length === 0 ? [] : before ? differences(before.state, patch) : null;
  return { frame, found, cut: patch.length > DIFFERENCES_MAX };
}
