/** An admin says who may do what, and reads who did. */

/** @import { Page } from "playwright-core" */

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import WebSocket from "ws";

import { PASSWORD } from "../client/test/helpers/admin.js";
import { BOUNDED, live, shown, startDesk } from "./helpers/desk.js";
import { atDoor, fillIn, signIn, startGuarded } from "./helpers/door.js";

const ANA = "ana@example.com";

/** A row of a list. @param {Page} page @param {string} what @param {string} text */
const row = (page, what, text) => page.getByTestId(what).filter({ hasText: text });

test("a token that is made is shown once, works everywhere, and is closed at once when it is revoked", BOUNDED, async (t) => {
  const { desk, page, context } = await startGuarded(t);
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await signIn(desk, page, ANA);
  await page.getByRole("link", { name: "Admin", exact: true }).click();
  await page.getByText("No tokens yet").waitFor();
  await page.getByRole("button", { name: "New token" }).click();
  const form = page.getByRole("dialog", { name: "New token" });
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("name")), "name");
  await form.getByLabel("Name").fill("slack-bot");
  await form.getByLabel("Role").selectOption("operator");
  await form.getByLabel("Ends").selectOption({ label: "in 30 days" });
  await form.getByLabel("state").check();
  await form.getByLabel("gateways").check();
  await form.getByRole("button", { name: "Make the token" }).click();
  const made = page.getByRole("dialog", { name: "The token slack-bot" });
  await made.getByText("it will not be shown again").waitFor();
  const token = (await made.locator(".snippet code").textContent()) ?? "";
  assert.match(token, /^oph_[0-9a-f]{40,}$/);
  await made.getByRole("button", { name: "Copy the token" }).click();
  await made.getByText("copied", { exact: true }).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), token);
  await page.mouse.click(5, 400);
  await made.waitFor();
  await made.getByRole("button", { name: "I have it" }).click();
  await made.waitFor({ state: "detached" });
  assert.equal(await page.getByText(token).count(), 0);
  await row(page, "token", "slack-bot").getByText("state, gateways").waitFor();
  await row(page, "token", "slack-bot").getByText(/^in (29|30) d$/).waitFor();
  await row(page, "token", "slack-bot").getByText("never").waitFor();

  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const answer = await fetch(`${desk.url}/api/command`, { method: "POST", headers, body: JSON.stringify({ command: "approve P7" }) });
  assert.equal(answer.status, 200);
  const socket = new WebSocket(`${desk.url.replace("http", "ws")}/ws`, ["opshub.v1"], { headers: { authorization: headers.authorization } });
  t.after(() => socket.terminate());
  const [first] = await once(socket, "message");
  assert.equal(JSON.parse(String(first)).type, "connected");
  await page.reload();
  await row(page, "token", "slack-bot").getByText(/from 127\.0\.0\.1/).waitFor();

  const closed = once(socket, "close");
  await page.getByRole("button", { name: "Revoke slack-bot" }).click();
  const sure = page.getByRole("dialog", { name: "Revoke slack-bot?" });
  await sure.getByRole("button", { name: "Cancel" }).click();
  await sure.waitFor({ state: "detached" });
  assert.equal(socket.readyState, WebSocket.OPEN);
  await page.getByRole("button", { name: "Revoke slack-bot" }).click();
  await sure.getByRole("button", { name: "Revoke" }).click();
  assert.equal((await closed)[0], 4401);
  await page.getByText("The token slack-bot is revoked.").waitFor();
  await page.getByText("No tokens yet").waitFor();
  assert.equal((await fetch(`${desk.url}/api/state`, { headers })).status, 401);
});

test("what the hub does not take is told in the form, and nothing is lost", BOUNDED, async (t) => {
  const { desk, page, admin } = await startGuarded(t);
  await admin.ask("POST", "/api/tokens", { name: "bot", role: "viewer" });
  await signIn(desk, page, ANA, "/#/admin");
  await page.getByRole("button", { name: "New token" }).click();
  const form = page.getByRole("dialog", { name: "New token" });
  await form.getByLabel("Name").fill("bot");
  await form.getByLabel("Ends").selectOption("never");
  await form.getByRole("button", { name: "Make the token" }).click();
  await form.getByTestId("form-error").getByText(/there is a token bot already/i).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("name")), "name");
  await form.getByLabel("Name").fill("bot-2");
  await form.getByRole("button", { name: "Make the token" }).click();
  await page.getByTestId("token-made").waitFor();
});

