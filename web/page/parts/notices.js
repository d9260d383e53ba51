import { html } from "../../vendor/preact.js";
import { Icon } from "./icons.js";
import { Line } from "./text.js";

/**
 * What became of the page's actions, told once and politely.
 *
 * @param {{ notices: readonly import("../core/commands.js").Notice[], onDismiss: (id: number) => void }} props
 */
export function Notices({ notices, onDismiss }) {
  return html`<div class="notices" role="status" aria-live="polite">
    ${notices.map(
      (notice) => html`<div class="notice" data-kind=${notice.kind} key=${notice.id}>
        <${Icon} name=${notice.kind === "error" ? "cross" : "check"} />
        <${Line} value=${notice.text} most=${400} />
        <button type="button" class="button icon-only" aria-label="Dismiss" onClick=${() => onDismiss(notice.id)}><${Icon} name="cross" /></button>
      </div>`,
    )}
  </div>`;
}
