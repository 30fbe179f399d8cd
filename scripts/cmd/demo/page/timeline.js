// The connection's last minute and a half: how many messages came in each half second, in what condition the line was,
// and what happened to it.

import { fit } from './table.js';

const BUCKET_MS = 500;
const BUCKETS = 180;
const FONT = '11px system-ui, sans-serif';

export class Timeline {
  #canvas;
  #start = performance.now();
  #buckets = []; // {live, replayed, condition, pong}, by number of half seconds since the start, oldest dropped
  #first = 0;
  #marks = []; // {at: bucket, text}

  constructor(canvas) {
    this.#canvas = canvas;
  }

  get #now() {
    return Math.floor((performance.now() - this.#start) / BUCKET_MS);
  }

  #bucket() {
    const now = this.#now;
    while (this.#first + this.#buckets.length <= now) {
      const condition = this.#buckets.at(-1)?.condition ?? 'down';
      this.#buckets.push({ live: 0, replayed: 0, condition, pong: false });
    }
    const over = this.#buckets.length - BUCKETS;
    if (over > 0) {
      this.#buckets.splice(0, over);
      this.#first += over;
      this.#marks = this.#marks.filter(({ at }) => at >= this.#first);
    }
    return this.#buckets[now - this.#first];
  }

  message(replayed) {
    const bucket = this.#bucket();
    if (replayed) bucket.replayed++;
    else bucket.live++;
  }

  /** 'live', 'behind' or 'down', from now on. */
  condition(condition) {
    this.#bucket().condition = condition;
  }

  pong() {
    this.#bucket().pong = true;
  }

  mark(text) {
    this.#bucket();
    this.#marks.push({ at: this.#now, text });
  }

  /** Messages a second over the last two full half seconds. */
  get rate() {
    this.#bucket();
    return this.#buckets.slice(-3, -1).reduce((sum, b) => sum + b.live + b.replayed, 0);
  }

  draw() {
    this.#bucket();
    const size = fit(this.#canvas);
    if (!size) return;
    const { context, width, height } = size;
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`);
    // As many as leave each bar five pixels: a phone shows half a minute.
    const shown = Math.max(60, Math.min(BUCKETS, Math.floor(width / 5)));
    const first = Math.max(this.#first, this.#now - shown + 1);
    const buckets = this.#buckets.slice(first - this.#first);
    const step = width / shown;
    const top = 34; // below the marks' two rows
    const floor = height - 8;
    const x = (number) => width - (first + buckets.length - number) * step;
    // The scale keeps still: it follows the highest bar of all that is shown, in coarse steps.
    const highest = Math.max(20, ...buckets.map((b) => b.live + b.replayed));
    const full = 2 ** (Math.ceil(Math.log2(highest) * 2) / 2);
    const y = (count) => Math.sqrt(count / full) * (floor - top);

    for (let i = 0; i < buckets.length;) {
      const { condition } = buckets[i];
      const from = i;
      while (i < buckets.length && buckets[i].condition === condition) i++;
      if (condition === 'live') continue;
      context.globalAlpha = 0.16;
      context.fillStyle = colour(condition);
      context.fillRect(x(first + from), top - 4, (i - from) * step, floor - top + 4);
      context.globalAlpha = 1;
    }
    buckets.forEach((b, i) => {
      const left = x(first + i);
      const whole = y(b.live + b.replayed);
      const live = whole * (b.live / (b.live + b.replayed || 1));
      const gap = step > 3 ? 1 : 0.5;
      context.fillStyle = colour('accent');
      context.fillRect(left, floor - live, step - gap, live);
      context.fillStyle = colour('replayed');
      context.fillRect(left, floor - whole, step - gap, whole - live);
      if (b.pong) {
        context.fillStyle = colour('muted');
        context.beginPath();
        context.arc(left + step / 2, floor + 5, 1.7, 0, 2 * Math.PI);
        context.fill();
      }
    });
    context.fillStyle = colour('rule');
    context.fillRect(0, floor, width, 1);

    context.font = FONT;
    const free = [-Infinity, -Infinity]; // where each row's last label ends: what has no room is left to the log
    for (const { at, text } of this.#marks) {
      if (at < first) continue;
      const left = Math.round(x(at));
      const textWidth = context.measureText(text).width;
      const start = left + 4 + textWidth <= width ? left + 4 : left - 4 - textWidth;
      const row = free.findIndex((end) => start >= end);
      context.fillStyle = colour('muted');
      context.fillRect(left, row < 0 ? top : row * 14 + 2, 1, floor - (row < 0 ? top : row * 14 + 2));
      if (row < 0) continue;
      context.fillStyle = colour('ink');
      context.fillText(text, start, row * 14 + 11);
      free[row] = start + textWidth + 8;
    }
  }
}
