import { computed, html, useEffect, useErrorBoundary, useLayoutEffect, useMemo, useRef, useState } from "../vendor/preact.js";
import { isAdmin, me, whyNot } from "./core/access.js";
import { listenForKeys } from "./core/keys.js";
import { history, remember, setSingleKeys, setTheme, setWall, singleKeys, theme, wall } from "./core/prefs.js";
import { navigate, route } from "./core/router.js";
import { BriefArticle } from "./overview/brief.js";
import { GatewayDialog } from "./overview/gateways.js";
import { Overview } from "./overview/overview.js";
import { StaleBanner } from "./parts/connection.js";
import { Header } from "./parts/header.js";
import { lazy, style } from "./parts/lazy.js";
import { Notices } from "./parts/notices.js";

/**
 * @typedef {{ hub: import("./core/types.js").Hub, live: import("./core/live.js").Live, log: import("../vendor/preact.js").Signal<import("./core/events.js").EventLog | null>,
 *   past: import("./core/past.js").Past, commands: import("./core/commands.js").Commands }} AppParts
 */

const Activity = lazy(async () => (await import("./activity/activity.js")).Activity, ["style/views.css", "style/dialogs.css"]);
const Connections = lazy(async () => (await import("./connections/connections.js")).Connections, ["style/views.css"]);
const Logs = lazy(async () => (await import("./logs/logs.js")).Logs, ["style/views.css", "style/logs.css", "style/dialogs.css"]);
const Admin = lazy(async () => (await import("./admin/admin.js")).Admin, ["style/views.css", "style/dialogs.css", "style/access.css", "style/admin.css"]);
export const Account = lazy(async () => (await import("./access/account.js")).Account, ["style/access.css"]);
export const OpenBanner = lazy(async () => (await import("./access/open-banner.js")).OpenBanner);
const Palette = lazy(async () => (await import("./palette/palette.js")).Palette, ["style/dialogs.css"]);
const Shortcuts = lazy(async () => (await import("./parts/shortcuts.js")).Shortcuts, ["style/dialogs.css"]);

const Timeline = lazy(async () => (await import("./timeline/timeline.js")).Timeline, ["style/timeline.css"]);
const PastBanner = lazy(async () => (await import("./timeline/past-banner.js")).PastBanner);

const TITLES = { overview: "Overview", activity: "Activity", logs: "Logs", connections: "Connections", admin: "Admin" };
const THEMES = /** @type {const} */ (["system", "light", "dark"]);

/** Loads what may be wanted later, while the hub is there to serve it. */
export function preloadViews() {
  for (const part of [Timeline, PastBanner, Palette, Activity, Logs, Connections, Shortcuts, GatewayDialog, BriefArticle]) part.preload().catch(() => undefined);
}

/**
 * The page.
 *
 * @param {{ app: AppParts }} props
 */
