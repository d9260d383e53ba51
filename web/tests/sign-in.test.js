/** Who is let in sees the hub; who is not, or no longer, sees nothing of it. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { PASSWORD, REQUIRED } from "../client/test/helpers/admin.js";
import { BOUNDED, live, shown, startDesk, until } from "./helpers/desk.js";
import { atDoor, fillIn, signIn, startGuarded, TURNED_AWAY } from "./helpers/door.js";
import { scene } from "./helpers/scene.js";

const ANA = "ana@example.com";

test("the link of the start makes the first admin, who signs out and in again", BOUNDED, async (t) => {
  const { hub, page } = await startDesk(t, { environment: REQUIRED, expects: TURNED_AWAY });
  // Where the page is open already, the link changes nothing but what is behind the number sign.
  await page.goto(hub.setupLink.split("#")[0]);
  await atDoor(page);
  await page.goto(hub.setupLink);
  await page.getByRole("heading", { name: "Set up this hub" }).waitFor();
  assert.equal(new URL(page.url()).hash, "#/", "the key does not stay in the address");
  await page.getByLabel("Your e-mail address").fill(ANA);
  const password = page.getByLabel("A password");
  await password.fill("short");
  await page.getByRole("button", { name: "Become its admin" }).click();
  assert.equal(await password.evaluate((input) => /** @type {HTMLInputElement} */ (input).validity.tooShort), true);
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("name")), "password", "the keyboard is where the mistake is");
  await password.fill(PASSWORD);
  await page.keyboard.press("Enter");
  await live(page);
  assert.match((await page.getByTestId("account").textContent()) ?? "", /Account: ana@example.com admin/);

  await page.getByTestId("account").click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByText("You signed out.").waitFor();
  await fillIn(page, ANA, "wrong horse battery");
  await page.getByTestId("form-error").getByText("E-mail address or password is wrong.").waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("name")), "password");
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press("Enter");
  await live(page);

  const late = await (await page.context().browser()?.newContext())?.newPage();
  assert.ok(late);
  await late.goto(hub.setupLink);
  await late.getByText("This hub has been set up already.").waitFor();
  await late.getByRole("heading", { name: "Sign in" }).waitFor();
  await late.context().close();
});

test("nothing of the hub is asked for, connected to or shown before somebody signs in", BOUNDED, async (t) => {
  const { desk, page, admin } = await startGuarded(t);
  const asked = /** @type {string[]} */ ([]);
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  await page.goto(`${desk.url}/#/activity?type=state_change`);
  await atDoor(page);
  assert.equal(await page.title(), "Sign in · opshub");
  await page.locator('input[autocomplete="username"][type="email"]').waitFor();
  await page.locator('input[autocomplete="current-password"][type="password"]').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("name")), "email");
  assert.deepEqual([...new Set(asked.filter((path) => !path.startsWith("/ui/") && path !== "/"))], ["/api/auth/me"]);
  assert.deepEqual((await admin.ask("GET", "/api/connections")).connections, []);
  assert.equal(await page.getByText("Ship the beta").count(), 0);
  assert.equal(await page.getByRole("banner").count(), 0);
  await page.keyboard.press("Control+k");
  assert.equal(await page.getByRole("dialog").count(), 0, "no shortcut leads past the door");
  await fillIn(page, ANA, PASSWORD);
  await page.getByRole("listbox", { name: /Changes/ }).waitFor();
  assert.equal(new URL(page.url()).hash, "#/activity?type=state_change", "where they wanted to go");
});

test("signing out in one tab ends the others, and signing in lets them in again", BOUNDED, async (t) => {
  const { desk, context, page } = await startGuarded(t);
  await signIn(desk, page, ANA);
  const other = await desk.open(context, "/#/connections");
  await Promise.all([page, other].map(live));
  await page.getByTestId("account").click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByText("You signed out.").waitFor();
  await other.getByText("You signed out in another tab.").waitFor();
  assert.equal(await other.locator("table").count(), 0);
  await fillIn(other, ANA, PASSWORD);
  await Promise.all([page, other].map(live));
  await other.getByRole("table").waitFor();
  assert.equal(new URL(other.url()).hash, "#/connections");
});

