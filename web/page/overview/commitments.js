import { html } from "../../vendor/preact.js";
import { dayFromNow, putItem } from "../core/recipes.js";
import { readMoment } from "../core/time.js";
import { Empty } from "../parts/empty.js";
import { memo } from "../parts/memo.js";
import { useSteps } from "../parts/more.js";
import { Panel } from "../parts/panel.js";
import { Id } from "../parts/text.js";
import { Meta, Title, Verb } from "./item-row.js";

/** @typedef {import("../core/types.js").Item} Item */

/** What was promised, in both directions, the most urgent first. */
export const Commitments = memo(drawCommitments);

/** @param {{ owe: Item[], owed: Item[], minute: number, canAct: boolean, onCommand: (text: string) => void }} props */
function drawCommitments({ owe, owed, ...rest }) {
  return html`<div class="pair" data-area="com">
    <${Promises} title="I owe" area="owe" items=${owe} example=${putItem("owe", "C3", { title: "Draft of the plan", due: dayFromNow(2) })} ...${rest} />
    <${Promises} title="Owed to me" area="owed" items=${owed} example=${putItem("owed", "C9", { title: "Keys to the lab", due: dayFromNow(5) })} ...${rest} />
  </div>`;
}

const Promises = memo(drawPromises);

/** @param {{ title: string, area: string, items: Item[], example: string, minute: number, canAct: boolean, onCommand: (text: string) => void }} props */
function drawPromises({ title, area, items, example, minute, canAct, onCommand }) {
  const sorted = byDue(items);
  const { shown, rest } = useSteps(sorted);
  return html`<${Panel} title=${title} area=${area} note=${items.length || null}>
    ${items.length === 0
      ? html`<${Empty} title="Nothing promised" command=${example} />`
      : html`<ul class="rows">
          ${shown.map((item) => html`<${Row} key=${item.id} item=${item} minute=${minute} canAct=${canAct} onCommand=${onCommand} />`)}
        </ul>`}
    ${rest}
  </${Panel}>`;
}

const Row = memo(drawRow);

/** @param {{ item: Item, minute: number, canAct: boolean, onCommand: (text: string) => void }} props */
function drawRow({ item, minute, canAct, onCommand }) {
  return html`<li class="row">
    <${Id} id=${item.id} />
    <div class="row-main"><${Title} item=${item} /><${Meta} item=${item} minute=${minute} /></div>
    <div class="row-actions"><${Verb} verb="brief" id=${item.id} icon="brief" class="quiet" disabled=${!canAct} onCommand=${onCommand} /></div>
  </li>`;
}

/** @type {WeakMap<Item[], Item[]>} */
const sortedLists = new WeakMap();

/** Sorts by due date, what has none last; the same list gives the same answer. @param {Item[]} items */
function byDue(items) {
  let sorted = sortedLists.get(items);
  if (!sorted) {
    const keyed = items.map((item) => ({ item, due: readMoment(item.due)?.at ?? Infinity }));
    sorted = keyed.sort((a, b) => (a.due < b.due ? -1 : a.due > b.due ? 1 : 0)).map(({ item }) => item);
    sortedLists.set(items, sorted);
  }
  return sorted;
}
