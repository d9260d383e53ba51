/**
 * Receives topics of the hub while the page is seen; returns what ends it.
 *
 * @param {import("./types.js").Hub} hub
 * @param {import("../../client/types/index.js").Topic[]} topics
 * @param {import("../../client/types/index.js").ReceiveOptions} [options]
 */
export function receiveWhileSeen(hub, topics, options) {
  /** @type {(() => void) | null} */
  let end = null;
  const follow = () => {
    if (!document.hidden) {
      end ??= hub.receive(topics, options);
    } else {
      end?.();
      end = null;
    }
  };
  document.addEventListener("visibilitychange", follow);
  follow();
  return () => {
    document.removeEventListener("visibilitychange", follow);
    end?.();
  };
}
