/** What the tabs of a browser tell each other about the session that they share, and what a page leaves to the next. */

const KEY = "opshub.session";
const WHY = "opshub.why";
/** So long what another tab said is news. */
const NEWS_MS = 10_000;

/** @typedef {"in" | "leaving" | "out" | "changing"} Sign */

/** What this tab itself said last. @type {Sign | null} */
export let own = null;

/** Tells every tab. @param {Sign} sign */
export function tell(sign) {
  own = sign;
  try {
    localStorage.setItem(KEY, `${sign} ${Date.now()}`);
  } catch {
    // Each tab finds out by itself then.
  }
  dispatchEvent(new Event(KEY));
}

/** What a tab of this browser said just now. @returns {Sign | null} */
export function news() {
  try {
    const [sign, at] = (localStorage.getItem(KEY) ?? "").split(" ");
    return Math.abs(Date.now() - Number(at)) < NEWS_MS ? /** @type {Sign} */ (sign) : null;
  } catch {
    return null;
  }
}

/** Hears what this and other tabs tell; returns what ends that. @param {() => void} heard */
export function hear(heard) {
  const listen = (/** @type {StorageEvent} */ { key }) => key === KEY && heard();
  addEventListener("storage", listen);
  addEventListener(KEY, heard);
  return () => {
    removeEventListener("storage", listen);
    removeEventListener(KEY, heard);
  };
}

/** Begins the page anew, with nothing of what it knew; `why` is told then. @param {string} why */
export function beginAnew(why) {
  try {
    sessionStorage.setItem(WHY, why);
  } catch {
    // It is not told then.
  }
  location.reload();
}

/** Why the page has begun anew; told once. */
export function takeWhy() {
  try {
    const why = sessionStorage.getItem(WHY) ?? "";
    sessionStorage.removeItem(WHY);
    return why;
  } catch {
    return "";
  }
}
