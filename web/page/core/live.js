import { batch, computed, signal } from "../../vendor/preact.js";
import { now } from "./clock.js";
import { nextFrame } from "./frame.js";
import { receiveWhileSeen } from "./seen.js";

/** So long after its last sign of life a connection that calls itself live is doubted: a heartbeat and a third. */
const DOUBT_AFTER_MS = 20_000;
/** So long a young page may be connecting before it says that it is not connected. */
const PATIENCE_MS = 1500;
/** How many latencies of one gateway are kept. */
const LATENCIES_MAX = 240;
/** For how many gateways latencies are kept. */
const LATENCY_GATEWAYS_MAX = 2000;

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

  /** @type {Map<string, Latencies>} */
  const rings = new Map();
  let ringsChanged = false;

  function flush() {
    batch(() => {
      document.value = hub.state;
      seq.value = hub.seq;
      epoch.value = hub.epoch;
      status.value = hub.status;
      health.value = hub.health;
      if (ringsChanged) latencies.value = new Map(rings);
      ringsChanged = false;
    });
  }
  const soon = () => nextFrame(flush);

  hub.on("change", soon);
  hub.on("state", soon);
  hub.on("status", soon);
  hub.on("health", soon);
  hub.on("gateway_latency", ({ data, timestamp }) => {
    const at = Date.parse(timestamp);
    for (const [id, ms] of Object.entries(data?.latency_ms ?? {})) {
      if (keepLatency(rings, id, at, ms)) ringsChanged = true;
    }
    if (ringsChanged) soon();
  });

  /** Receives latencies while the page is seen; returns what ends it. */
  function watchLatencies() {
    const started = () => {
      // A line across the time in which nobody looked would tell what nobody knows.
      for (const [id, ring] of rings) if (ring.ms.at(-1) !== null) keepLatency(rings, id, Date.now(), null);
    };
    return receiveWhileSeen(hub, ["latency"], { started });
  }

  return { watchLatencies, document, seq, epoch, status, health, latencies, asOf, fresh, stale, latency };
}

/** @typedef {ReturnType<typeof createLive>} Live */

/**
 * @param {Map<string, Latencies>} rings
 * @param {string} id
 * @param {number} at
 * @param {unknown} ms
 */
function keepLatency(rings, id, at, ms) {
  const ring = rings.get(id) ?? { at: [], ms: [] };
  if (!rings.has(id) && rings.size >= LATENCY_GATEWAYS_MAX) return false;
  // A new object for each change, so that a tile sees by identity whether it is its turn.
  rings.set(id, {
    at: [...ring.at, at].slice(-LATENCIES_MAX),
    ms: [...ring.ms, typeof ms === "number" ? ms : null].slice(-LATENCIES_MAX),
  });
  return true;
}
