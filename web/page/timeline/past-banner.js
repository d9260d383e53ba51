import { html } from "../../vendor/preact.js";
import { now } from "../core/clock.js";
import { href } from "../core/router.js";
import { oneLine } from "../core/text.js";
import { ago, day, exact } from "../core/time.js";
import { CopyButton } from "../parts/copy.js";
import { Icon } from "../parts/icons.js";

/**
 * Says plainly that this is not now, or why a link's moment is not shown.
 *
 * @param {{ past: import("../core/past.js").Past }} props
 */
export function PastBanner({ past }) {
  const wanted = past.wanted.value;
  const shown = past.moment.value;
  const error = past.error.value;
  if (wanted === null) {
    return html`<section class="banner" data-kind="past" aria-label="Not found" data-testid="refused">
      <p role="alert"><${Icon} name="clock" /><strong>No such moment.</strong><bdi>${oneLine(past.sought.value ?? "", 40)}</bdi> cannot be shown: ${error}. What you see is live.</p>
      <button type="button" class="button small" onClick=${past.live}>Dismiss</button>
    </section>`;
  }
  const here = shown !== null && shown.seq === wanted ? shown : null;
  const address = `${location.origin}${location.pathname}${href("overview", { at: wanted })}`;
  return html`<section class="banner" data-kind="past" aria-label="The past" data-testid="past">
    <p>
      <${Icon} name="clock" />
      <strong>The past.</strong>
      ${error
        ? html`<span role="alert">Change #${wanted} cannot be shown: ${error}.</span>`
        : here
          ? html`<span>State after change #${here.seq}, ${day(here.at)} ${exact(here.at)}, ${ago(here.at, now.value)}. Actions are off.</span>`
          : html`<span>Going to change #${wanted}.</span>`}
    </p>
    <${CopyButton} text=${address} label="Copy link to this moment" short="Copy link" />
    <button type="button" class="button small" onClick=${past.live}>Back to live</button>
  </section>`;
}
