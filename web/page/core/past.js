import { batch, computed, signal } from "../../vendor/preact.js";
import { messageOf } from "./text.js";

/** Changes a second while playing. */
export const SPEEDS = [1, 4, 16, 64];

/**
 * @typedef {{ seq: number, at: number, state: import("./types.js").State, events: import("./types.js").Frame[] }} Moment
 *   The state after change `seq`, with the events up to it, newest first.
 */

/**
 * Where in the log the page is: one wanted moment, one shown moment. How to get there is loaded when it is first needed.
 *
 * @param {() => { first: number, last: number } | null} range
 */
export function createPast(range) {
  /** What is shown; null is live. */
  const moment = signal(/** @type {Moment | null} */ (null));
  /** Where the slider is; null is live. */
  const wanted = signal(/** @type {number | null} */ (null));
  /** The time that a link names, while it is looked for and where there is no such moment. */
  const sought = signal(/** @type {string | null} */ (null));
  /** Why the wanted moment, or the one that a link names, cannot be shown. */
  const error = signal(/** @type {string | null} */ (null));
  const playing = signal(false);
  const speed = signal(SPEEDS[1]);
  const loading = computed(() => wanted.value !== null && wanted.value !== moment.value?.seq && error.value === null);
  const place = { moment, wanted, error, playing, speed, range, live };

  /** @type {Promise<import("./travel.js").Travel> | null} */
  let travelling = null;
  /** @type {import("./travel.js").Travel | null} */
  let travel = null;
  /** Counts up with each wish, so that an older one that is still being looked for is let go. */
  let wish = 0;

  /** Loads the way through the log, ahead of its need. */
  function preload() {
    travelling ??= import("./travel.js").then(
      ({ createTravel }) => (travel = createTravel(place)),
      (problem) => {
        travelling = null;
        throw problem;
      },
    );
    return travelling;
  }

  /** @param {(travel: import("./travel.js").Travel) => void} run */
  function withTravel(run) {
    if (travel) run(travel);
    else preload().then(run, (problem) => { error.value = messageOf(problem); });
  }

  /** Shows the moment after change `seq`. @param {number} seq */
  function go(seq) {
    wish += 1;
    const known = range();
    batch(() => {
      wanted.value = known ? Math.min(Math.max(seq, known.first), known.last) : seq;
      sought.value = null;
      error.value = null;
    });
    withTravel((way) => way.go());
  }

  /** Shows the moment that a link names: a change's number or a time. @param {string} at */
  function goAt(at) {
    if (/^\d{1,15}$/.test(at)) return go(Number(at));
    live();
    sought.value = at;
    const mine = wish;
    withTravel((way) => void way.find(at).then(
      (seq) => mine === wish && go(seq),
      (problem) => { if (mine === wish) error.value = messageOf(problem); },
    ));
  }

  /** Goes some changes on or back. @param {number} by */
  function step(by) {
    const known = range();
    if (!known) return;
    const target = (wanted.peek() ?? known.last) + by;
    if (target > known.last) live();
    else go(target);
  }

  /** Goes back to what is now. */
  function live() {
    wish += 1;
    travel?.stop();
    batch(() => {
      wanted.value = null;
      moment.value = null;
      sought.value = null;
      error.value = null;
    });
  }

  /** Plays from where the slider is to now, change by change; from the beginning when it is at now. */
  function play() {
    const known = range();
    if (!known) return;
    if (wanted.peek() === null) go(known.first);
    withTravel((way) => void way.play());
  }

  /** Stops playing where it is. */
  function pause() {
    travel?.pause();
  }

  /** Forgets everything, since the log is another one. */
  function reset() {
    travel?.forget();
    live();
  }

  return { moment, wanted, sought, error, loading, playing, speed, go, goAt, live, step, play, pause, reset, preload };
}

/** @typedef {ReturnType<typeof createPast>} Past */
