import { html } from "../../vendor/preact.js";
import { now } from "../core/clock.js";
import { clock } from "../core/time.js";
import { href } from "../core/router.js";
import { Connection } from "./connection.js";
import { Icon, Logo } from "./icons.js";
import { ThemeSwitch } from "./theme-switch.js";

/** @type {{ view: import("../core/router.js").Route["view"], text: string }[]} */
const VIEWS = [
  { view: "overview", text: "Overview" },
  { view: "activity", text: "Activity" },
  { view: "logs", text: "Logs" },
  { view: "connections", text: "Connections" },
  { view: "admin", text: "Admin" },
];

const COMMAND_KEY = /mac|iphone|ipad/i.test(navigator.platform) ? "⌘K" : "Ctrl K";

/**
 * The top of every view: where one is, where one can go, and how the page stands with the hub.
 *
 * @param {{ view: string, live: import("../core/live.js").Live, theme: string, wall: boolean, at: number | null,
 *   admin: boolean, account: unknown, onTheme: (theme: "system" | "light" | "dark") => void, onWall: () => void, onPalette: () => void, onHelp: () => void, onRetry: () => void }} props
 */
export function Header({ view, live, theme, wall, at, admin, account, onTheme, onWall, onPalette, onHelp, onRetry }) {
  return html`<header class="top">
    <a class="brand" href=${href("overview")}><${Logo} /><span>opshub</span></a>
    <nav class="tabs" aria-label="Views">
      ${VIEWS.map(({ view: name, text }) => {
        if (name === "admin" && !admin) return null;
        const target = name === "overview" && at !== null ? href(name, { at }) : href(name);
        return html`<a key=${name} href=${target} aria-current=${view === name ? "page" : undefined}>${text}</a>`;
      })}
    </nav>
    ${wall ? html`<time class="wall-clock">${clock(now.value)}</time>` : null}
    <div class="tools">
      <button type="button" class="command" aria-keyshortcuts="Control+K Meta+K /" onClick=${onPalette}>
        <${Icon} name="prompt" /><span class="command-text">Run a command</span><kbd aria-hidden="true">${COMMAND_KEY}</kbd>
      </button>
      <${Connection} live=${live} onRetry=${onRetry} />
      <button type="button" class="button icon-only ghost help-button" aria-label="Keyboard shortcuts" title="Keyboard shortcuts" onClick=${onHelp}><${Icon} name="keys" /></button>
      <button type="button" class="button icon-only ghost wall-button" aria-pressed=${wall} aria-label="Wall mode" title="Wall mode" onClick=${onWall}><${Icon} name="wall" /></button>
      <${ThemeSwitch} theme=${theme} onTheme=${onTheme} />
      ${account}
    </div>
  </header>`;
}
