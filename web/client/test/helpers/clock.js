/** A clock that stands still until a test moves it. */
export class FakeClock {
  #now = 1_700_000_000_000;
  #next = 1;
  /** @type {Map<number, { at: number, callback: () => void }>} */
  #timers = new Map();

  now = () => this.#now;

  monotonic = () => this.#now;

  /**
   * @param {() => void} callback
   * @param {number} ms
   */
  setTimeout = (callback, ms) => {
    const id = this.#next++;
    this.#timers.set(id, { at: this.#now + ms, callback });
    return id;
  };

  /** @param {any} id */
  clearTimeout = (id) => void this.#timers.delete(id);

  /** When the next timer is due, in milliseconds from now; null where there is none. */
  get untilNext() {
    const due = [...this.#timers.values()].map(({ at }) => at - this.#now);
    return due.length === 0 ? null : Math.min(...due);
  }

  /** How many timers are set. */
  get timers() {
    return this.#timers.size;
  }

  /**
   * Lets time pass; timers fire when they are due, in their order.
   * @param {number} ms
   */
  advance(ms) {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= end);
      if (due.length === 0) break;
      due.sort(([, one], [, other]) => one.at - other.at);
      const [id, { at, callback }] = due[0];
      this.#timers.delete(id);
      this.#now = Math.max(this.#now, at);
      callback();
    }
    this.#now = end;
  }

  /**
   * Lets time pass without any timer, as in a tab that is throttled.
   * @param {number} ms
   */
  sleepUnseen(ms) {
    this.#now += ms;
  }

  /**
   * Sets the clock back; what is due stays as far away as it was.
   * @param {number} ms
   */
  setBack(ms) {
    this.#now -= ms;
    for (const timer of this.#timers.values()) timer.at -= ms;
  }

  /**
   * Lets the machine sleep: time passes, and timers fire late, when it wakes.
   * @param {number} ms
   */
  sleep(ms) {
    this.#now += ms;
    this.advance(0);
  }
}
