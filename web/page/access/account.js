import { html, useEffect, useId, useRef, useState } from "../../vendor/preact.js";
import { oneLine } from "../core/text.js";
import { lazy } from "../parts/lazy.js";
import { send } from "../core/send.js";
import { beginAnew, tell } from "./sign.js";

const PasswordDialog = lazy(async () => (await import("./password.js")).PasswordDialog, ["style/dialogs.css"]);

/** What each role may do, in words. @type {Record<import("../core/access.js").Role, string>} */
export const ROLES = {
  viewer: "sees everything, changes nothing",
  operator: "sees everything, runs commands and decides",
  collector: "feeds the hub, reads nothing",
  admin: "everything, people and tokens too",
};

/**
 * Who is signed in, and what they can do about that.
 *
 * @param {{ identity: import("../core/access.js").Identity, notify: import("../core/commands.js").Commands["notify"] }} props
 */
export function Account({ identity: { name, role, kind }, notify }) {
  const [open, setOpen] = useState(false);
  const [changes, setChanges] = useState(false);
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const button = useRef(/** @type {HTMLElement | null} */ (null));
  const id = useId();
  useEffect(() => {
    if (!open) return undefined;
    const outside = (/** @type {Event} */ { target }) => {
      if (target instanceof Node && !place.current?.contains(target)) setOpen(false);
    };
    document.addEventListener("pointerdown", outside);
    document.addEventListener("focusin", outside);
    return () => {
      document.removeEventListener("pointerdown", outside);
      document.removeEventListener("focusin", outside);
    };
  }, [open]);

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    if (event.key !== "Escape" || !open) return;
    event.preventDefault();
    setOpen(false);
    button.current?.focus();
  }
  async function leave() {
    tell("leaving");
    try {
      await send("DELETE", "/api/auth/session", undefined, { quiet: true });
    } catch (problem) {
      const { status, message } = /** @type {import("../core/send.js").Refusal} */ (problem);
      // Who is not known any more is out already.
      if (status !== 401) return tell("in"), notify("error", `You are still signed in: ${message}`);
    }
    forget();
    tell("out");
    history.replaceState(null, "", "#/");
    return beginAnew("You signed out.");
  }

  return html`<div class="account" ref=${place} onKeyDown=${onKey}>
    <button type="button" class="account-button" ref=${button} aria-expanded=${open} aria-controls=${id} data-testid="account" onClick=${() => setOpen(!open)}>
      <svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false"><path d="M8 2.5a2.6 2.6 0 1 1 0 5.2a2.6 2.6 0 0 1 0-5.2z M3 13.5c0-2.6 2.2-4 5-4s5 1.4 5 4" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" /></svg>
      <span class="sr">Account: </span><bdi class="account-name">${oneLine(name, 60)}</bdi> <span class="account-role">${role}</span>
    </button>
    <div class="account-menu" id=${id} hidden=${!open}>
      <p><bdi class="account-whole">${oneLine(name, 254)}</bdi></p>
      <p class="meta">${role}: ${ROLES[role]}</p>
      ${kind === "session"
        ? html`<button type="button" class="button" onClick=${() => (setOpen(false), setChanges(true))}>Change password</button>
          <button type="button" class="button" onClick=${leave}>Sign out</button>`
        : html`<p class="meta">Let in by a ${kind}, not by a password.</p>`}
    </div>
    ${changes
      ? html`<${PasswordDialog} email=${name} onClose=${() => (setChanges(false), button.current?.focus())}
          onChanged=${() => (setChanges(false), button.current?.focus(), notify("done", "Your password is changed. Everywhere else you are signed out."))} />`
      : null}
  </div>`;
}

/** What was typed is of nobody's concern who comes after. */
function forget() {
  try {
    localStorage.removeItem("opshub.history");
  } catch {
    // A browser that keeps nothing has nothing to forget.
  }
}
