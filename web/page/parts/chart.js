import { html, useEffect, useRef, useState } from "../../vendor/preact.js";
import { exact } from "../core/time.js";
import { style } from "./lazy.js";

const HEIGHT_PX = 180;

/**
 * A time series with axes; the library comes when it is first needed.
 *
 * @param {{ label: string, unit: string, at: number[], values: (number | null)[] }} props
 */
export function Chart({ label, unit, at, values }) {
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  const chart = useRef(/** @type {import("../../vendor/uplot.js").default | null} */ (null));
  const [failed, setFailed] = useState(false);
  const newest = useRef({ at, values });
  newest.current = { at, values };

  useEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    let over = false;
    const sizes = new ResizeObserver(() => chart.current?.setSize({ width: element.clientWidth, height: HEIGHT_PX }));
    load().then((Plot) => {
      if (over) return;
      chart.current = new Plot(options(element, unit), series(newest.current), element);
      sizes.observe(element);
    }, () => setFailed(true));
    return () => {
      over = true;
      sizes.disconnect();
      chart.current?.destroy();
      chart.current = null;
    };
  }, [unit]);

  useEffect(() => chart.current?.setData(series({ at, values })), [at, values]);

  const known = /** @type {number[]} */ (values.filter((value) => value !== null));
  const told = known.length > 0 ? `, from ${Math.min(...known)} to ${Math.max(...known)} ${unit}, now ${known[known.length - 1]} ${unit}` : "";
  return html`<div class="chart" role="img" aria-label=${`${label}${told}`} ref=${place}>${failed ? "the chart could not be loaded" : null}</div>`;
}

async function load() {
  const [library] = await Promise.all([import("../../vendor/uplot.js"), style("../vendor/uplot.css")]);
  return library.default;
}

/** @param {{ at: number[], values: (number | null)[] }} data @returns {[number[], (number | null)[]]} */
function series({ at, values }) {
  return [at.map((ms) => ms / 1000), values];
}

/** @param {HTMLElement} element @param {string} unit @returns {import("../../vendor/uplot.js").default.Options} */
function options(element, unit) {
  const drawn = getComputedStyle(element);
  const colour = drawn.color;
  const accent = drawn.getPropertyValue("outline-color") || colour;
  const axis = { stroke: colour, grid: { stroke: drawn.borderTopColor, width: 1 }, ticks: { show: false }, font: `11px ${drawn.fontFamily}` };
  return {
    width: element.clientWidth,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { drag: { x: false, y: false } },
    scales: { y: { range: (_, __, max) => [0, (max || 1) * 1.15] } },
    axes: [{ ...axis, size: 30, space: 80, values: (_, ticks) => ticks.map((tick) => exact(tick * 1000)) }, { ...axis, size: 56, values: (_, ticks) => ticks.map((tick) => `${tick} ${unit}`) }],
    series: [{}, { stroke: accent, width: 2, points: { show: false } }],
  };
}
