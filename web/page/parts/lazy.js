import { h, html, useEffect, useState } from "../../vendor/preact.js";

/**
 * Makes a component whose module and style sheets are loaded when it is first shown.
 *
 * @param {() => Promise<unknown>} load gives the component
 * @param {string[]} [sheets] addresses, relative to the page's folder
 */
export function lazy(load, sheets = []) {
  /** @type {Promise<unknown> | null} */
  let loading = null;
  /** @type {unknown} */
  let ready = null;

  /** Loads the module ahead of its need. */
  function preload() {
    loading ??= Promise.all([load(), ...sheets.map(style)]).then(
      ([component]) => (ready = component),
      (error) => {
        // The next try asks the network again.
        loading = null;
        throw error;
      },
    );
    return loading;
  }

  /** @param {any} props */
  function Lazy(props) {
    const [, setCount] = useState(0);
    const [failed, setFailed] = useState(false);
    // What was drawn counts, not what is ready by now: a preload may end between the drawing and the effect.
    const drawn = ready !== null;
    useEffect(() => {
      if (drawn || failed) return;
      preload().then(() => setCount((count) => count + 1), () => setFailed(true));
    }, [failed]);
    if (ready) return h(ready, props);
    if (!failed) return null;
    return html`<div class="empty" role="alert">
      <p class="empty-title">This part could not be loaded</p>
      <button type="button" class="button" onClick=${() => setFailed(false)}>Try again</button>
    </div>`;
  }
  Lazy.preload = preload;
  return Lazy;
}

/** @type {Map<string, Promise<void>>} */
const styles = new Map();

/**
 * Adds a style sheet to the page, once.
 *
 * @param {string} path relative to the page's folder
 */
export function style(path) {
  const known = styles.get(path);
  if (known) return known;
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = new URL(`../${path}`, import.meta.url).href;
  /** @type {Promise<void>} */
  const added = new Promise((resolve, reject) => {
    link.onload = () => resolve();
    link.onerror = () => {
      styles.delete(path);
      link.remove();
      reject(new Error(`${path} could not be loaded`));
    };
  });
  styles.set(path, added);
  document.head.append(link);
  return added;
}
