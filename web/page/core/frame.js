/** The most of the main thread that drawing may take, however many frames arrive. */
const SHARE = 0.35;
/** A slow machine is still shown something this often. */
const REST_MAX_MS = 250;

/** @type {Set<() => void>} */
const jobs = new Set();
let requested = false;
let startedAt = 0;
let notBefore = 0;

/** Answers after the frame was drawn, so that style, layout and paint are counted. */
const after = new MessageChannel();
after.port1.onmessage = () => {
  const now = performance.now();
  notBefore = now + Math.min(REST_MAX_MS, (now - startedAt) * (1 / SHARE - 1));
  requested = false;
  request();
};

/**
 * Runs `job` in one of the next animation frames, once however often it is asked for.
 *
 * While the page is hidden nothing runs; what was asked for runs when it is seen again. Where drawing is slow frames
 * are left out, so that the page stays at hand.
 *
 * @param {() => void} job
 */
export function nextFrame(job) {
  jobs.add(job);
  request();
}

function request() {
  if (requested || jobs.size === 0 || document.hidden) return;
  requested = true;
  const rest = notBefore - performance.now();
  if (rest > 1) setTimeout(() => requestAnimationFrame(run), rest);
  else requestAnimationFrame(run);
}

function run() {
  if (document.hidden) {
    requested = false;
    return;
  }
  startedAt = performance.now();
  const due = [...jobs];
  jobs.clear();
  for (const job of due) {
    try {
      job();
    } catch (error) {
      reportError(error);
    }
  }
  after.port2.postMessage(null);
}

document.addEventListener("visibilitychange", request);
