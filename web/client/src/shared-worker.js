/**
 * The entry of the SharedWorker that holds one connection for all tabs of a browser. It ends with the last
 * of them.
 */

import { systemClock } from "./clock.js";
import { Hub } from "./hub.js";
import { SharedHost } from "./shared-host.js";

const host = new SharedHost({
  open: (options, copy, tap) => new Hub({ ...options, shared: false }, { copy, tap }),
  clock: systemClock,
  locks: globalThis.navigator?.locks,
});

globalThis.addEventListener("connect", (event) => {
  const [port] = /** @type {MessageEvent} */ (event).ports;
  host.accept(port);
});
