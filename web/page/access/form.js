import { html, useEffect, useRef, useState } from "../../vendor/preact.js";
import { now } from "../core/clock.js";
import { messageOf, oneLine } from "../core/text.js";

/**
 * A form that asks the hub for something: one try at a time, what is wrong told beside it, and no try before the hub
 * takes the next one. The keyboard goes to the first field that is wrong.
 *
 * @param {{ submit: string, name?: string, danger?: boolean, onSubmit: (values: Record<string, string>) => Promise<unknown>, children?: unknown, other?: unknown, wrong?: string }} props
 *   `wrong` names the field that a refusal without details is about; `other` stands beside the button
 */
export function Form({ submit, name, danger, onSubmit, children, other, wrong }) {
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const [until, setUntil] = useState(0);
  useEffect(() => /** @type {HTMLElement | null | undefined} */ (form.current?.querySelector("input:not(.sr), select, button"))?.focus(), []);
  const left = until > 0 ? Math.ceil((until - now.value) / 1000) : 0;

  /** @param {SubmitEvent} event */
  async function send(event) {
    event.preventDefault();
    const element = form.current;
    if (busy || left > 0 || !element) return;
    setBusy(true);
    setError("");
    try {
      const values = /** @type {Record<string, string>} */ (Object.fromEntries(new FormData(element)));
      await onSubmit(values);
    } catch (problem) {
      const { waitS = 0, details = [] } = /** @type {Partial<import("../core/send.js").Refusal>} */ (problem);
      setUntil(waitS > 0 ? Date.now() + waitS * 1000 : 0);
      setError(waitS > 0 ? "Too many tries." : sentence(messageOf(problem)));
      const field = details[0]?.field ?? wrong;
      const input = field && /** @type {HTMLInputElement | null} */ (element.querySelector(`[name="${CSS.escape(field)}"]`));
      if (input) {
        input.focus();
        input.select?.();
      }
    } finally {
      setBusy(false);
    }
  }

  const words = left > 0 ? `${error} Try again in ${left} s.` : until > 0 ? "You can try again now." : error;
  return html`<form class="form" ref=${form} aria-label=${name} onSubmit=${send}>
    ${children}
    <p class="form-error" role="alert" data-testid="form-error" data-waits=${left > 0}>${words ? oneLine(words, 300) : ""}</p>
    <div class="form-buttons">
      ${other}
      <button type="submit" class=${danger ? "button danger" : "button primary"} aria-disabled=${busy || left > 0 || undefined}>${busy ? html`<span>One moment</span>` : html`<span>${submit}</span>`}</button>
    </div>
  </form>`;
}

/** @param {string} text */
function sentence(text) {
  const whole = `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
