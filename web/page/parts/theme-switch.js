import { html } from "../../vendor/preact.js";
import { Icon } from "./icons.js";

/** @type {{ theme: "system" | "light" | "dark", icon: import("./icons.js").IconName, next: "system" | "light" | "dark" }[]} */
const THEMES = [
  { theme: "system", icon: "system", next: "light" },
  { theme: "light", icon: "sun", next: "dark" },
  { theme: "dark", icon: "moon", next: "system" },
];

/**
 * Goes round: as the system has it, light, dark.
 *
 * @param {{ theme: string, onTheme: (theme: "system" | "light" | "dark") => void }} props
 */
export function ThemeSwitch({ theme, onTheme }) {
  const { icon, next } = THEMES.find((known) => known.theme === theme) ?? THEMES[0];
  const label = `Theme: ${theme}`;
  return html`<button type="button" class="button icon-only ghost" aria-label=${label} title=${`${label}, switch to ${next}`} onClick=${() => onTheme(next)}>
    <${Icon} name=${icon} />
  </button>`;
}
