import { html } from "../../vendor/preact.js";
import { SPEEDS } from "../core/past.js";
import { now } from "../core/clock.js";
import { moment } from "../core/time.js";
import { Icon } from "../parts/icons.js";

/**
 * The way through the log: a slider from the oldest change to now.
 *
 * @param {{ past: import("../core/past.js").Past, live: import("../core/live.js").Live, range: { first: number, last: number } | null }} props
 */
export function Timeline({ past, live, range }) {
  const wanted = past.wanted.value;
  const shown = past.moment.value;
  const playing = past.playing.value;
  const none = range === null || range.last <= range.first;
  const first = range?.first ?? 0;
  const last = range?.last ?? 1;
  const value = wanted ?? last;
  const isLive = wanted === null;
  const at = shown && shown.seq === wanted ? moment(shown.at, now.value) : null;
  const asOf = live.asOf.value;
  const stale = isLive && live.stale.value;
  const label = stale && asOf !== null ? `as of ${moment(asOf, now.value)}` : isLive ? "now" : `#${wanted}`;
  const part = last > first ? (value - first) / (last - first) : 1;

  /** @param {number} seq */
  const slide = (seq) => (seq >= last ? past.live() : past.go(seq));
  return html`<section class="timeline" aria-label="Time travel" data-past=${!isLive} data-stale=${stale}>
    <div class="timeline-steps">
      <button type="button" class="button icon-only ghost" aria-label="One change back" disabled=${none || value <= first} onClick=${() => past.step(-1)}><${Icon} name="back" /></button>
      <button type="button" class="button icon-only ghost" aria-label=${playing ? "Pause" : "Play the log"} disabled=${none} onClick=${() => (playing ? past.pause() : past.play())}>
        <${Icon} name=${playing ? "pause" : "play"} />
      </button>
      <button type="button" class="button icon-only ghost" aria-label="One change on" disabled=${none || isLive} onClick=${() => past.step(1)}><${Icon} name="forward" /></button>
    </div>
    <div class="timeline-slider" style=${{ "--part": String(part) }}>
      <input type="range" min=${first} max=${last} step="1" value=${value} disabled=${none} aria-label="Moment in the log"
        aria-valuetext=${stale ? label : isLive ? "live" : `change ${wanted}${at ? `, ${at}` : ""}`}
        onInput=${(/** @type {any} */ event) => slide(Number(event.currentTarget.value))} />
    </div>
    <output class="timeline-label" data-testid="moment">${label}${!isLive && at ? html`<span class="timeline-time"> · ${at}</span>` : null}</output>
    <label class="timeline-speed"><span class="sr">Speed</span>
      <select value=${String(past.speed.value)} onChange=${(/** @type {any} */ event) => { past.speed.value = Number(event.currentTarget.value); }}>
        ${SPEEDS.map((speed) => html`<option key=${speed} value=${String(speed)} selected=${speed === past.speed.value}>${speed}/s</option>`)}
      </select>
    </label>
    <button type="button" class="button small live-button" data-live=${isLive} disabled=${isLive} aria-label=${isLive ? undefined : "Back to live"} onClick=${past.live}>
      <span class="dot" aria-hidden="true"></span><span>${stale ? "not live" : "live"}</span>
    </button>
  </section>`;
}
