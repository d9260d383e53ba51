/**
 * Exponential backoff with full jitter: each delay is drawn evenly from zero up to a bound that doubles
 * with every failure, so that the clients of a hub that comes back do not come all at once.
 */
export class Backoff {
  #initialMs;
  #maxMs;
  #random;
  #failures = 0;

  /** @param {{ initialMs: number, maxMs: number, random: () => number }} options */
  constructor({ initialMs, maxMs, random }) {
    this.#initialMs = initialMs;
    this.#maxMs = maxMs;
    this.#random = random;
  }

  /** Failures in a row. */
  get failures() {
    return this.#failures;
  }

  /** The longest delay there is, in milliseconds. */
  get maxMs() {
    return this.#maxMs;
  }

  /** Counts a failure. Returns how long to wait, in milliseconds. */
  fail() {
    const bound = Math.min(this.#maxMs, this.#initialMs * 2 ** this.#failures);
    this.#failures += 1;
    return Math.floor(this.#random() * bound);
  }

  /** Forgets the failures. */
  reset() {
    this.#failures = 0;
  }
}
