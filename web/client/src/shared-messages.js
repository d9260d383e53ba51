/**
 * What a tab and the worker that holds the connection for all tabs say to each other. Both come from the
 * same origin and the same release: the version is part of the worker's name.
 */

/** @import { Health, HubErrorFields, Status } from "../types/index.js" */
/** @import { CommandResult, StateReason } from "../types/protocol.js" */
/** @import { Request } from "./commands.js" */
/** @import { Copy } from "./mirror.js" */
/** @import { Wanted } from "./wishes.js" */

/**
 * What the connection is like; the first tab decides.
 * @typedef {object} SharedOptions
 * @property {string} url
 * @property {readonly string[] | undefined} topics
 * @property {string | null} token what every tab that shares the connection shows as well
 * @property {boolean} renews whether the tabs may give another token, where this one ends
 * @property {{ initialMs: number, maxMs: number }} backoff
 */

/**
 * From a tab.
 * - `join`: the first message. `lock` is held by the tab for as long as it lives, where there are locks;
 *   `copy` is what it knows already.
 * - `ack`: `size` of what it was sent is taken.
 * - `snapshot`: it needs a copy anew.
 * - `want`: what it wants to receive besides, from now on.
 * - `token`: the answer to the worker's `token`; null where there is none.
 * @typedef {(
 *   | { kind: "join", tab: string, lock: string | null, options: SharedOptions, copy: Copy | null }
 *   | { kind: "ack", size: number }
 *   | { kind: "snapshot" }
 *   | { kind: "want", wanted: Wanted }
 *   | { kind: "command", request: Request }
 *   | { kind: "token", token: string | null }
 *   | { kind: "forget", id: string }
 *   | { kind: "ping", id: string }
 *   | { kind: "reconnect" }
 *   | { kind: "wake" }
 *   | { kind: "leave" }
 * )} FromTab
 */

/**
 * From the worker. Whatever has a `size` is to be acknowledged with it.
 * - `joined`: the answer to `join`; what the tab has missed, or a snapshot, follows. `lock` is held by the
 *   worker for as long as it lives, where there are locks.
 * - `token`: the connection needs one, the first tab that has one gives it.
 * - `started`: what the tab wants comes from now on; of what came before some may have been lost.
 * @typedef {(
 *   | { kind: "joined", lock: string | null }
 *   | { kind: "snapshot", reason: StateReason, copy: Copy, size: number }
 *   | { kind: "frame", text: string, size: number }
 *   | { kind: "status", status: Status, size: number }
 *   | { kind: "health", health: Health, size: number }
 *   | { kind: "started", size: number }
 *   | { kind: "token" }
 *   | { kind: "answer", id: string, result: CommandResult }
 *   | { kind: "failure", id: string, error: HubErrorFields }
 *   | { kind: "pong", id: string }
 * )} FromWorker
 */

/**
 * What is needed of a `MessagePort`.
 * @typedef {object} Port
 * @property {(message: any) => void} postMessage
 * @property {((event: any) => any) | null} onmessage
 * @property {() => void} close
 */

export {};
