/** @import { ServerFrame, StateDocument } from "../types/protocol.js" */

import { isCommitted } from "./frame.js";
import { applyPatch } from "./json-patch.js";
import { share } from "./sharing.js";

/**
 * What a frame did to the mirror.
 * - `news`: whether it was seen for the first time; a repeated change is not.
 * - `fault`: why the document can no longer be followed; a `state` frame mends it.
 * @typedef {{ news: boolean, fault: string | null }} Outcome
 */

/**
 * All that a mirror knows: `seq` and `epoch` belong to `state`, `position` is the newest change it was told.
 * @typedef {object} Copy
 * @property {StateDocument | null} state
 * @property {number | null} seq
 * @property {string | null} epoch
 * @property {number | null} position
 * @property {boolean} broken
 */

/** The copy of the state document, kept by applying frames in the order of the connection. */
export class Mirror {
  /** @type {StateDocument | null} */
  state = null;
  /** @type {number | null} Every change up to this number is in `state`. */
  seq = null;
  /** @type {string | null} The log that numbers count in. */
  epoch = null;
  /** @type {number | null} The newest change that was told. */
  position = null;
  /** The newest change that the hub is known to have. */
  newest = 0;
  /** Whether the document waits for a `state` frame. */
  broken = false;
  /** Patches since the last whole document. */
  patches = 0;
  /** Whole documents so far. */
  documents = 0;

  #keepsState;
  #gapless;
  /** @type {string | null} The log that the next whole document belongs to. */
  #nextEpoch = null;

  /**
   * @param {object} options
   * @param {boolean} options.keepsState whether `state` is among the topics
   * @param {boolean} options.gapless whether every change comes, so that a skipped number is a lost one
   */
  constructor({ keepsState, gapless }) {
    this.#keepsState = keepsState;
    this.#gapless = gapless;
  }

  /** Whether the document is kept at all. */
  get keepsState() {
    return this.#keepsState;
  }

  /** Whether there is a document, where one is kept, and it can be followed. */
  get isWhole() {
    return !this.#keepsState || (this.state !== null && !this.broken);
  }

  /** How many changes the hub is known to have that are not in the copy. */
  get behind() {
    const reached = this.#keepsState ? this.seq : this.position;
    return reached === null ? 0 : Math.max(0, this.newest - reached);
  }

  /**
   * Takes note of where a connection begins. Without recovery the numbers begin anew with the state.
   * @param {{ epoch: string, seq: number, recovered: boolean }} connected
   */
  welcome({ epoch, seq, recovered }) {
    this.newest = seq;
    if (recovered) return;
    this.#nextEpoch = epoch;
    if (!this.#keepsState) this.epoch = epoch;
    this.position = null;
    this.broken = this.#keepsState;
  }

  /**
   * Takes a frame in.
   * @param {ServerFrame} frame
   * @returns {Outcome}
   */
  apply(frame) {
    if (frame.type === "state") return this.#adopt(frame.seq, frame.data.state);
    if (frame.type === "heartbeat") return this.#reach(frame.data.seq);
    if (!isCommitted(frame)) return NEWS;
    const { seq, patch } = /** @type {{ seq: number, patch?: object[] }} */ (frame);
    return this.#advance(seq, patch);
  }

  /** All that another mirror needs to go on from here. */
  get copy() {
    const { state, seq, epoch, position, broken } = this;
    return { state, seq, epoch, position, broken };
  }

  /**
   * Goes on from where another mirror is.
   * @param {Copy} copy
   */
  restore({ state, seq, epoch, position, broken }) {
    this.#nextEpoch = this.epoch = epoch;
    this.position = null;
    if (state !== null && seq !== null) this.#adopt(seq, state);
    this.position = position;
    this.newest = Math.max(this.newest, position ?? 0);
    this.broken = this.#keepsState && (broken || state === null);
  }

  /**
   * @param {number} seq
   * @param {StateDocument} state
   * @returns {Outcome}
   */
  #adopt(seq, state) {
    this.newest = Math.max(this.newest, seq);
    if (this.position !== null && seq < this.position) return { news: false, fault: "an old state came" };
    this.position = seq;
    if (this.#keepsState) {
      this.state = /** @type {StateDocument} */ (share(this.state, state));
      this.seq = seq;
      this.epoch = this.#nextEpoch;
      this.broken = false;
      this.patches = 0;
      this.documents += 1;
    }
    return NEWS;
  }

  /**
   * @param {number} seq
   * @param {object[] | undefined} patch
   * @returns {Outcome}
   */
  #advance(seq, patch) {
    const before = this.position;
    this.newest = Math.max(this.newest, seq);
    if (before !== null && seq <= before) return { news: false, fault: null };
    this.position = seq;
    if (!this.#keepsState || this.broken) return NEWS;
    if (this.state === null) return this.#break("a change came before the state");
    if (this.#gapless && before !== null && seq !== before + 1) {
      return this.#break(`change ${before + 1} is missing`);
    }
    if (patch) {
      try {
        this.state = applyPatch(this.state, patch);
      } catch (error) {
        return this.#break(`the patch of change ${seq} does not fit: ${/** @type {Error} */ (error).message}`);
      }
      this.patches += 1;
    }
    this.seq = seq;
    return NEWS;
  }

  /**
   * Every change up to `seq` has come.
   * @param {number} seq
   * @returns {Outcome}
   */
  #reach(seq) {
    const before = this.position;
    this.newest = Math.max(this.newest, seq);
    if (before === null || seq <= before) return NEWS;
    this.position = seq;
    if (!this.#keepsState || this.broken) return NEWS;
    if (this.#gapless) return this.#break(`change ${seq} is missing`);
    this.seq = seq;
    return NEWS;
  }

  /**
   * @param {string} fault
   * @returns {Outcome}
   */
  #break(fault) {
    this.broken = true;
    return { news: true, fault };
  }
}

/** @type {Outcome} */
const NEWS = { news: true, fault: null };
