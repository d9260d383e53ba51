/** A part that is loaded late is drawn, whenever its module arrives. */

import { test } from "node:test";

import { BOUNDED, startDesk, until } from "./helpers/desk.js";

test("a part that arrives between its first drawing and its effect is drawn", BOUNDED, async (t) => {
  const { page } = await startDesk(t);
  await page.evaluate(async () => {
    const from = (/** @type {string} */ path) => import(`/ui/${path}`);
    const [{ lazy }, { h, render }] = await Promise.all([from("page/parts/lazy.js"), from("vendor/preact.js")]);
    /** @type {(component: unknown) => void} */
    let arrive = () => undefined;
    const Part = lazy(() => new Promise((resolve) => (arrive = resolve)));
    const loaded = Part.preload();
    const place = document.body.appendChild(document.createElement("div"));
    place.id = "late";
    render(h(Part), place);
    // Effects run after the next frame, so this is before them.
    arrive(() => h("p", null, "here"));
    await loaded;
  });
  await until(page, () => document.querySelector("#late p") !== null, null);
});
