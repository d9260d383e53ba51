import { html } from "../../vendor/preact.js";
import { whyNot } from "../core/access.js";
import { oneLine, titleOf, webAddress } from "../core/text.js";
import { dueText, readMoment } from "../core/time.js";
import { toneOf } from "../parts/badge.js";
import { Icon } from "../parts/icons.js";
import { Line, Out } from "../parts/text.js";

/** Fields that tell who an item is about, in the order in which the first one counts. */
const PEOPLE = ["owner", "assignee", "to", "from", "with", "who"];

/**
 * The second line of an item: when, who, and where more is to be read.
 *
 * @param {{ item: import("../core/types.js").Item, minute: number, status?: string | null }} props
 */
export function Meta({ item, minute, status = null }) {
  const due = readMoment(item.due);
  const told = due && dueText(due, minute);
  const open = item.status !== "done" && item.status !== "rejected";
  const who = PEOPLE.find((field) => typeof item[field] === "string" && item[field] !== "");
  const address = webAddress(item.url) ?? webAddress(item.link);
  if (!told && !who && !address && !status) return null;
  return html`<span class="meta">
    ${status ? html`<span class="state" data-tone=${toneOf(status)}>${oneLine(status, 24)}</span>` : null}
    ${told ? html`<time class="due" data-kind=${open ? told.kind : "later"} datetime=${item.due}>${told.text}</time>` : null}
    ${who ? html`<span><${Line} value=${`${who === "to" || who === "from" || who === "with" ? `${who} ` : ""}${item[who]}`} most=${60} /></span>` : null}
    ${address ? html`<span><${Out} href=${address} text=${new URL(address).host} /></span>` : null}
  </span>`;
}

/** The title of an item. @param {{ item: import("../core/types.js").Item }} props */
export function Title({ item }) {
  return html`<bdi class="title">${titleOf(item)}</bdi>`;
}

/**
 * A button of a row that runs a command about its item.
 *
 * @param {{ verb: string, id: string, icon?: import("../parts/icons.js").IconName, text?: string, class?: string,
 *   disabled: boolean, busy?: boolean, onCommand: (text: string) => void }} props
 */
export function Verb({ verb, id, icon, text, class: name = "", disabled, busy = false, onCommand }) {
  const command = `${verb} ${id}`;
  const label = `${verb[0].toUpperCase()}${verb.slice(1)} ${oneLine(id, 128)}`;
  return html`<button type="button" class=${`button small ${text ? "" : "icon-only"} ${name}`} aria-label=${label} title=${whyNot() ?? (text ? undefined : label)}
    disabled=${disabled} aria-disabled=${busy || undefined} onClick=${() => busy || onCommand(command)}>
    ${icon ? html`<${Icon} name=${icon} />` : null}${text ? html`<span>${text}</span>` : null}
  </button>`;
}
