import { html, useId, useLayoutEffect, useRef, useState } from "../../vendor/preact.js";

/**
 * A titled part of a view. Its body scrolls by itself where there is no room, and then takes the keyboard.
 *
 * @param {{ title: string, area: string, note?: unknown, action?: unknown, bodyRef?: { current: any }, children?: unknown }} props
 */
export function Panel({ title, area, note, action, bodyRef, children }) {
  const id = useId();
  const own = useRef(/** @type {HTMLElement | null} */ (null));
  const scrolls = useScrolls(own);
  /** @param {HTMLElement | null} element */
  const keep = (element) => {
    own.current = element;
    if (bodyRef) bodyRef.current = element;
  };
  return html`<section class="panel" data-area=${area} aria-labelledby=${id}>
    <header class="panel-head">
      <h2 id=${id}>${title}</h2>
      ${note ? html`<span class="panel-note">${note}</span>` : null}
      ${action}
    </header>
    <div class="panel-body" ref=${keep} tabindex=${scrolls ? 0 : undefined} role=${scrolls ? "group" : undefined}
      aria-labelledby=${scrolls ? id : undefined}>${children}</div>
  </section>`;
}

/** Tells whether an element has more than it shows. @param {{ current: HTMLElement | null }} ref */
function useScrolls(ref) {
  const [scrolls, setScrolls] = useState(false);
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return undefined;
    const measure = () => setScrolls(element.scrollHeight > element.clientHeight + 1 || element.scrollWidth > element.clientWidth + 1);
    const sizes = new ResizeObserver(measure);
    sizes.observe(element);
    for (const child of element.children) sizes.observe(child);
    // A list that takes the place of an empty state is another element.
    const children = new MutationObserver((records) => {
      for (const { addedNodes } of records) for (const node of addedNodes) if (node instanceof Element) sizes.observe(node);
      measure();
    });
    children.observe(element, { childList: true });
    return () => {
      sizes.disconnect();
      children.disconnect();
    };
  }, []);
  return scrolls;
}
