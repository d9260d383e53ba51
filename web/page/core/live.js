import { batch, computed, signal } from "../../vendor/preact.js";
import { now } from "./clock.js";
import { nextFrame } from "./frame.js";

/** So long after its last sign of life a connection that calls itself live is doubted: a heartbeat and a third. */
const DOUBT_AFTER_MS = 20_000;
/** So long a young page may be connecting before it says that it is not connected. */
const PATIENCE_MS = 1500;
/** @typedef {{ at: number[], ms: (number | null)[] }} Latencies */

/**
 * Mirrors the client in signals, at most once per animation frame however many frames arrive.
 *
 * @param {import("./types.js").Hub} hub
 */
export function createLive(hub) {
  const document = signal(/** @type {import("./types.js").State | null} */ (hub.state));
  const seq = signal(hub.seq);
  const epoch = signal(hub.epoch);
  const status = signal(/** @type {import("./types.js").Status} */ (hub.status));
  const health = signal(/** @type {import("./types.js").Health} */ (hub.health));
  const latencies = signal(/** @type {ReadonlyMap<string, Latencies>} */ (new Map()));
  const startedAt = Date.now();

  /** The newest moment for which what is shown is known to be true; null before there is anything. */
  const asOf = computed(() => health.value.asOf);
  /** Whether what is shown is the truth of now. */
  const fresh = computed(() => {
    if (status.value.kind !== "live" || document.value === null) return false;
    return asOf.value === null || now.value - asOf.value <= DOUBT_AFTER_MS;
  });
  /** Whether the page has to say that it is not live. */
  const stale = computed(() => !fresh.value && (document.value !== null || now.value - startedAt > PATIENCE_MS));
  const latency = computed(() => health.value.latencyMs);

  function flush() {
    batch(() => {
      document.value = hub.state;
      seq.value = hub.seq;
      epoch.value = hub.epoch;
      status.value = hub.status;
      health.value = hub.health;
    });
  }
  const soon = () => nextFrame(flush);

  hub.on("change", soon);
  hub.on("state", soon);
  hub.on("status", soon);
  hub.on("health", soon);
  /** Receives latencies while the page is seen; returns what ends it. */
  function watchLatencies() {
    let over = false;
    let end = () => {};
    import("./latencies.js").then(({ receiveLatencies }) => {
      if (!over) end = receiveLatencies(hub, latencies);
    }, reportError);
    return () => {
      over = true;
      end();
    };
  }

  return { document, seq, epoch, status, health, latencies, asOf, fresh, stale, latency, watchLatencies };
}

/** @typedef {ReturnType<typeof createLive>} Live */