test("a session that an admin ends goes back to the door, says why, and returns to where it was", BOUNDED, async (t) => {
  const { desk, page, admin } = await startGuarded(t);
  await admin.add("otto@example.com", "operator");
  await signIn(desk, page, "otto@example.com", "/#/connections");
  await live(page);
  const { sessions } = await admin.ask("GET", "/api/sessions");
  const theirs = sessions.find((/** @type {{ email: string }} */ { email }) => email === "otto@example.com");
  await admin.ask("DELETE", `/api/sessions/${theirs.id}`);
  await page.getByText(/Your session was ended/).waitFor();
  assert.equal(await page.locator("table").count(), 0, "what was shown is gone");
  await fillIn(page, "otto@example.com", PASSWORD);
  await page.getByRole("table").waitFor();
  await live(page);
  assert.equal(new URL(page.url()).hash, "#/connections");
});

test("an answer that lets nobody in leads back to the door as well", BOUNDED, async (t) => {
  const { desk, context, page } = await startGuarded(t);
  await signIn(desk, page, ANA);
  await live(page);
  // Nothing else is asked for from here on.
  await page.locator('.panel[data-area="latest"] li').first().waitFor();
  await context.clearCookies();
  await page.getByRole("link", { name: "Connections", exact: true }).click();
  await atDoor(page);
  assert.equal(new URL(page.url()).hash, "#/connections");
});

test("another role counts at once", BOUNDED, async (t) => {
  const { desk, page, admin } = await startGuarded(t);
  await admin.add("vi@example.com", "viewer");
  await signIn(desk, page, "vi@example.com");
  await live(page);
  assert.ok(await page.getByRole("button", { name: "Approve P7" }).isDisabled());
  await admin.ask("PATCH", "/api/users/vi%40example.com", { role: "operator" });
  await page.getByText("Your role is operator now.").waitFor();
  await live(page);
  await page.getByRole("button", { name: "Approve P7" }).click();
  await page.getByRole("button", { name: "Done P7" }).waitFor();
});

test("a viewer sees the state live and is told why nothing can be done", BOUNDED, async (t) => {
  const { desk, page, admin } = await startGuarded(t);
  await admin.add("vi@example.com", "viewer");
  await signIn(desk, page, "vi@example.com");
  await live(page);
  await admin.ask("PUT", "/api/items/priorities/P20", { title: "Water the plants" });
  await page.getByText("Water the plants").waitFor();
  for (const name of ["Approve P7", "Reject P7", "Brief P7", "Collect now", "Brief the day"]) {
    const button = page.getByRole("button", { name, exact: true });
    assert.ok(await button.isDisabled(), name);
    assert.match((await button.getAttribute("title")) ?? "", /viewer/, name);
  }
  await page.getByTestId("why-not").getByText(/viewer/).waitFor();
  assert.equal(await page.getByRole("link", { name: "Admin", exact: true }).count(), 0);

  await page.keyboard.press("Control+k");
  await page.getByTestId("may-not").getByText(/viewer/).waitFor();
  const input = page.getByRole("combobox", { name: "Command" });
  await input.fill("approve P7");
  await page.keyboard.press("Enter");
  await page.getByTestId("command-result").getByText(/viewer/).waitFor();
  await input.fill("status");
  await page.keyboard.press("Enter");
  await page.getByTestId("command-result").locator('[data-kind="done"]').waitFor();
  await page.keyboard.press("Escape");
  const { state } = await admin.ask("GET", "/api/state");
  assert.equal(state.priorities.find((/** @type {{ id: string }} */ { id }) => id === "P7").status, "proposed");
  await page.goto(`${desk.url}/#/admin`);
  await page.getByText("This is for admins").waitFor();
});

test("who only feeds is told that there is nothing to see", BOUNDED, async (t) => {
  const { desk, page, admin } = await startGuarded(t);
  await admin.add("fe@example.com", "collector");
  await page.goto(desk.url);
  await fillIn(page, "fe@example.com", PASSWORD);
  await page.getByText(/collector, feeds the hub/).waitFor();
  assert.deepEqual((await admin.ask("GET", "/api/connections")).connections, []);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
});

