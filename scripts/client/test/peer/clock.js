/** Time that passes only when a test says so. */
export class Clock {
  #time = 1_700_000_000_000;
  #timers = new Map();
  #id = 0;

  /** What the client takes as options.timers. */
  timers = {
    now: () => this.#time,
    setTimeout: (fn, ms) => {
      this.#timers.set(++this.#id, { fn, at: this.#time + ms });
      return this.#id;
    },
    clearTimeout: (id) => this.#timers.delete(id),
  };

  now() {
    return this.#time;
  }

  /** Milliseconds until each timer is due, the soonest first. */
  get waits() {
    return [...this.#timers.values()].map(({ at }) => at - this.#time).sort((a, b) => a - b);
  }

  /** Lets time pass; each timer runs at its own time. */
  advance(ms) {
    const end = this.#time + ms;
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (!due) break;
      this.#timers.delete(due[0]);
      this.#time = Math.max(this.#time, due[1].at);
      due[1].fn();
    }
    this.#time = end;
  }

  /** Time passes, and nothing runs: a frozen page, a machine asleep. */
  sleep(ms) {
    this.#time += ms;
  }
}
