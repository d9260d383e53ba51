import { html, useEffect, useRef, useState } from "../../vendor/preact.js";
import { now } from "../core/clock.js";
import { oneLine } from "../core/text.js";
import { ago, moment } from "../core/time.js";

/**
 * How the page stands with the hub; never says live when it is not.
 *
 * @param {{ live: import("../core/live.js").Live, onRetry: () => void }} props
 */
export function Connection({ live, onRetry }) {
  const told = tell(live);
  const spoken = useSpoken(told.spoken);
  return html`<div class="connection" data-tone=${told.tone} data-testid="connection" data-kind=${told.kind}>
    <span class="dot" aria-hidden="true"></span>
    <span class="connection-text">${told.text}</span>
    ${told.retry ? html`<button type="button" class="button small" aria-label="Reconnect now" onClick=${onRetry}>now</button>` : null}
    <span class="sr" role="status">${spoken}</span>
  </div>`;
}

/**
 * Says that what is shown is not of now, and of when it is.
 *
 * @param {{ live: import("../core/live.js").Live, onRetry: () => void }} props
 */
export function StaleBanner({ live, onRetry }) {
  const asOf = live.asOf.value;
  const there = live.document.value !== null;
  const { kind, reason } = live.status.value;
  const seen = now.value;
  return html`<section class="banner" data-kind="stale" aria-label="Not live" data-testid="stale">
    <p><strong>Not live.</strong> ${there && asOf !== null
        ? html`What you see was true at <time datetime=${new Date(asOf).toISOString()}>${moment(asOf, seen)}</time>, ${ago(asOf, seen)}.`
        : kind === "connecting" ? "Waiting for the hub." : "The hub cannot be reached."}
      ${kind === "refused" && reason ? html` <bdi>${oneLine(reason, 200)}</bdi>` : null}</p>
    ${kind === "closed" ? null : html`<button type="button" class="button small" onClick=${onRetry}>Try now</button>`}
  </section>`;
}

/**
 * @param {import("../core/live.js").Live} live
 * @returns {{ kind: string, tone: string, text: string, spoken: string, retry: boolean }}
 */
function tell(live) {
  const status = live.status.value;
  switch (status.kind) {
    case "live": {
      if (!live.fresh.value && live.document.value !== null) {
        return { kind: "silent", tone: "warn", text: "no sign of life", spoken: "The hub gives no sign of life", retry: true };
      }
      const latency = live.latency.value;
      const text = latency === null ? "live" : `live ${latency < 1 ? "<1" : Math.round(latency)} ms`;
      return { kind: "live", tone: "ok", text, spoken: "Live", retry: false };
    }
    case "reconnecting": {
      const left = Math.ceil(((status.retryAt ?? 0) - now.value) / 1000);
      const text = left > 0 ? `reconnecting in ${left} s` : "reconnecting";
      return { kind: "reconnecting", tone: "warn", text, spoken: "Connection lost, reconnecting", retry: left > 0 };
    }
    case "offline":
      return { kind: "offline", tone: "bad", text: "offline", spoken: "This device is offline", retry: true };
    case "refused":
      return { kind: "refused", tone: "bad", text: `refused: ${oneLine(status.reason ?? "no reason", 80)}`, spoken: "The hub refused the connection", retry: true };
    case "closed":
      return { kind: "closed", tone: "bad", text: "closed", spoken: "The connection is closed", retry: false };
    default:
      return { kind: "connecting", tone: "none", text: "connecting", spoken: "", retry: false };
  }
}

/** Keeps silent about how the page began: only what changes is told. @param {string} spoken */
function useSpoken(spoken) {
  const first = useRef(true);
  const [text, setText] = useState("");
  useEffect(() => {
    if (first.current && (spoken === "" || spoken === "Live")) {
      first.current = spoken === "";
      return;
    }
    first.current = false;
    setText(spoken);
  }, [spoken]);
  return text;
}
