import { html } from "../../vendor/preact.js";
import { whyNot } from "../core/access.js";
import { runCommand } from "../core/recipes.js";
import { Empty } from "../parts/empty.js";
import { lazy } from "../parts/lazy.js";
import { memo } from "../parts/memo.js";
import { Panel } from "../parts/panel.js";
import { Id } from "../parts/text.js";

/** Read after what is now was painted. */
export const BriefArticle = lazy(async () => (await import("./brief-article.js")).BriefArticle);

/** What people should read now. */
export const BriefPanel = memo(briefPanel);

/** @param {{ brief: import("../core/types.js").Brief | null, from: number | null, canAct: boolean, onCommand: (text: string) => void }} props */
function briefPanel({ brief, from, canAct, onCommand }) {
  const day = html`<button type="button" class="button small panel-action" title=${whyNot()} disabled=${!canAct} onClick=${() => onCommand("brief")}>Brief the day</button>`;
  return html`<${Panel} title="Brief" area="brief" action=${day}
    note=${brief?.target ? html`<${Id} id=${brief.target} />` : null}>
    ${brief === null
      ? html`<${Empty} title="No brief yet" text="A brief gathers an item's fields and what refers to it, or the whole day." command=${runCommand("brief")} />`
      : html`<${BriefArticle} brief=${brief} from=${from} />`}
  </${Panel}>`;
}
