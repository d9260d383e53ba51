/** Where nothing is, the page says how something comes, and what it says works. */

/** @import { Page } from "playwright-core" */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { dirname } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

import { Admin, REQUIRED } from "../client/test/helpers/admin.js";
import { BOUNDED, startDesk } from "./helpers/desk.js";
import { BINARY } from "./helpers/binary.js";
import { signIn, TURNED_AWAY } from "./helpers/door.js";

const run = promisify(execFile);

/** Runs a line as a person pastes it, with the tests' own hub on the path. @param {string} line @param {Record<string, string>} [env] */
const inShell = (line, env = {}) => run("sh", ["-c", line], { env: { ...process.env, ...env, PATH: `${dirname(BINARY)}:${process.env.PATH}` } });

/** A panel. @param {Page} page @param {string} area */
const panel = (page, area) => page.locator(`.panel[data-area="${area}"]`);

test("each empty part offers a command that fills it, as it stands there", BOUNDED, async (t) => {
  const { page } = await startDesk(t);
  await panel(page, "gw").getByText("No gateways").waitFor();
  // An hour before midnight the stand-up is tomorrow, and not in the brief of today.
  for (const [area, wanted] of [["pri", "Ship the beta"], ["day", "Stand-up"], ["owe", "Draft of the plan"], ["owed", "Keys to the lab"], ["gw", "of 1 healthy"], ["brief", "Ship the beta"]]) {
    const line = await panel(page, area).locator(".snippet code").textContent();
    assert.ok(line, `${area} has a command`);
    await inShell(line);
    // The command itself has the words in it, as long as it is offered.
    await panel(page, area).locator(".empty").waitFor({ state: "detached" });
    await panel(page, area).getByText(wanted).first().waitFor();
  }
  await panel(page, "latest").locator("li").first().waitFor();
});

test("where the hub asks who somebody is, a command shows a token", BOUNDED, async (t) => {
  const { desk, hub, page } = await startDesk(t, { environment: REQUIRED, expects: TURNED_AWAY });
  const admin = await Admin.first(hub);
  const { token } = await admin.ask("POST", "/api/tokens", { name: "shell", role: "admin" });
  await signIn(desk, page, "ana@example.com");
  for (const [area, wanted] of [["pri", "Ship the beta"], ["gw", "of 1 healthy"], ["brief", "Ship the beta"]]) {
    const line = await panel(page, area).locator(".snippet code").textContent();
    assert.ok(line, `${area} has a command`);
    assert.ok(!line.includes(token));
    await inShell(line, { OPSHUB_TOKEN: token });
    await panel(page, area).locator(".empty").waitFor({ state: "detached" });
    await panel(page, area).getByText(wanted).first().waitFor();
  }
  await page.goto(`${desk.url}/#/logs?level=ERROR`);
  const line = await page.locator("main .snippet code").textContent();
  assert.ok(line);
  await inShell(line, { OPSHUB_TOKEN: token });
  await page.locator(".log-source").getByText("demo", { exact: true }).waitFor();
});

test("a hub in which nothing happened says so, and its command makes something happen", BOUNDED, async (t) => {
  const { desk, page } = await startDesk(t);
  await panel(page, "latest").getByText("Nothing happened yet").waitFor();
  await page.goto(`${desk.url}/#/activity`);
  await page.getByText("Nothing happened yet").waitFor();
  const line = await page.locator("main .snippet code").textContent();
  assert.ok(line);
  await inShell(line);
  await page.locator('.event[data-seq="1"]').waitFor();
});

test("where no line is to be seen, a command writes one that is", BOUNDED, async (t) => {
  const { desk, page } = await startDesk(t);
  for (const [params, wanted] of [["level=ERROR", "demo"], ["level=DEBUG&source=it's%20%24HOME", "it's $HOME"]]) {
    await page.goto(`${desk.url}/#/logs?${params}`);
    await page.getByText("No such lines yet").waitFor();
    const line = await page.locator("main .snippet code").textContent();
    assert.ok(line);
    await inShell(line);
    await page.locator(".log-source").getByText(wanted, { exact: true }).waitFor();
    assert.equal(await page.locator(".empty").count(), 0);
  }
});

test("a command is copied by its button", BOUNDED, async (t) => {
  const { context, page } = await startDesk(t);
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const snippet = panel(page, "pri").locator(".snippet");
  await snippet.getByRole("button", { name: "Copy the command" }).click();
  await snippet.getByRole("status").getByText("copied").waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), await snippet.locator("code").textContent());
});

test("there is no time to travel in before anything happened", BOUNDED, async (t) => {
  const { page } = await startDesk(t);
  assert.ok(await page.getByRole("slider", { name: "Moment in the log" }).isDisabled());
  assert.ok(await page.getByRole("button", { name: "Play the log" }).isDisabled());
});