test("a new password keeps every tab here signed in, and ends what is signed in elsewhere", BOUNDED, async (t) => {
  const { desk, context, page } = await startGuarded(t);
  await signIn(desk, page, ANA);
  const tab = await desk.open(context);
  const elsewhere = await (await desk.person()).newPage();
  await signIn(desk, elsewhere, ANA);
  await Promise.all([page, tab, elsewhere].map(live));
  await page.getByTestId("account").click();
  await page.getByRole("button", { name: "Change password" }).click();
  const dialog = page.getByRole("dialog", { name: "Change your password" });
  await dialog.getByLabel("Password so far").fill("wrong horse battery");
  await dialog.getByLabel("New password").fill("another horse battery");
  await dialog.getByRole("button", { name: "Change it" }).click();
  await dialog.getByTestId("form-error").getByText(/wrong/).waitFor();
  await dialog.getByLabel("Password so far").fill(PASSWORD);
  await dialog.getByRole("button", { name: "Change it" }).click();
  await page.getByText("Your password is changed.").waitFor();
  await atDoor(elsewhere);
  for (const one of [page, tab]) await live(one);
  await page.getByRole("button", { name: "Approve P7" }).click();
  for (const one of [page, tab]) await one.getByRole("button", { name: "Done P7" }).waitFor();
});

test("who tries too often is told how long to wait", BOUNDED, async (t) => {
  const { desk, hub, page } = await startGuarded(t);
  const body = JSON.stringify({ email: "eve@example.com", password: "wrong horse battery" });
  for (let tries = 0, status = 0; status !== 429; tries += 1) {
    assert.ok(tries < 30, "there is a limit");
    const headers = { "content-type": "application/json", origin: hub.url };
    status = (await fetch(`${hub.url}/api/auth/session`, { method: "POST", headers, body })).status;
  }
  await page.goto(desk.url);
  await fillIn(page, "eve@example.com", "wrong horse battery");
  await page.getByTestId("form-error").getByText(/Too many tries\. Try again in \d+ s\./).waitFor();
  assert.equal(await page.getByRole("button", { name: "Sign in" }).getAttribute("aria-disabled"), "true");
  await page.getByTestId("form-error").getByText("You can try again now.").waitFor();
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByTestId("form-error").getByText(/wrong|Too many/).waitFor();
});

test("an open hub asks nobody, and shows nothing of accounts", BOUNDED, async (t) => {
  const { page } = await startDesk(t, { state: scene() });
  await live(page);
  assert.equal(await page.getByTestId("account").count(), 0);
  assert.equal(await page.getByTestId("open").count(), 0);
  assert.equal(await page.getByTestId("why-not").count(), 0);
  await page.getByRole("button", { name: "Approve P7" }).click();
  await page.getByRole("button", { name: "Done P7" }).waitFor();
});

test("a hub that is open to the network says so in every view, for good", BOUNDED, async (t) => {
  const { desk, context } = await startDesk(t, { state: scene() });
  // Tests bind this machine alone, so that the hub's answer has to be altered for it.
  await context.route("**/api/auth/me", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), open_to_network: true } });
  });
  const page = await desk.open(context);
  for (const view of ["/#/", "/#/activity", "/#/logs", "/#/connections", "/#/admin"]) {
    await page.goto(desk.url + view);
    await shown(page);
    await page.getByTestId("open").getByText(/Whoever reaches this hub may do everything/).waitFor();
  }
  assert.equal(await page.getByTestId("open").getByRole("button").count(), 0, "it cannot be put away");
});

test("a hub that begins to ask who somebody is leads an open page to the door", BOUNDED, async (t) => {
  const { hub, page } = await startDesk(t, { state: scene(), expects: /net::ERR_|status of 401|WebSocket connection to/ });
  await live(page);
  await hub.stop();
  hub.environment = REQUIRED;
  await hub.start();
  await atDoor(page);
  await until(page, () => !document.body.textContent?.includes("Ship the beta"), null);
});
