import { html } from "../../vendor/preact.js";

/** Says that the hub asks nobody who they are, and can be reached from elsewhere. */
export function OpenBanner() {
  return html`<section class="banner" data-kind="open" aria-label="Open to the network" data-testid="open">
    <p><strong>Open to the network.</strong> Whoever reaches this hub may do everything. Set <code>auth.mode</code> to <code>required</code>, or bind it to this machine alone.</p>
  </section>`;
}
