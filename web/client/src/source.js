/** @import { Health, Status } from "../types/index.js" */
/** @import { ServerFrame } from "../types/protocol.js" */
/** @import { Request } from "./commands.js" */
/** @import { Wanted } from "./wishes.js" */

/**
 * Whom a source of frames tells.
 * @typedef {object} Sink
 * @property {(frame: ServerFrame, text: string) => void} frame a frame, after the mirror has taken it in
 * @property {() => void} settled the frames that came together are all told
 * @property {(status: Status) => void} status
 * @property {(health: Health) => void} health
 * @property {(anew: boolean) => void} started what is wanted comes from now on; `anew` after a break
 */

/**
 * What every source of frames is told to do: this one, and the one that shares a connection.
 * @typedef {object} Source
 * @property {Status} status
 * @property {Health} health
 * @property {() => void} start
 * @property {(request: Request) => boolean} transmit
 * @property {(id: string) => void} forget
 * @property {(wanted: Wanted) => void} want
 * @property {() => void} reconnect
 * @property {() => void} wake
 * @property {() => void} close
 */

export {};
