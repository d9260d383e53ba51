import { html, useEffect, useRef, useState } from "../../vendor/preact.js";
import { getJson, query } from "../core/api.js";
import { now } from "../core/clock.js";
import { href, navigate } from "../core/router.js";
import { messageOf, oneLine } from "../core/text.js";
import { moment } from "../core/time.js";
import { Empty } from "../parts/empty.js";
import { Panel } from "../parts/panel.js";
import { Failed } from "./list.js";

const PAGE = 50;
/** So long after the last key the filter counts. */
const TYPED_MS = 300;

/** @typedef {{ id: number, at: string, kind: string, actor: string, entry: Record<string, unknown> }} Entry */

/** What is refused, and so worth a second look. */
const REFUSALS = /refused|forbidden/;

/** Sign-ins, refusals, and changes of who may do what; newest first. @param {{ params: Record<string, string> }} props */
export function Audit({ params }) {
  const actor = params.actor ?? "";
  const [entries, setEntries] = useState(/** @type {readonly Entry[] | null} */ (null));
  const [next, setNext] = useState(/** @type {number | null} */ (null));
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const newest = useRef(actor);
  newest.current = actor;
  /** What is being typed, before it counts. */
  const [typed, setTyped] = useState(actor);
  useEffect(() => setTyped(actor), [actor]);
  const timer = useRef(/** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined));

  /** @param {number | null} before */
  async function load(before) {
    setBusy(true);
    try {
      const page = await getJson(`/api/audit${query({ before, actor, limit: PAGE })}`);
      if (newest.current !== actor) return;
      setEntries((known) => (before === null ? page.entries : [...(known ?? []), ...page.entries]));
      setNext(page.next);
      setError("");
    } catch (problem) {
      if (newest.current === actor) setError(messageOf(problem));
    } finally {
      setBusy(false);
    }
  }
  useEffect(() => void load(null), [actor]);
  useEffect(() => () => clearTimeout(timer.current), []);

  const filter = (/** @type {string} */ text) => {
    setTyped(text);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => navigate("admin", { part: "audit", actor: text.trim() || null }, { replace: true }), TYPED_MS);
  };
  const seen = now.value;
  const field = html`<input type="search" class="panel-action" aria-label="Only what this actor did" placeholder="Actor" value=${typed} maxlength="256"
    onInput=${(/** @type {any} */ event) => filter(event.currentTarget.value)} />`;
  return html`<${Panel} title="Audit" area="audit" action=${html`${field}<button type="button" class="button small" onClick=${() => void load(null)}>Read again</button>`}>
    <${Failed} error=${error} onRetry=${() => load(null)} />
    ${entries === null ? null : entries.length === 0
      ? html`<${Empty} title=${actor ? "This actor did nothing that is kept" : "Nothing is kept yet"} text=${actor ? "The name has to be whole, as it stands in the list." : undefined} />`
      : html`<table class="table">
          <thead><tr><th scope="col">When</th><th scope="col">Who</th><th scope="col">What</th><th scope="col">About</th><th scope="col">From</th></tr></thead>
          <tbody>${entries.map((one) => html`<tr key=${one.id} data-testid="audit-entry" data-kind=${one.kind}>
            <td data-label="When"><time datetime=${one.at}>${moment(Date.parse(one.at), seen)}</time></td>
            <th scope="row" data-label="Who"><a class="actor" href=${href("admin", { part: "audit", actor: one.actor })}><bdi>${oneLine(one.actor, 256)}</bdi></a></th>
            <td data-label="What"><span class="audit-kind" data-tone=${REFUSALS.test(one.kind) ? "warn" : undefined}>${oneLine(one.kind, 60).replaceAll("_", " ")}</span></td>
            <td data-label="About"><bdi>${about(one.entry)}</bdi></td>
            <td data-label="From"><bdi>${oneLine(one.entry.address ?? "", 60)}</bdi></td>
          </tr>`)}</tbody>
        </table>`}
    ${next !== null ? html`<button type="button" class="button more" aria-disabled=${busy || undefined} onClick=${() => busy || void load(next)}>Load more</button>` : null}
  </${Panel}>`;
}

/** What an entry tells besides. @param {Record<string, unknown>} entry */
function about(entry) {
  const fields = Object.entries(entry).filter(([name, value]) => name !== "address" && value !== false);
  return oneLine(fields.map(([name, value]) => (value === true ? name.replaceAll("_", " ") : `${name.replaceAll("_", " ")} ${oneLine(value, 120)}`)).join(", "), 300);
}
