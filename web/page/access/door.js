import { html, render, useEffect } from "../../vendor/preact.js";
import { askMe, isIn } from "../core/access.js";
import { send } from "../core/send.js";
import { Logo } from "../parts/icons.js";
import { style } from "../parts/lazy.js";
import { Field } from "./field.js";
import { Form } from "./form.js";
import { hear, takeWhy, tell } from "./sign.js";

/** @typedef {import("../core/access.js").Me} Me */

export const PASSWORD_HINT = "At least 12 characters; several words are easy to remember.";
/** As the hub has it. */
export const PASSWORD = { minlength: 12, maxlength: 256 };

/**
 * Stands before the page until somebody is let in: nothing of the hub is behind it.
 *
 * @param {HTMLElement} root
 * @param {Me} me
 * @param {string | undefined} key what sets the hub up
 * @returns {Promise<Me>} who was let in
 */
export async function waitAtDoor(root, me, key) {
  await style("style/access.css");
  const why = takeWhy();
  const view = me.identity ? "feeder" : key !== undefined && me.setup ? "setup" : "sign-in";
  document.title = `${view === "setup" ? "Set up" : "Sign in"} · opshub`;
  const said = key !== undefined && !me.setup ? "This hub has been set up already." : why;
  const entered = await new Promise((resolve) => {
    const look = async () => {
      const now = await askMe().catch(() => null);
      if (now && isIn(now)) resolve(now);
      else if (now?.identity) location.reload();
    };
    const props = { view, me, said, setup: key, onSigned: () => (tell("in"), look()) };
    root.textContent = "";
    render(html`<${Door} ...${props} onHeard=${look} />`, root);
  });
  render(null, root);
  return entered;
}

/**
 * @param {{ view: "sign-in" | "setup" | "feeder", me: Me, said: string, setup: string | undefined, onSigned: () => Promise<void>, onHeard: () => Promise<void> }} props
 */
function Door({ view, me, said, setup, onSigned, onHeard }) {
  // Whoever signs in in another tab is let in here as well.
  useEffect(() => hear(() => void onHeard()), []);
  return html`<main class="door" data-testid="door" data-view=${view}>
    <div class="door-box">
      <p class="door-brand"><${Logo} /><span>opshub</span></p>
      ${said ? html`<p class="door-said" role="status">${said}</p>` : null}
      ${view === "setup" ? html`<${SetUp} setup=${setup ?? ""} onSigned=${onSigned} />` : view === "feeder" ? html`<${Feeder} me=${me} />` : html`<${SignIn} me=${me} onSigned=${onSigned} />`}
    </div>
  </main>`;
}

/** @param {{ me: Me, onSigned: () => Promise<void> }} props */
function SignIn({ me, onSigned }) {
  const enter = async (/** @type {Record<string, string>} */ { email, password }) => {
    await send("POST", "/api/auth/session", { email, password }, { quiet: true });
    await onSigned();
  };
  return html`<h1>Sign in</h1>
    ${me.setup ? html`<p class="door-note">Nobody can sign in yet. Open the link that the hub printed when it started: it makes the first admin.</p>` : null}
    <${Form} name="Sign in" submit="Sign in" wrong="password" onSubmit=${enter}>
      <${Field} label="E-mail address" name="email" type="email" autocomplete="username" maxlength="254" />
      <${Field} label="Password" name="password" type="password" autocomplete="current-password" maxlength=${PASSWORD.maxlength} />
    </${Form}>`;
}

/** @param {{ setup: string, onSigned: () => Promise<void> }} props */
function SetUp({ setup, onSigned }) {
  const make = async (/** @type {Record<string, string>} */ { email, password }) => {
    await send("POST", "/api/auth/setup", { setup, email, password }, { quiet: true });
    await onSigned();
  };
  return html`<h1>Set up this hub</h1>
    <p class="door-note">You become its first admin. You can add other people afterwards.</p>
    <${Form} name="Set up" submit="Become its admin" onSubmit=${make}>
      <${Field} label="Your e-mail address" name="email" type="email" autocomplete="username" maxlength="254" />
      <${Field} label="A password" name="password" type="password" autocomplete="new-password" hint=${PASSWORD_HINT} ...${PASSWORD} />
    </${Form}>`;
}

/** @param {{ me: Me }} props */
function Feeder({ me }) {
  const leave = async () => {
    await send("DELETE", "/api/auth/session", undefined, { quiet: true });
    tell("out");
    location.reload();
  };
  return html`<h1>There is nothing here for you</h1>
    <p class="door-note">You are signed in as <bdi>${me.identity?.name}</bdi>. Your role, collector, feeds the hub and reads nothing of it. An admin can give you another one.</p>
    <${Form} name="Sign out" submit="Sign out" onSubmit=${leave} />`;
}
