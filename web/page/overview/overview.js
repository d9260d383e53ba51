import { computed, html, useMemo } from "../../vendor/preact.js";
import { whyNot } from "../core/access.js";
import { now } from "../core/clock.js";
import { href } from "../core/router.js";
import { startOfDay } from "../core/time.js";
import { lazy } from "../parts/lazy.js";
import { Panel } from "../parts/panel.js";
import { BriefPanel } from "./brief.js";
import { Commitments } from "./commitments.js";
import { DayLine } from "./day-line.js";
import { Gateways } from "./gateways.js";
import { Priorities } from "./priorities.js";
import { Skeleton } from "./skeleton.js";
import { SystemStrip } from "./system-strip.js";

/** What was before is read after what is now was painted. */
export const Latest = lazy(async () => (await import("./latest.js")).Latest);
const LATEST = 30;
const MINUTE_MS = 60_000;

/**
 * The whole picture, of now or of a moment of the past.
 *
 * @param {{ app: import("../app.js").AppParts, onCommand: (text: string) => void }} props
 */
export function Overview({ app, onCommand }) {
  const { live, past, log, commands } = app;
  // Each part of the document on its own, so that a change draws only what it altered.
  const parts = useMemo(() => {
    const state = computed(() => past.moment.value?.state ?? live.document.value);
    return {
      state,
      system: computed(() => state.value?.system),
      priorities: computed(() => state.value?.priorities),
      owe: computed(() => state.value?.commitments.owe),
      owed: computed(() => state.value?.commitments.owed),
      calendar: computed(() => state.value?.calendar),
      brief: computed(() => state.value?.active_brief ?? null),
      gateways: computed(() => state.value?.gateways),
      there: computed(() => state.value !== null),
      minute: computed(() => Math.floor(now.value / MINUTE_MS) * MINUTE_MS),
    };
  }, [live, past]);
  const shown = past.moment.value;
  const from = shown?.at ?? null;
  const canAct = past.wanted.value === null && live.fresh.value && !whyNot();
  if (!parts.there.value) return html`<${Skeleton} />`;
  const minute = from ?? parts.minute.value;
  const pending = commands.pending.value;
  return html`<div class="overview" data-gateways=${Object.keys(parts.gateways.value ?? {}).length > 0}>
    <${SystemStrip} system=${parts.system.value} from=${from} canAct=${canAct} pending=${pending} onCommand=${onCommand} />
    <${Priorities} items=${parts.priorities.value} minute=${minute} canAct=${canAct} pending=${pending} onCommand=${onCommand} />
    <${DayLine} items=${parts.calendar.value} minute=${minute} today=${startOfDay(minute)} live=${from === null} />
    <${Gateways} gateways=${parts.gateways.value} latencies=${from === null ? live.latencies.value : null} from=${from} hub=${app.hub}
      canAct=${canAct} pending=${pending} onCommand=${onCommand} onSeen=${live.watchLatencies} />
    <${Commitments} owe=${parts.owe.value} owed=${parts.owed.value} minute=${minute} canAct=${canAct} onCommand=${onCommand} />
    <${BriefPanel} brief=${parts.brief.value} from=${from} canAct=${canAct} onCommand=${onCommand} />
    <${LatestPanel} log=${log.value} shown=${shown?.events ?? null} most=${LATEST} />
  </div>`;
}

/** @param {{ log: import("../core/events.js").EventLog | null, shown: import("../core/types.js").Frame[] | null, most: number }} props */
function LatestPanel({ log, shown, most }) {
  return html`<${Panel} title="Latest" area="latest" action=${html`<a class="panel-action link" href=${href("activity")}>All activity</a>`}>
    ${log && html`<${Latest} log=${log} shown=${shown} most=${most} />`}
  </${Panel}>`;
}
