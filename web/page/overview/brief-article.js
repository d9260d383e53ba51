import { html, useMemo } from "../../vendor/preact.js";
import { oneLine } from "../core/text.js";
import { Ago } from "../parts/ago.js";
import { Id, Line, Prose } from "../parts/text.js";
import { readBrief } from "./brief-text.js";

/** Fields that the head of the brief shows already. */
const SHOWN = new Set(["title"]);

/** A brief in full. @param {{ brief: import("../core/types.js").Brief, from: number | null }} props */
export function BriefArticle({ brief, from }) {
  const blocks = useMemo(() => readBrief(brief.body), [brief]);
  return html`<article class="brief">
    <h3><bdi>${oneLine(brief.title, 300)}</bdi></h3>
    <p class="meta">written <${Ago} at=${Date.parse(brief.created_at)} from=${from} /></p>
    ${blocks.map((block, index) => html`<${Part} key=${index} block=${block} />`)}
  </article>`;
}

/** @param {{ block: import("./brief-text.js").Block }} props */
function Part({ block }) {
  switch (block.kind) {
    case "heading":
      return html`<h4><${Line} value=${block.text} /></h4>`;
    case "list":
      return html`<ul class="brief-list">${block.lines.map((line, index) => html`<li key=${index}><${Entry} line=${line} /></li>`)}</ul>`;
    case "fields":
      return html`<dl class="fields">
        ${block.fields.filter(({ name }) => !SHOWN.has(name)).map(({ name, value }) => html`<div key=${name}><dt><${Line} value=${name} most=${40} /></dt><dd><${Prose} value=${value} most=${1200} /></dd></div>`)}
      </dl>`;
    default:
      return html`<p><${Prose} value=${block.text} /></p>`;
  }
}

/** What the hub writes of an item that refers to another one. */
const REFERRING = /^(priorities|owe|owed|calendar) (\S{1,128}?)(?:: (.*))?$/;

/** @param {{ line: string }} props */
function Entry({ line }) {
  const match = REFERRING.exec(line);
  if (!match) return html`<${Prose} value=${line} most=${600} />`;
  return html`<span class="meta">${match[1]}</span> <${Id} id=${match[2]} /> <${Line} value=${match[3] ?? ""} />`;
}