test("somebody is added, gets another role and password, and is removed", BOUNDED, async (t) => {
  const { desk, page } = await startGuarded(t);
  await signIn(desk, page, ANA, "/#/admin?part=people");
  const own = row(page, "person", ANA);
  await own.getByText("you", { exact: true }).waitFor();
  assert.ok(await own.getByRole("button", { name: `Remove ${ANA}` }).isDisabled(), "nobody locks themselves out");
  await page.getByRole("button", { name: "Add somebody" }).click();
  const add = page.getByRole("dialog", { name: "Add somebody" });
  await add.getByLabel("E-mail address").fill("Otto@Example.com");
  await add.getByLabel("Role").selectOption("viewer");
  await add.getByLabel("A password to begin with").fill(PASSWORD);
  await add.getByRole("button", { name: "Add", exact: true }).click();
  const otto = row(page, "person", "otto@example.com");
  await otto.getByText("viewer").waitFor();

  const theirs = await (await desk.person()).newPage();
  await signIn(desk, theirs, "otto@example.com");
  await live(theirs);
  await page.getByRole("button", { name: "Change the role of otto@example.com" }).click();
  await page.getByRole("dialog").getByLabel("Role").selectOption("operator");
  await page.getByRole("dialog").getByRole("button", { name: "Change it" }).click();
  await otto.getByText("operator").waitFor();
  await theirs.getByText("Your role is operator now.").waitFor();

  await page.getByRole("button", { name: "Set the password of otto@example.com" }).click();
  await page.getByRole("dialog").getByLabel("New password").fill("another horse battery");
  await page.getByRole("dialog").getByRole("button", { name: "Set it" }).click();
  await atDoor(theirs);
  await fillIn(theirs, "otto@example.com", "another horse battery");
  await shown(theirs);

  await page.getByRole("button", { name: "Remove otto@example.com" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove", exact: true }).click();
  await otto.waitFor({ state: "detached" });
  await atDoor(theirs);
});

test("a session is ended where it is listed", BOUNDED, async (t) => {
  const { desk, page, admin } = await startGuarded(t);
  await admin.add("otto@example.com", "operator");
  const theirs = await (await desk.person()).newPage();
  await signIn(desk, theirs, "otto@example.com");
  await live(theirs);
  await signIn(desk, page, ANA, "/#/admin?part=sessions");
  const listed = row(page, "session", "otto@example.com");
  await listed.getByText(/Chrome \d+/).waitFor();
  await listed.getByRole("button", { name: /^End the session of otto/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: "End it" }).click();
  await listed.waitFor({ state: "detached" });
  await theirs.getByText(/Your session was ended/).waitFor();
});

test("the journal is read newest first, by actor, and as far back as it goes", BOUNDED, async (t) => {
  const { desk, page, admin } = await startGuarded(t);
  await admin.add("otto@example.com", "operator");
  for (let count = 0; count < 60; count += 1) await admin.ask("POST", "/api/tokens", { name: `bot-${count}`, role: "viewer" });
  await signIn(desk, page, ANA, "/#/admin?part=audit");
  const entries = page.getByTestId("audit-entry");
  assert.equal(await entries.first().getAttribute("data-kind"), "signed_in");
  await entries.nth(49).waitFor();
  assert.equal(await entries.count(), 50);
  await page.getByRole("button", { name: "Load more" }).click();
  await page.locator('[data-testid="audit-entry"][data-kind="user_added"]').getByText("user otto@example.com").waitFor();
  await page.getByRole("button", { name: "Load more" }).waitFor({ state: "detached" });
  assert.equal(await entries.count(), 64);

  const theirs = await (await desk.person()).newPage();
  await signIn(desk, theirs, "otto@example.com");
  await page.getByRole("searchbox", { name: "Only what this actor did" }).fill("otto@example.com");
  await page.waitForURL(/actor=otto%40example.com/);
  await page.waitForFunction(() => document.querySelectorAll("[data-testid=audit-entry]").length === 1);
  await page.getByRole("searchbox", { name: "Only what this actor did" }).fill("nobody");
  await page.getByText("This actor did nothing that is kept").waitFor();
});

test("an open hub has the view for everybody", BOUNDED, async (t) => {
  const { desk, page } = await startDesk(t);
  await page.getByRole("link", { name: "Admin", exact: true }).click();
  await page.getByText("No tokens yet").waitFor();
  await page.goto(`${desk.url}/#/admin?part=people`);
  await page.getByText("Nobody yet").waitFor();
  await page.goto(`${desk.url}/#/admin?part=sessions`);
  await page.getByText("Nobody is signed in").waitFor();
});

test("what is refused while somebody looks is told plainly", BOUNDED, async (t) => {
  const { desk, context, page } = await startGuarded(t);
  await signIn(desk, page, ANA, "/#/admin");
  await context.route("**/api/users", (route) => {
    const error = { status_code: 403, error_type: "forbidden", message: "the role viewer may not administer the hub" };
    return route.fulfill({ status: 403, json: { error } });
  });
  await page.getByRole("link", { name: "People", exact: true }).click();
  await page.getByText("You may not do that: the role viewer may not administer the hub").waitFor();
});
