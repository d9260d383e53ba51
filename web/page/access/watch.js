import { askMe, isIn, me } from "../core/access.js";
import { beginAnew, hear, news, own, takeWhy } from "./sign.js";

const NOT_AUTHENTICATED = 4401;
/** So often at most a connection that was refused is tried again, while the session holds. */
const AGAIN_MS = 5_000;
/** How long a tab that changes the password has until the session counts as over here. */
const CHANGE_MS = 8_000;

/**
 * Begins the page anew when who looks is no longer who they were: their session ended, or their role is another one.
 *
 * @param {import("../core/types.js").Hub} hub
 * @param {import("../core/commands.js").Commands["notify"]} notify
 */
export function watchSession(hub, notify) {
  const why = takeWhy();
  if (why) notify("done", why);
  let busy = false;
  let triedAt = -Infinity;

  async function judge() {
    // Who signs out here says so themselves.
    if (busy || own === "leaving" || own === "out") return;
    busy = true;
    try {
      // The old session ends a moment before the new one is there.
      const changed = news() === "changing" ? await newsOrTime() : false;
      const now = await askMe();
      const same = now.mode === me.mode && now.identity?.name === me.identity?.name && now.identity?.role === me.identity?.role;
      if (!isIn(now)) return beginAnew(whyOver());
      if (!same) return beginAnew(now.identity?.name === me.identity?.name ? `Your role is ${now.identity?.role} now.` : "");
      const { kind, code } = hub.status;
      if (kind !== "refused" || code !== NOT_AUTHENTICATED) return;
      if (!changed && performance.now() - triedAt < AGAIN_MS) return;
      triedAt = performance.now();
      hub.reconnect();
    } catch {
      // The hub is away: the next try to connect asks again.
    } finally {
      busy = false;
    }
  }

  hub.on("status", ({ kind, attempt, trying }) => {
    if (kind === "refused" || (kind === "reconnecting" && attempt > 0 && !trying)) void judge();
  });
  addEventListener("opshub:refused", (event) => {
    if (/** @type {CustomEvent} */ (event).detail.status === 401) void judge();
  });
  hear(() => {
    if (news() !== "leaving" && news() !== "changing") void judge();
  });
  if (hub.status.kind === "refused") void judge();
}

/** Waits until another tab says something, or for as long as that may take. @returns {Promise<boolean>} */
function newsOrTime() {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      end();
      resolve(true);
    };
    const timer = setTimeout(done, CHANGE_MS);
    const end = hear(done);
  });
}

function whyOver() {
  const said = news();
  if (said === "out" || said === "leaving") return "You signed out in another tab.";
  const end = Date.parse(me.identity?.expires_at ?? "");
  if (end <= Date.now()) return "Your session ran out.";
  return me.identity ? "Your session was ended: by somebody, by a new password, or since it was not used for long." : "This hub wants to know who you are now.";
}
