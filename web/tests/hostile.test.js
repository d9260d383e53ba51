/** Every string is text: nothing in it runs, and none breaks the layout. */

/** @import { Page } from "playwright-core" */

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import WebSocket from "ws";

import { BOUNDED, command, shown, startDesk } from "./helpers/desk.js";
import { hours } from "./helpers/scene.js";

const MARKUP = `<img src=x onerror="globalThis.ran = 1"><script>globalThis.ran = 2</script><svg onload="globalThis.ran = 3">`;
const SCRIPT_LINK = "javascript:globalThis.ran=4";
const DATA_LINK = "data:text/html,<script>globalThis.ran=5</script>";
const OVERRIDE = "pay \u202egpj.exe\u202c to \u2066eve\u2069\u200f";
const EMOJI = "👩‍👩‍👧‍👦🏳️‍🌈🇺🇳 ☠️";
const LONG = "W".repeat(64 * 1024);
const ZALGO = `Z${"\u0335\u0327\u0301".repeat(200)}algo`;
const NESTED = "{{constructor.constructor('globalThis.ran = 6')()}} ${globalThis.ran = 7} </script><!--";

/** @type {[string, string][]} */
const STRINGS = [
  ["markup", MARKUP], ["script link", SCRIPT_LINK], ["override", OVERRIDE], ["emoji", EMOJI.repeat(20)], ["long", LONG], ["zalgo", ZALGO],
  ["nested", NESTED], ["empty", ""], ["lines", "one\ntwo\r\n\tthree\u0000\u0007"], ["proto", "__proto__"],
];
const IDS = ["<b>id</b>", "a\"b'c", "x".repeat(128), "\u202eid", "constructor", "__proto__", [...EMOJI].slice(0, 9).join(""), "-1", "50%"];

/** A state in which every string that feeders may choose is hostile. */
function hostileState() {
  const items = [...STRINGS.map(([name, title], index) => ({ id: `h${index}`, title, note: name })), ...IDS.map((id) => ({ id, title: `item ${id}` }))];
  const fields = { owner: MARKUP, to: OVERRIDE, url: SCRIPT_LINK, link: DATA_LINK, location: LONG.slice(0, 600) };
  return {
    priorities: items.map((item) => ({ ...item, ...fields })),
    calendar: items.map((item, index) => ({ ...item, ...fields, start: hours(-1 + (index % 4) * 0.5), end: hours((index % 4) * 0.5) })),
    commitments: { owe: items.map((item) => ({ ...item, ...fields })), owed: [{ id: "o1", from: null, owner: { a: MARKUP }, who: [MARKUP] }] },
  };
}

/** Fails when anything ran, or stands out at the side. @param {Page} page @param {string} where */
async function harmless(page, where) {
  const found = await page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const links = [...document.querySelectorAll("a[href], img, iframe, object, embed, form[action]")];
    return {
      ran: /** @type {any} */ (globalThis).ran,
      markup: document.querySelectorAll("main script, main img, main svg[onload], dialog img, dialog script, [onerror], [onclick]").length,
      links: links.map((link) => link.getAttribute("href") ?? link.tagName).filter((href) => !/^(#|https?:)/.test(href)),
      width: document.documentElement.scrollWidth - width,
      // A part that is wider than its panel would lie over the next one.
      spills: [...document.querySelectorAll(".panel")].filter((panel) => panel.getBoundingClientRect().right > width + 1).map((panel) => panel.className),
      turned: /[\u202a-\u202e\u2066-\u2069]/.test(document.body.innerText),
    };
  });
  assert.deepEqual(found, { ran: undefined, markup: 0, links: [], width: 0, spills: [], turned: false }, where);
}

for (const [size, viewport] of /** @type {const} */ ([["desk", { width: 1440, height: 900 }], ["phone", { width: 390, height: 844 }]])) {
  test(`hostile items, briefs and commands are shown harmlessly, ${size}`, BOUNDED, async (t) => {
    const { desk, hub, page } = await startDesk(t, { state: hostileState(), person: { viewport } });
    await page.locator('[data-area="pri"] .row').first().waitFor();
    await harmless(page, "the overview");
    assert.ok(await page.locator('[data-area="pri"]').getByText("<img src=x", { exact: false }).first().isVisible(), "markup is read as text");
    const row = await page.locator('[data-area="pri"] .row').filter({ hasText: "WWWW" }).boundingBox();
    assert.ok(row && row.height < 400, `a title of 64 KB takes ${row?.height} px`);

    for (const id of ["h0", "h2", "h4", "h6", "constructor"]) {
      await command(hub, `brief ${id}`);
      await page.locator('.panel[data-area="brief"]').getByText(id, { exact: true }).first().waitFor();
      await harmless(page, `the brief of ${id}`);
    }
    await hub.ask("PUT", "/api/items/owed/o2", { title: MARKUP });
    await command(hub, "approve <img/src=x/onerror=globalThis.ran=8>");
    await command(hub, "approve \u202eP7");

    await page.goto(`${desk.url}/#/activity`);
    await shown(page);
    const rows = page.locator(".event");
    await rows.first().waitFor();
    await harmless(page, "the activity");
    for (let index = 0; index < (await rows.count()); index += 1) {
      await page.goto(`${desk.url}/#/activity?seq=${index + 1}`);
      await page.locator(".detail-body[aria-busy=false], .detail-body:not([aria-busy=true])").first().waitFor();
      await page.locator(".detail-body dl, .detail-error").first().waitFor();
      await harmless(page, `change ${index + 1}`);
    }
  });
}

test("hostile strings in the palette are text, too", BOUNDED, async (t) => {
  const { page } = await startDesk(t, { state: hostileState() });
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Command" }).waitFor();
  for (const text of ["brief ", "brief <b>", MARKUP, OVERRIDE, LONG.slice(0, 5000)]) {
    await page.getByRole("combobox", { name: "Command" }).fill(text.slice(0, 1000));
    await harmless(page, text.slice(0, 40));
    await page.keyboard.press("Enter");
    await page.getByTestId("command-result").locator(".told, p").first().waitFor();
    await harmless(page, `${text.slice(0, 40)}, run`);
  }
});

test("an address that somebody sends is text, too", BOUNDED, async (t) => {
  const { desk, page } = await startDesk(t, { state: hostileState(), expects: /status of 400/ });
  for (const hash of ["#/?at=<img src=x onerror=ran=1>", "#/activity?type=<b>&actor=<i>&text=<img src=x onerror=ran=1>", "#/activity?seq=__proto__", "#/__proto__", "#/%00"]) {
    await page.goto(`${desk.url}/${hash}`);
    await page.reload();
    await shown(page);
    await harmless(page, hash);
  }
});

test("who is connected says nothing that runs", BOUNDED, async (t) => {
  const { desk, hub, page } = await startDesk(t, { state: hostileState(), person: { viewport: { width: 390, height: 844 } } });
  for (const agent of [MARKUP, "W".repeat(4000), "javascript:alert(1)"]) {
    const socket = new WebSocket(`${hub.url.replace("http", "ws")}/ws`, "opshub.v1", { headers: { "user-agent": agent } });
    await once(socket, "open");
    desk.after(() => socket.terminate());
  }
  await page.goto(`${desk.url}/#/connections`);
  await page.getByText("<img src=x").waitFor();
  await harmless(page, "connections");
});
