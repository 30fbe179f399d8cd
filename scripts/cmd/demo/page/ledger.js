// What a client has received, counted in both ways: by the market's numbers and by Kafka's. Where they differ, the worse
// one is told.

import { Offsets } from './offsets.js';
import { Tracker, matches } from './tracker.js';

export class Ledger {
  #tracker;
  #offsets;

  constructor(conflated) {
    this.#tracker = new Tracker(conflated);
    this.#offsets = new Offsets(conflated);
  }

  get missing() {
    return Math.max(this.#tracker.missing, this.#offsets.missing);
  }

  get doubled() {
    return Math.max(this.#tracker.doubled, this.#offsets.doubled);
  }

  get merged() {
    return this.#tracker.merged;
  }

  get channels() {
    return this.#tracker.channels;
  }

  subscribed(patterns, cursor) {
    this.#offsets.subscribed(patterns, cursor);
  }

  take(message) {
    this.#offsets.take(message);
    if (Number.isInteger(message.data?.n)) this.#tracker.take(message.channel, message.event, message.data.n);
  }

  keepOnly(patterns) {
    this.#offsets.keepOnly(patterns);
    this.#tracker.keepOnly((channel) => matches(patterns, channel));
  }

  outstanding(newest) {
    return this.#tracker.outstanding(newest);
  }
}
