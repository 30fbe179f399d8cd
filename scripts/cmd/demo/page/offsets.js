// Counts what arrived and what did not by Kafka's own numbers: the offset in each message's pos. The tracker does it by
// the market's, so neither has to be believed.

import { matches } from './tracker.js';

export class Offsets {
  missing = 0; // holes in partitions of which every record has to arrive
  doubled = 0; // messages that are not behind the one before of their channel and partition
  #newest = new Map(); // 'channel/partition' -> offset; the names hold no /
  #whole = new Set(); // events of which all channels are subscribed and no message may be passed over
  #next = new Map(); // 'event/partition' of those -> the offset that has to come
  #conflated;

  constructor(conflated) {
    this.#conflated = new Set(conflated);
  }

  /** The server has acknowledged patterns; what follows starts at the cursor. */
  subscribed(patterns, cursor) {
    for (const pattern of patterns) {
      const event = pattern.slice(2);
      if (!pattern.startsWith('*.') || this.#conflated.has(event) || this.#whole.has(event)) continue;
      this.#whole.add(event);
      cursor[event]?.at.forEach((offset, partition) => this.#next.set(`${event}/${partition}`, offset + 1));
    }
  }

  take({ channel, event, partition, offset }) {
    const own = `${channel}/${partition}`;
    if (offset <= (this.#newest.get(own) ?? -1)) {
      this.doubled++;
      return;
    }
    this.#newest.set(own, offset);
    if (!this.#whole.has(event)) return; // other channels' records lie between
    const key = `${event}/${partition}`;
    const next = this.#next.get(key) ?? offset;
    this.missing += Math.max(0, offset - next);
    this.#next.set(key, Math.max(next, offset + 1));
  }

  /** patterns are all that is subscribed still. */
  keepOnly(patterns) {
    for (const key of this.#newest.keys()) if (!matches(patterns, key.slice(0, key.lastIndexOf('/')))) this.#newest.delete(key);
    for (const event of this.#whole) {
      if (patterns.includes(`*.${event}`)) continue;
      this.#whole.delete(event);
      for (const key of this.#next.keys()) if (key.startsWith(`${event}/`)) this.#next.delete(key);
    }
  }
}
