import { connect } from "../client/src/index.js";
import { effect, html, render, signal } from "../vendor/preact.js";
import { Account, App, OpenBanner, preloadViews } from "./app.js";
import { askMe, isIn, know, me } from "./core/access.js";
import { createCommands } from "./core/commands.js";
import { createLive } from "./core/live.js";
import { createPast } from "./core/past.js";
import { theme } from "./core/prefs.js";
import { navigate, route } from "./core/router.js";

/** A link's address follows the slider once it rests this long; browsers refuse to write it more often. */
const ADDRESS_REST_MS = 400;
/** So long after the hub did not say who looks it is asked again. */
const AGAIN_MS = 1000;

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
const { asked, key } = /** @type {{ opshub: { asked: Promise<Response> | undefined, key: string | undefined } }} */ (/** @type {unknown} */ (globalThis)).opshub;

void enter(asked);

/** Nothing is shown, and nothing asked for, before it is known who looks. @param {Promise<Response>} [first] */
async function enter(first) {
  let answer;
  try {
    answer = await askMe(first);
    if (!isIn(answer)) {
      const { waitAtDoor } = await import("./access/door.js");
      answer = await waitAtDoor(root, answer, key);
    }
    know(answer);
    if (me.mode === "required") await Account.preload();
    if (me.open_to_network) await OpenBanner.preload();
  } catch {
    /** @type {HTMLElement} */ (root.firstElementChild ?? root).textContent = "The hub does not answer";
    setTimeout(() => void enter(), AGAIN_MS);
    return;
  }
  start();
}

function start() {
  const hub = connect();
  const live = createLive(hub);
  /** The newest events; null until they are read, which nobody waits for. */
  const log = signal(/** @type {import("./core/events.js").EventLog | null} */ (null));
  const commands = createCommands(hub);
  const past = createPast(() => {
    const last = hub.seq;
    return last ? { first: Math.max(1, log.peek()?.first.peek() ?? 1), last } : null;
  });

  /** @type {string | null} */
  let knownEpoch = null;
  effect(() => {
    const epoch = live.epoch.value;
    if (epoch === null || epoch === knownEpoch) return;
    const another = knownEpoch !== null;
    knownEpoch = epoch;
    if (another) {
      log.peek()?.reset();
      past.reset();
    }
  });
  let reading = false;
  // Whatever came without a frame of its own, as with a whole state, is read from the log.
  effect(() => {
    const seq = live.seq.value;
    const known = log.value;
    const isLive = live.status.value.kind === "live";
    if (known) isLive && known.catchUp(seq);
    else if (route.value.view === "activity") void readLog();
    else if (isLive && live.document.value !== null) afterPaint(() => void readLog());
  });

  async function readLog() {
    if (reading || log.peek()) return;
    reading = true;
    try {
      const { EventLog } = await import("./core/events.js");
      const made = new EventLog();
      hub.on("change", (frame) => made.add(/** @type {import("./core/types.js").Frame} */ (frame)));
      log.value = made;
    } catch (error) {
      // Asked for again with the next change.
      reportError(error);
    } finally {
      reading = false;
    }
  }

  /** Runs `job` once what is there to see was painted. @param {() => void} job */
  function afterPaint(job) {
    requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(job)));
  }

  effect(() => {
    const choice = theme.value;
    document.documentElement.dataset.theme = choice;
  });

  // The address names the moment, and whoever follows such a link sees it.
  let followed = /** @type {string | null} */ (null);
  effect(() => {
    const { view, params } = route.value;
    const ready = live.seq.value !== null;
    if (!ready || view !== "overview") return;
    const at = params.at ?? null;
    if (at === followed) return;
    followed = at;
    const wanted = past.wanted.peek();
    if (at === null) past.live();
    else if (String(wanted) !== at) past.goAt(at);
  });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let addressTimer;
  effect(() => {
    const wanted = past.wanted.value;
    const open = wanted === null && past.sought.value !== null;
    clearTimeout(addressTimer);
    addressTimer = setTimeout(() => {
      const { view, params } = route.peek();
      if (view !== "overview" || live.seq.peek() === null) return;
      // What a link names stays to be read, also where it cannot be shown.
      if (open) return;
      followed = wanted === null ? null : String(wanted);
      navigate("overview", { ...params, at: wanted }, { replace: true });
    }, ADDRESS_REST_MS);
  });

  root.textContent = "";
  render(html`<${App} app=${{ hub, live, log, past, commands }} />`, root);

  const idle = window.requestIdleCallback ?? ((/** @type {() => void} */ run) => setTimeout(run, 1500));

  // Who is no longer let in sees nothing more.
  const watch = () => import("./access/watch.js").then(({ watchSession }) => watchSession(hub, commands.notify), reportError);
  if (me.mode === "required") void watch();
  else {
    const end = hub.on("status", ({ kind }) => {
      if (kind === "refused") void (end(), watch());
    });
  }
  addEventListener("opshub:refused", (event) => {
    const { status, message } = /** @type {CustomEvent} */ (event).detail;
    if (status === 403) commands.notify("error", `You may not do that: ${message}`);
  });

  idle(() => {
    preloadViews();
    past.preload().catch(() => undefined);
  });
}
