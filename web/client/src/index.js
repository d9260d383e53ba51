/** A live copy of an opshub's state, every change, and its commands. `types/index.d.ts` tells more. */

/** @import { ConnectOptions, Hub as HubInterface } from "../types/index.js" */

import { Hub } from "./hub.js";

export { HubError } from "./error.js";
export { applyPatch, PatchError } from "./json-patch.js";

/**
 * Opens a live copy of a hub's state. Returns at once; `status` tells how it goes.
 * @param {ConnectOptions} [options]
 * @returns {HubInterface}
 */
export function connect(options) {
  return new Hub(options);
}
