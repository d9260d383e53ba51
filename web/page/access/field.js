import { html, useId } from "../../vendor/preact.js";

/**
 * A field of a form with its label, a hint and what is wrong with it.
 *
 * @param {{ label: string, name: string, type?: string, hint?: string, error?: string, value?: string, [attribute: string]: unknown }} props
 */
export function Field({ label, name, type = "text", hint, error, ...rest }) {
  const id = useId();
  const told = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <input id=${id} name=${name} type=${type} required aria-describedby=${told || undefined} aria-invalid=${error ? "true" : undefined} autocapitalize="off" spellcheck=${false} ...${rest} />
    ${hint ? html`<p class="field-hint" id=${`${id}-hint`}>${hint}</p>` : null}
    ${error ? html`<p class="field-error" id=${`${id}-error`}>${error}</p>` : null}
  </div>`;
}

/**
 * A choice of a form with its label.
 *
 * @param {{ label: string, name: string, value: string, options: readonly (readonly [string, string])[], hint?: string, onChange: (value: string) => void, [attribute: string]: unknown }} props
 */
export function Choice({ label, name, value, options, hint, onChange, ...rest }) {
  const id = useId();
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <select id=${id} name=${name} aria-describedby=${hint ? `${id}-hint` : undefined} ...${rest} onChange=${(/** @type {any} */ event) => onChange(event.currentTarget.value)}>
      ${options.map(([key, text]) => html`<option key=${key} value=${key} selected=${key === value}>${text}</option>`)}
    </select>
    ${hint ? html`<p class="field-hint" id=${`${id}-hint`}>${hint}</p>` : null}
  </div>`;
}