export function App({ app }) {
  const { hub, live, log, past, commands } = app;
  const [dialog, setDialog] = useState(/** @type {"palette" | "help" | null} */ (null));
  const [broken, mend] = useErrorBoundary((error) => reportError(error));
  const { view, params } = route.value;
  const range = useMemo(() => computed(() => {
    const last = live.seq.value;
    return last === null || last === 0 ? null : { first: Math.max(1, Math.min(log.value?.first.value ?? last, last)), last };
  }), [live, log]);
  const inPast = view === "overview" && past.wanted.value !== null;
  const isWall = wall.value || params.wall !== undefined;
  const leaveWall = () => {
    setWall(false);
    if (params.wall !== undefined) navigate(view, { ...params, wall: null }, { replace: true });
  };
  const toggleWall = () => (isWall ? leaveWall() : setWall(true));
  const nextTheme = () => setTheme(THEMES[(THEMES.indexOf(theme.peek()) + 1) % THEMES.length]);
  const close = () => setDialog(null);
  const retry = () => hub.reconnect();
  const act = (/** @type {string} */ text) => void commands.act(text);

  useEffect(() => {
    document.documentElement.toggleAttribute("data-wall", isWall);
    return isWall ? hang() : undefined;
  }, [isWall]);
  useEffect(() => {
    document.title = `${TITLES[view]} · opshub`;
  }, [view]);

  const bindings = {
    "mod+k": () => setDialog("palette"),
    "/": () => setDialog("palette"),
    "?": () => setDialog("help"),
    "g o": () => navigate("overview"),
    "g a": () => navigate("activity"),
    "g l": () => navigate("logs"),
    "g c": () => navigate("connections"),
    "[": () => view === "overview" && past.step(-1),
    "]": () => view === "overview" && past.wanted.peek() !== null && past.step(1),
    p: () => view === "overview" && (past.playing.peek() ? past.pause() : past.play()),
    l: () => past.live(),
    w: toggleWall,
    t: nextTheme,
    Escape: () => (isWall ? leaveWall() : past.live()),
  };
  // Listened to once: the first key of a pair is remembered across drawings.
  const newest = useRef(bindings);
  newest.current = bindings;
  useLayoutEffect(() => listenForKeys(() => newest.current, () => singleKeys.peek()), []);

  const actions = useMemo(() => [
    { name: "Go to Overview", action: () => navigate("overview") },
    { name: "Go to Activity", action: () => navigate("activity") },
    { name: "Go to Logs", action: () => navigate("logs") },
    { name: "Go to Connections", action: () => navigate("connections") },
    ...(isAdmin() ? [{ name: "Go to Admin", action: () => navigate("admin") }] : []),
    { name: "Theme: light", action: () => setTheme("light") },
    { name: "Theme: dark", action: () => setTheme("dark") },
    { name: "Theme: system", action: () => setTheme("system") },
    { name: "Wall mode", action: () => setWall(!wall.peek()) },
    { name: "Play the log", action: () => (navigate("overview"), past.play()) },
    { name: "Keyboard shortcuts", action: () => setDialog("help") },
  ], [past]);

  const stale = live.stale.value;
  return html`
    <a class="skip" href="#main" onClick=${skip}>Skip to content</a>
    <${Header} view=${view} live=${live} theme=${theme.value} wall=${isWall} at=${past.wanted.value} onTheme=${setTheme} onWall=${toggleWall}
      onPalette=${() => setDialog("palette")} onHelp=${() => setDialog("help")} onRetry=${retry}
      admin=${isAdmin()} account=${me.mode === "required" && me.identity && html`<${Account} identity=${me.identity} notify=${commands.notify} />`} />
    ${me.open_to_network ? html`<${OpenBanner} />` : null}
    ${inPast || (view === "overview" && past.error.value) ? html`<${PastBanner} past=${past} />` : null}
    ${stale && !inPast ? html`<${StaleBanner} live=${live} onRetry=${retry} />` : null}
    <main id="main" tabindex="-1" data-view=${view} data-stale=${stale && !inPast} data-past=${inPast} data-loading=${inPast && past.loading.value}>
      <h1 class="sr">${TITLES[view]}</h1>
      ${broken
        ? html`<div class="empty" role="alert"><p class="empty-title">This view could not be drawn</p><button type="button" class="button" onClick=${mend}>Draw it again</button></div>`
        : view === "activity"
          ? log.value && html`<${Activity} live=${live} log=${log.value} params=${params} />`
          : view === "logs"
            ? html`<${Logs} app=${app} params=${params} />`
          : view === "connections"
            ? html`<${Connections} app=${app} />`
          : view === "admin"
            ? html`<${Admin} params=${params} notify=${commands.notify} />`
            : html`<${Overview} app=${app} onCommand=${act} />`}
    </main>
    ${view === "overview" ? html`<div class="timeline-room">${log.value && html`<${Timeline} past=${past} live=${live} range=${range.value} />`}</div>` : null}
    <${Notices} notices=${commands.notices.value} onDismiss=${commands.dismiss} />
    ${dialog === "palette"
      ? html`<${Palette} state=${live.document.value} history=${history.value} actions=${actions} onClose=${close}
          mayNot=${whyNot()} blocked=${inPast ? "commands are off while the past is shown: go back to live first" : null}
          onRun=${(/** @type {string} */ text) => (remember(text), commands.run(text))} />`
      : null}
    ${dialog === "help" ? html`<${Shortcuts} singleKeys=${singleKeys.value} onSingleKeys=${setSingleKeys} onClose=${close} />` : null}
  `;
}

/** Makes a wall of the page; returns what ends that. */
function hang() {
  let over = false;
  /** @type {(() => void) | undefined} */
  let end;
  Promise.all([import("./parts/wall.js"), style("style/wall.css")]).then(([{ fitWall }]) => {
    const main = document.getElementById("main");
    if (!over && main) end = fitWall(main);
  }, reportError);
  return () => {
    over = true;
    end?.();
  };
}

/** Moves the keyboard to the content; the address belongs to the views. @param {Event} event */
function skip(event) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}
