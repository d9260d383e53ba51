/**
 * What the browser tells about itself: whether there is a network, and when a tab wakes. Outside browsers
 * there is always a network and nothing sleeps unseen.
 */

/**
 * @typedef {object} EnvironmentEvents
 * @property {() => void} online there is a network again
 * @property {() => void} offline there is none
 * @property {() => void} wake somebody looks again, or the machine woke
 * @property {() => void} [hide] the page goes, perhaps into the back/forward cache
 * @property {() => void} [show] the page comes out of that cache
 */

/**
 * @typedef {object} Environment
 * @property {() => boolean} isOffline whether the browser knows that it has no network
 * @property {(events: EnvironmentEvents) => () => void} watch returns what ends it
 */

/** @type {Environment} The browser that this runs in, if it is one. */
export const browserEnvironment = {
  isOffline: () => globalThis.navigator?.onLine === false,

  watch({ online, offline, wake, hide, show }) {
    /** @type {(() => void)[]} */
    const ends = [];
    /**
     * @param {Partial<EventTarget> | undefined} target
     * @param {string} type
     * @param {(event: any) => void} handler
     */
    const listen = (target, type, handler) => {
      if (typeof target?.addEventListener !== "function") return;
      target.addEventListener(type, handler);
      ends.push(() => target.removeEventListener?.(type, handler));
    };
    const { document } = globalThis;
    listen(globalThis, "online", online);
    listen(globalThis, "offline", offline);
    listen(globalThis, "pagehide", () => hide?.());
    listen(globalThis, "pageshow", ({ persisted }) => {
      if (persisted) show?.();
      wake();
    });
    listen(document, "resume", wake);
    listen(document, "visibilitychange", () => {
      if (document.visibilityState === "visible") wake();
    });
    return () => ends.splice(0).forEach((end) => end());
  },
};

/**
 * Whether a host is this machine, which is reached without any network.
 * @param {string} hostname as `URL` has it
 */
export function isLoopback(hostname) {
  return /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}
