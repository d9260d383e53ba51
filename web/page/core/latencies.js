import { nextFrame } from "./frame.js";
import { receiveWhileSeen } from "./seen.js";

/** How many latencies of one gateway are kept. */
const LATENCIES_MAX = 240;
/** For how many gateways latencies are kept. */
const LATENCY_GATEWAYS_MAX = 2000;

/** @typedef {import("./live.js").Latencies} Latencies */

/**
 * Receives latencies while the page is seen, and shows them once per animation frame; returns what ends it.
 *
 * @param {import("./types.js").Hub} hub
 * @param {import("../../vendor/preact.js").Signal<ReadonlyMap<string, Latencies>>} latencies
 */
export function receiveLatencies(hub, latencies) {
  const rings = new Map(latencies.peek());
  const flush = () => {
    latencies.value = new Map(rings);
  };
  const off = hub.on("gateway_latency", ({ data, timestamp }) => {
    const at = Date.parse(timestamp);
    for (const [id, ms] of Object.entries(data?.latency_ms ?? {})) keepLatency(rings, id, at, ms);
    nextFrame(flush);
  });
  const started = () => {
    // A line across the time in which nobody looked would tell what nobody knows.
    for (const [id, ring] of rings) if (ring.ms.at(-1) !== null) keepLatency(rings, id, Date.now(), null);
    nextFrame(flush);
  };
  const end = receiveWhileSeen(hub, ["latency"], { started });
  return () => {
    end();
    off();
  };
}

/**
 * @param {Map<string, Latencies>} rings
 * @param {string} id
 * @param {number} at
 * @param {unknown} ms
 */
function keepLatency(rings, id, at, ms) {
  const ring = rings.get(id) ?? { at: [], ms: [] };
  if (!rings.has(id) && rings.size >= LATENCY_GATEWAYS_MAX) return;
  // A new object for each change, so that a tile sees by identity whether it is its turn.
  rings.set(id, {
    at: [...ring.at, at].slice(-LATENCIES_MAX),
    ms: [...ring.ms, typeof ms === "number" ? ms : null].slice(-LATENCIES_MAX),
  });
}
