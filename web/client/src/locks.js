/**
 * Web Locks as signs of life: whoever holds one is alive, and the browser frees it however its holder ends.
 * They are there in secure contexts alone.
 */

/** @typedef {Pick<LockManager, "request">} Locks */

/**
 * Takes a lock of one's own, and keeps it. Null where there are no locks.
 * @param {Locks | undefined} locks
 * @param {string} name
 * @returns {Promise<{ name: string, release: () => void } | null>}
 */
export function holdLock(locks, name) {
  return new Promise((resolve) => {
    if (!locks) return resolve(null);
    /** @param {(value: void) => void} release */
    const held = (release) => resolve({ name, release });
    return locks.request(name, () => new Promise(held)).catch(() => resolve(null));
  });
}

/**
 * Calls `gone` when whoever holds a lock has ended, or released it.
 * @param {Locks | undefined} locks
 * @param {string} name
 * @param {AbortSignal} signal ends the watch
 * @param {() => void} gone
 */
export function watchLock(locks, name, signal, gone) {
  const notice = () => {
    if (!signal.aborted) gone();
  };
  // Rejected when the watch ends first.
  locks?.request(name, { signal }, notice).catch(() => {});
}

/** A name that nobody else has. `crypto.randomUUID` is missing in pages that are not secure contexts. */
export function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
