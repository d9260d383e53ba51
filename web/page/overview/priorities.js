import { html, useLayoutEffect, useRef } from "../../vendor/preact.js";
import { putItem } from "../core/recipes.js";
import { Empty } from "../parts/empty.js";
import { memo } from "../parts/memo.js";
import { useSteps } from "../parts/more.js";
import { Panel } from "../parts/panel.js";
import { Id } from "../parts/text.js";
import { Meta, Title, Verb } from "./item-row.js";

/** @typedef {import("../core/types.js").Item} Item */

/** What matters now, with the decisions that it waits for. */
export const Priorities = memo(drawPriorities);

/** @param {{ items: Item[], minute: number, canAct: boolean, pending: ReadonlySet<string>, onCommand: (text: string) => void }} props */
function drawPriorities({ items, minute, canAct, pending, onCommand }) {
  const { sorted, open } = openFirst(items);
  const { shown, rest } = useSteps(sorted);
  return html`<${Panel} title="Priorities" area="pri" note=${items.length > 0 ? `${open} open` : null}>
    ${items.length === 0
      ? html`<${Empty} title="No priorities yet" text="Feeders and people put them here. Try one:" command=${putItem("priorities", "P7", { title: "Ship the beta" })} />`
      : html`<ul class="rows">
          ${shown.map((item) => {
            const waits = ["approve", "reject", "done"].some((verb) => pending.has(`${verb} ${item.id}`));
            return html`<${Row} key=${item.id} item=${item} minute=${minute} canAct=${canAct} waits=${waits} onCommand=${onCommand} />`;
          })}
        </ul>`}
    ${rest}
  </${Panel}>`;
}

const Row = memo(drawRow);

/** @type {WeakMap<Item[], { sorted: Item[], open: number }>} */
const sortedLists = new WeakMap();

/** Puts what is decided behind what is open; the same list gives the same answer. @param {Item[]} items */
function openFirst(items) {
  let known = sortedLists.get(items);
  if (!known) {
    const isOpen = (/** @type {Item} */ { status }) => status === "proposed" || status === "approved";
    const open = items.filter(isOpen);
    known = { sorted: [...open, ...items.filter((item) => !isOpen(item))], open: open.length };
    sortedLists.set(items, known);
  }
  return known;
}

/** @param {{ item: Item, minute: number, canAct: boolean, waits: boolean, onCommand: (text: string) => void }} props */
function drawRow({ item, minute, canAct, waits, onCommand }) {
  const status = String(item.status ?? "proposed");
  const row = useKeptFocus(status);
  /** @param {string} verb @param {object} more */
  const verb = (verb, more) => html`<${Verb} verb=${verb} id=${item.id} disabled=${!canAct} busy=${waits} onCommand=${onCommand} ...${more} />`;
  return html`<li ref=${row} class="row" data-status=${status} aria-busy=${waits}>
    <${Id} id=${item.id} />
    <div class="row-main"><${Title} item=${item} /><${Meta} item=${item} minute=${minute} status=${status === "proposed" ? null : status} /></div>
    <div class="row-actions">
      ${verb("brief", { icon: "brief", class: "quiet" })}
      ${status === "proposed" ? html`${verb("approve", { icon: "check", class: "yes" })}${verb("reject", { icon: "cross", class: "no" })}` : null}
      ${status === "approved" ? verb("done", { text: "Done" }) : null}
    </div>
  </li>`;
}

/**
 * Keeps the keyboard in the row when the button that it was on goes, as after a decision.
 *
 * @param {string} status
 */
function useKeptFocus(status) {
  const row = useRef(/** @type {HTMLElement | null} */ (null));
  const inside = useRef(false);
  useLayoutEffect(() => {
    const element = row.current;
    if (!element) return undefined;
    const enter = () => (inside.current = true);
    const leave = (/** @type {FocusEvent} */ event) => {
      // Without a successor the focused button went away, or the window did: the row is still where the reader is.
      if (event.relatedTarget) inside.current = false;
    };
    element.addEventListener("focusin", enter);
    element.addEventListener("focusout", leave);
    return () => {
      element.removeEventListener("focusin", enter);
      element.removeEventListener("focusout", leave);
    };
  }, []);
  useLayoutEffect(() => {
    if (inside.current && document.activeElement === document.body) {
      const buttons = /** @type {NodeListOf<HTMLElement> | undefined} */ (row.current?.querySelectorAll("button:not(:disabled)"));
      buttons?.[buttons.length - 1]?.focus();
    }
  }, [status]);
  return row;
}
