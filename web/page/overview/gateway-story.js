import { html, useEffect, useState } from "../../vendor/preact.js";
import { getJson, query } from "../core/api.js";
import { now } from "../core/clock.js";
import { actorName } from "../core/describe.js";
import { href } from "../core/router.js";
import { messageOf } from "../core/text.js";
import { moment } from "../core/time.js";
import { Badge } from "../parts/badge.js";
import { Line } from "../parts/text.js";
import { stepWords } from "./gateway-words.js";

const TYPES = ["gateway_status_change", "gateway_recovery", "gateway_registered"];
const PAGE = 500;
/** So many pages are searched without asking. */
const PAGES = 4;
const ENOUGH = 20;
const EVENTS_MAX = 200;

/** @typedef {import("../core/types.js").Frame} Frame */

/**
 * What became of one gateway, newest first: the committed changes, also those that come while it is read.
 *
 * @param {{ hub: import("../core/types.js").Hub, id: string }} props
 */
export function Story({ hub, id }) {
  const [events, setEvents] = useState(/** @type {readonly Frame[]} */ ([]));
  /** Where the search for older ones goes on; null at the log's beginning. */
  const [before, setBefore] = useState(/** @type {number | null | undefined} */ (undefined));
  const [error, setError] = useState("");
  const [asked, setAsked] = useState(0);

  useEffect(() => {
    setEvents([]);
    setBefore(undefined);
    // A whole state stands for changes that came without a frame of their own.
    const ends = TYPES.map((type) => hub.on(type, (frame) => frame.data?.gateway_id === id && setEvents((known) => merge(known, [frame]))));
    ends.push(hub.on("state", () => setAsked((count) => count + 1)));
    return () => ends.forEach((end) => end());
  }, [hub, id]);

  useEffect(() => {
    const controller = new AbortController();
    search(id, null, controller.signal).then((found) => {
      setEvents((known) => merge(known, found.events));
      setBefore(found.next);
      setError("");
    }, (problem) => controller.signal.aborted || setError(messageOf(problem)));
    return () => controller.abort();
  }, [id, asked]);

  async function further() {
    try {
      const found = await search(id, before ?? null, new AbortController().signal);
      setEvents((known) => merge(known, found.events));
      setBefore(found.next);
      setError("");
    } catch (problem) {
      setError(messageOf(problem));
    }
  }

  const seen = now.value;
  return html`
    ${events.length === 0 && before === null ? html`<p class="meta">Nothing is kept of what became of it.</p>` : null}
    <ol class="story">${events.map((event) => {
      const at = Date.parse(event.timestamp);
      return html`<li key=${event.seq} data-type=${event.type}>
        <a href=${href("activity", { seq: event.seq ?? null })}><time datetime=${event.timestamp}>${moment(at, seen)}</time></a>
        <span class="story-text"><${Told} event=${event} /></span>
        <bdi class="by">${actorName(event.actor ?? "the hub")}</bdi>
      </li>`;
    })}</ol>
    ${error ? html`<p class="meta" data-tone="warn" role="status">Earlier changes cannot be read: ${error}</p>` : null}
    ${before && events.length < EVENTS_MAX ? html`<p><button type="button" class="button small" onClick=${() => void further()}>Look further back</button></p>` : null}
  `;
}

/** @param {{ event: Frame }} props */
function Told({ event: { type, data } }) {
  if (type === "gateway_recovery") return html`<${Line} value=${stepWords(data)} most=${400} />`;
  if (type === "gateway_registered") return html`registered, or defined anew`;
  const why = data.metadata?.error;
  return html`<${Badge} status=${String(data.current_status)} />${typeof why === "string" ? html` <${Line} value=${why} most=${300} />` : null}`;
}

/**
 * Looks for events of a gateway, from the newest on or from before one.
 *
 * @param {string} id @param {number | null} from @param {AbortSignal} signal
 */
async function search(id, from, signal) {
  /** @type {Frame[]} */
  const events = [];
  let before = from;
  for (let pages = 0; pages < PAGES; pages += 1) {
    /** @type {import("../core/types.js").EventsPage} */
    const page = await getJson(`/api/events${query({ type: TYPES, before, order: "desc", limit: PAGE })}`, { signal });
    events.push(...page.events.filter(({ data }) => data?.gateway_id === id));
    before = page.next;
    if (before === null || events.length >= ENOUGH) break;
  }
  return { events, next: before };
}

/** @param {readonly Frame[]} known @param {readonly Frame[]} found newest first */
function merge(known, found) {
  const all = new Map([...known, ...found].map((event) => [event.seq ?? 0, event]));
  return [...all.values()].sort((a, b) => (b.seq ?? 0) - (a.seq ?? 0)).slice(0, EVENTS_MAX);
}
