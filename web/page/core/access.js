/**
 * @typedef {"viewer" | "operator" | "collector" | "admin"} Role
 * @typedef {{ name: string, role: Role, kind: "open" | "token" | "session" | "local", expires_at: string | null }} Identity
 * @typedef {{ mode: "open" | "required", identity: Identity | null, setup: boolean, open_to_network: boolean }} Me
 */

/** Who looks at this page: whenever that changes, the page begins anew. @type {Me} */
export let me = { mode: "open", identity: null, setup: false, open_to_network: false };

/** @param {Me} answer */
export function know(answer) {
  me = answer;
}

/** Asks the hub who looks. @param {Promise<Response>} [asked] where that was begun already @returns {Promise<Me>} */
export async function askMe(asked = fetch("/api/auth/me", { cache: "no-store" })) {
  const response = await asked;
  if (!response.ok) throw new Error(`the hub answered ${response.status}`);
  return response.json();
}

/** Whether somebody is let in. @param {Me} me */
export const isIn = ({ mode, identity }) => mode === "open" || (identity !== null && identity.role !== "collector");

/** Whether who looks may say who may do what. */
export const isAdmin = () => me.identity?.role === "admin";

/** Why who looks may run no command; undefined where they may. */
export const whyNot = () => (me.identity?.role === "viewer" ? "Your role, viewer, may look and run no commands" : undefined);

/** What a command line says of who runs it, where this hub asks. */
export const bearer = () => (me.mode === "required" ? ' -H "Authorization: Bearer $OPSHUB_TOKEN"' : "");
