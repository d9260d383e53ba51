import { batch } from "../../vendor/preact.js";
import { applyPatch } from "../../client/src/index.js";
import { getJson, query } from "./api.js";
import { messageOf } from "./text.js";

/** Dragging asks the hub once it rested this long. */
const DEBOUNCE_MS = 80;
const CACHE_MAX_ENTRIES = 60;
/** The documents that are kept for going back and forth, together. */
const CACHE_MAX_CHARS = 12_000_000;
const LATEST = 30;
const PLAY_PAGE = 200;

/**
 * @template T
 * @typedef {import("../../vendor/preact.js").Signal<T>} Signal
 */
/** @typedef {import("./past.js").Moment} Moment */
/**
 * @typedef {{ moment: Signal<Moment | null>, wanted: Signal<number | null>, error: Signal<string | null>, playing: Signal<boolean>,
 *   speed: Signal<number>, range: () => { first: number, last: number } | null, live: () => void }} Place
 */

/**
 * Brings what is shown to what is wanted; never an older answer over a newer one.
 *
 * @param {Place} place
 */
export function createTravel({ moment, wanted, error, playing, speed, live }) {
  /** @type {Map<number, { moment: Moment, chars: number }>} */
  const cache = new Map();
  let cacheChars = 0;
  /** @type {AbortController | null} */
  let request = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let askedAt = 0;
  /** Counts up with each play and pause, so that an older play ends. */
  let run = 0;

  /** Shows the wanted moment. */
  function go() {
    stop();
    const seq = wanted.peek();
    if (seq === null) return;
    const kept = cache.get(seq);
    if (kept) {
      moment.value = kept.moment;
      return;
    }
    const rested = performance.now() - askedAt >= DEBOUNCE_MS;
    askedAt = performance.now();
    timer = setTimeout(() => void load(seq), rested ? 0 : DEBOUNCE_MS);
  }

  /** @param {number} seq */
  async function load(seq) {
    const controller = new AbortController();
    request = controller;
    try {
      const [document, page] = await Promise.all([
        getJson(`/api/state${query({ at: seq })}`, controller),
        getJson(`/api/events${query({ before: seq + 1, order: "desc", limit: LATEST })}`, controller),
      ]);
      if (wanted.peek() !== seq) return;
      const at = page.events[0] ? Date.parse(page.events[0].timestamp) : Date.now();
      const loaded = { seq, at, state: document.state, events: page.events };
      keep(loaded);
      moment.value = loaded;
    } catch (problem) {
      if (controller.signal.aborted || wanted.peek() !== seq) return;
      error.value = messageOf(problem);
    } finally {
      if (request === controller) request = null;
    }
  }

  /** @param {Moment} loaded */
  function keep(loaded) {
    const chars = JSON.stringify(loaded.state).length + JSON.stringify(loaded.events).length;
    cacheChars += chars - (cache.get(loaded.seq)?.chars ?? 0);
    cache.set(loaded.seq, { moment: loaded, chars });
    for (const [seq, entry] of cache) {
      if (cache.size <= CACHE_MAX_ENTRIES && cacheChars <= CACHE_MAX_CHARS) break;
      cache.delete(seq);
      cacheChars -= entry.chars;
    }
  }

  /** Finds the last change up to a time. @param {string} at @returns {Promise<number>} */
  async function find(at) {
    return (await getJson(`/api/state${query({ at })}`)).seq;
  }

  /** Stops whatever is under way. */
  function stop() {
    pause();
    clearTimeout(timer);
    request?.abort();
    request = null;
  }

  /** Stops playing where it is. */
  function pause() {
    run += 1;
    playing.value = false;
  }

  /** Forgets the documents that are kept. */
  function forget() {
    cache.clear();
    cacheChars = 0;
  }

  /** Plays on from the wanted moment, as many changes a second as `speed` says, until there is no later one. */
  async function play() {
    run += 1;
    const mine = run;
    playing.value = true;
    /** @type {import("./types.js").Frame[]} */
    let ahead = [];
    let due = 0;
    let before = performance.now();
    try {
      for (;;) {
        await new Promise((resolve) => requestAnimationFrame(resolve));
        if (mine !== run || error.peek() !== null) return;
        const time = performance.now();
        const shown = moment.peek();
        const arrived = shown !== null && shown.seq === wanted.peek();
        if (arrived) due = Math.min(due + ((time - before) / 1000) * speed.peek(), PLAY_PAGE);
        before = time;
        if (!arrived || due < 1) continue;
        if (ahead.length === 0) {
          ahead = (await getJson(`/api/events${query({ since: shown.seq, limit: PLAY_PAGE })}`)).events;
          if (mine !== run) return;
          before = performance.now();
          if (ahead.length === 0) return live();
        }
        const steps = ahead.splice(0, Math.floor(due));
        due -= steps.length;
        advance(shown, steps);
      }
    } catch (problem) {
      if (mine === run) error.value = messageOf(problem);
    } finally {
      if (mine === run) playing.value = false;
    }
  }

  /** @param {Moment} from @param {import("./types.js").Frame[]} steps */
  function advance(from, steps) {
    let { state } = from;
    for (const { patch } of steps) if (patch) state = /** @type {typeof state} */ (applyPatch(state, patch));
    const last = steps[steps.length - 1];
    const seq = last.seq ?? from.seq;
    const events = [...steps].reverse().concat(from.events).slice(0, LATEST);
    batch(() => {
      wanted.value = seq;
      moment.value = { seq, at: Date.parse(last.timestamp), state, events };
    });
  }

  return { go, find, stop, pause, forget, play };
}

/** @typedef {ReturnType<typeof createTravel>} Travel */
