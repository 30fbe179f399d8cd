// Counts what arrived and what did not, by the number n that the market puts into each message of a channel.

export class Tracker {
  received = 0;
  missing = 0; // holes in events of which every message has to arrive
  merged = 0; // holes in events that the server may conflate: passed over because something newer followed
  doubled = 0;
  #channels = new Map(); // channel -> {event, next}
  #conflated;

  constructor(conflated) {
    this.#conflated = new Set(conflated);
  }

  get channels() {
    return this.#channels.size;
  }

  /** Takes one message. The first of a channel is where counting starts. */
  take(channel, event, n) {
    this.received++;
    const known = this.#channels.get(channel);
    if (!known) {
      this.#channels.set(channel, { event, next: n + 1 });
      return;
    }
    if (n < known.next) {
      this.doubled++;
      return;
    }
    const hole = n - known.next;
    if (this.#conflated.has(event)) this.merged += hole;
    else this.missing += hole;
    known.next = n + 1;
  }

  /** Channels of which nothing more is expected start anew when they come again. */
  keepOnly(wanted) {
    for (const channel of this.#channels.keys()) if (!wanted(channel)) this.#channels.delete(channel);
  }

  /** How many messages are yet to come, going by the market's own count: {channel: newest n}. */
  outstanding(newest) {
    let messages = 0;
    for (const [channel, { next }] of this.#channels) messages += Math.max(0, (newest[channel] ?? 0) + 1 - next);
    return messages;
  }
}

/** Whether one of the patterns (symbol.event, either may be *) matches a channel. */
export function matches(patterns, channel) {
  const dot = channel.lastIndexOf('.');
  const symbol = channel.slice(0, dot);
  const event = channel.slice(dot + 1);
  return patterns.some((pattern) => {
    const at = pattern.lastIndexOf('.');
    const [s, e] = [pattern.slice(0, at), pattern.slice(at + 1)];
    return (s === '*' || s === symbol) && (e === '*' || e === event);
  });
}
