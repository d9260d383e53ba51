const CHORD_MS = 1200;

/** @typedef {Record<string, () => void>} Bindings keys as `/`, `g a` or `mod+k` */

/**
 * Listens for shortcuts; single keys never where something is typed or a dialog is open.
 *
 * @param {() => Bindings} newest
 * @param {() => boolean} singleKeys
 * @returns {() => void} what ends it
 */
export function listenForKeys(newest, singleKeys) {
  let chord = "";
  let chordAt = 0;

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    if (event.defaultPrevented || event.isComposing || event.repeat) return;
    const bindings = newest();
    const open = document.querySelector("dialog[open]") !== null;
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
      const bound = bindings[`mod+${event.key.toLowerCase()}`];
      if (bound) {
        event.preventDefault();
        if (!open) bound();
      }
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || open) return;
    if (event.key === "Escape") {
      bindings.Escape?.();
      return;
    }
    if (!singleKeys() || isTyping(event.target)) return;
    const pair = performance.now() - chordAt < CHORD_MS ? `${chord} ${event.key}` : "";
    const bound = bindings[pair] ?? bindings[event.key];
    chord = event.key;
    chordAt = performance.now();
    if (!bound) return;
    chord = "";
    event.preventDefault();
    bound();
  }

  document.addEventListener("keydown", onKey);
  return () => document.removeEventListener("keydown", onKey);
}

/** @param {EventTarget | null} target */
function isTyping(target) {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}
