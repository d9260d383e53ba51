import { html } from "../../vendor/preact.js";

/** The shapes, on a grid of 16. */
const SHAPES = {
  check: "M3.5 8.5 6.5 11.5 12.5 5",
  cross: "M4.5 4.5 11.5 11.5 M11.5 4.5 4.5 11.5",
  brief: "M4.5 2.5h5l2.5 2.5v8.5h-7.5z M6.5 7.5h3.5 M6.5 10h3.5",
  play: "M5.5 3.8v8.4l6.8-4.2z",
  pause: "M5.5 4v8 M10.5 4v8",
  back: "M10 3.5 5.5 8l4.5 4.5",
  forward: "M6 3.5 10.5 8 6 12.5",
  down: "M8 3.5v9 M4.5 9 8 12.5 11.5 9",
  up: "M8 12.5v-9 M4.5 7 8 3.5 11.5 7",
  copy: "M6 5.5h6.5v7.5h-6.5z M3.5 10.5v-7.5h6.5",
  link: "M6.8 9.2 9.2 6.8 M7 5l1.5-1.5a2.5 2.5 0 0 1 3.5 3.5l-1.5 1.5 M9 11l-1.5 1.5a2.5 2.5 0 0 1-3.5-3.5l1.5-1.5",
  sun: "M8 5.3a2.7 2.7 0 1 1 0 5.4a2.7 2.7 0 0 1 0-5.4z M8 1.5v1.5 M8 13v1.5 M1.5 8h1.5 M13 8h1.5 M3.4 3.4l1.1 1.1 M11.5 11.5l1.1 1.1 M3.4 12.6l1.1-1.1 M11.5 4.5l1.1-1.1",
  moon: "M13 9.5a5.3 5.3 0 0 1-6.5-6.5a5.3 5.3 0 1 0 6.5 6.5z",
  system: "M2.5 3.5h11v7.5h-11z M6 13.5h4",
  wall: "M2.5 6v-3.5h3.5 M10 2.5h3.5v3.5 M13.5 10v3.5h-3.5 M6 13.5h-3.5v-3.5",
  refresh: "M13 8a5 5 0 1 1-1.5-3.5 M13 2.5v2.8h-2.8",
  clock: "M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 0 1 0-11z M8 5v3.2l2.2 1.3",
  keys: "M2.5 4.5h11v7h-11z M5 7h.01 M8 7h.01 M11 7h.01 M5.5 9.5h5",
  prompt: "M4 5l3 3-3 3 M8.5 11.5h4",
  inbox: "M2.5 9h3.2l1 1.5h2.6l1-1.5h3.2 M2.5 9l2-5.5h7l2 5.5v4h-11z",
};

/** @typedef {keyof typeof SHAPES} IconName */

/** A small drawing beside words; it says nothing of its own. @param {{ name: IconName }} props */
export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
    <path d=${SHAPES[name]} fill=${name === "play" ? "currentColor" : "none"} stroke="currentColor" stroke-width="1.5"
      stroke-linecap="round" stroke-linejoin="round" />
  </svg>`;
}

/** The sign of opshub. */
export function Logo() {
  return html`<svg class="logo" viewBox="0 0 24 24" width="22" height="22" aria-hidden="true" focusable="false">
    <circle cx="12" cy="12" r="9" fill="none" stroke="currentColor" stroke-width="2.2" opacity=".28" />
    <path d="M12 3a9 9 0 0 1 9 9" fill="none" stroke="currentColor" stroke-width="2.2" stroke-linecap="round" />
    <circle cx="12" cy="12" r="3.4" fill="currentColor" />
  </svg>`;
}
