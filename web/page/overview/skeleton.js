import { html } from "../../vendor/preact.js";

const AREAS = ["pri", "day", "gw", "com", "brief", "latest"];

/** The room of what is still on its way. */
export function Skeleton() {
  return html`<div class="overview" aria-busy="true">
    <p class="sr">Loading</p>
    <div class="panel system skeleton" data-area="system"></div>
    ${AREAS.map((area) => html`<div class="panel skeleton" data-area=${area} key=${area}><i></i><i></i><i></i></div>`)}
  </div>`;
}
