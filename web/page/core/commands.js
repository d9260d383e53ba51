import { signal } from "../../vendor/preact.js";

const NOTICES_MAX = 3;
const NOTICE_MS = 6_000;

/** @typedef {{ id: number, kind: "done" | "nothing" | "error", text: string }} Notice */
/** @typedef {{ ok: boolean, applied: boolean, message: string, seq: number | null, type?: string }} Outcome */

/**
 * Runs commands for the page: each button and the palette come through here.
 *
 * @param {import("./types.js").Hub} hub
 */
export function createCommands(hub) {
  /** The commands under way. */
  const pending = signal(/** @type {ReadonlySet<string>} */ (new Set()));
  const notices = signal(/** @type {readonly Notice[]} */ ([]));
  let lastId = 0;

  /**
   * Runs a command; never throws.
   *
   * @param {string} text
   * @returns {Promise<Outcome>}
   */
  async function run(text) {
    pending.value = new Set(pending.peek()).add(text);
    try {
      const result = await hub.command(text);
      return { ok: true, applied: result.applied, message: result.message, seq: result.seq };
    } catch (error) {
      const { message, errorType } = /** @type {{ message?: string, errorType?: string }} */ (error);
      return { ok: false, applied: false, message: message || "the command failed", seq: null, type: errorType };
    } finally {
      const left = new Set(pending.peek());
      left.delete(text);
      pending.value = left;
    }
  }

  /** Runs a command for a button: the outcome is told in a notice. @param {string} text */
  async function act(text) {
    if (pending.peek().has(text)) return;
    const outcome = await run(text);
    notify(outcome.ok ? (outcome.applied ? "done" : "nothing") : "error", `${outcome.ok ? "" : `${text}: `}${outcome.message}`);
  }

  /** @param {Notice["kind"]} kind @param {string} text */
  function notify(kind, text) {
    const notice = { id: (lastId += 1), kind, text };
    notices.value = [...notices.peek(), notice].slice(-NOTICES_MAX);
    // An error stays until it was read.
    if (kind !== "error") setTimeout(() => dismiss(notice.id), NOTICE_MS);
  }

  /** @param {number} id */
  function dismiss(id) {
    notices.value = notices.peek().filter((notice) => notice.id !== id);
  }

  return { pending, notices, run, act, notify, dismiss };
}

/** @typedef {ReturnType<typeof createCommands>} Commands */
