// One client of the page: the reference client on a line of its own, what it has counted, and what was done to it.

import { Client } from './client.js';
import { Ledger } from './ledger.js';
import { Trials } from './trial.js';

const LATENCY_WINDOW_MS = 1000;
const BEHIND_MS = 1000;
const ASK_AGAIN_MS = 500;

export class Viewer {
  line = `page-${Array.from(crypto.getRandomValues(new Uint8Array(6)), (b) => b.toString(16).padStart(2, '0')).join('')}`;
  connected = false; // a welcome came on the present connection
  replaying = false;
  home = ''; // the server it is with
  server = 0; // which of that server's instances
  arriving = false; // connected, and which server that is has been asked for
  welcome = null;
  latency = null; // median of the last second's live messages; null while nothing comes
  rate = 0; // messages a second over the last second
  seq = 0;
  closes = new Map(); // code -> how often
  lastClose = null;
  ended = null; // the code of the close after which the client does not come back
  refusals = 0; // attempts in a row that brought no welcome
  #facts;
  #moving = false; // on its way: asked for, not closed yet
  #samples = []; // [when, ms]
  #arrivals = []; // how many messages came, by the tick

  /**
   * channels: subscribed from the start. say, log: what a trial tells, see Trials. arrived(viewer): it is with a server, and
   * home and server say which.
   */
  constructor({ name, channels, facts, say = () => {}, log = () => {}, arrived = () => {} }) {
    this.name = name;
    this.#facts = facts;
    this.client = new Client(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws?line=${this.line}`, {
      backoff: { baseMs: 500, maxMs: 2000 }, // a demo is watched: nobody waits half a minute for the next try
    });
    this.ledger = new Ledger(facts.conflated);
    this.trials = new Trials({ tracker: this.ledger, client: this.client, situation: () => this, say, log });
    this.#listen(arrived);
    this.client.subscribe(channels).catch(() => {}); // told by the client's error
  }

  get channels() {
    return this.client.channels;
  }

  get condition() {
    if (!this.connected) return 'down';
    return this.latency !== null && this.latency > BEHIND_MS ? 'behind' : 'live';
  }

  /** Whether something can be done to it now. */
  get idle() {
    return this.connected && !this.#moving && !this.trials.current;
  }

  /** Why it cannot go to another server now; null if it can. A cursor to resume from is the point of it. */
  get obstacle() {
    if (this.ended !== null) return 'it is closed for good';
    if (!this.connected) return 'it has no connection';
    if (!this.idle) return 'it is busy';
    return Object.keys(this.client.cursor).length > 0 ? null : 'it has nothing to resume';
  }

  get movable() {
    return this.obstacle === null;
  }

  /** Whether it is on its way to another server. */
  get moving() {
    return this.#moving || this.trials.current?.kind === 'move';
  }

  /** Connects for the first time. */
  async start(home) {
    await this.#turn(home);
    this.client.connect();
  }

  /**
   * Leaves its server, and comes back on another where it stopped. Resolves with {verdict}, or {why} there is none; rejects
   * when the way could not be changed.
   */
  async move(to) {
    const why = this.obstacle;
    if (why) return { why };
    this.#moving = true;
    try {
      await this.#turn(to);
    } finally {
      this.#moving = false;
    }
    const outcome = this.trials.move();
    this.client.close();
    this.client.connect();
    return outcome;
  }

  async unsubscribe(channel) {
    await this.client.unsubscribe([channel]);
    this.ledger.keepOnly(this.client.channels);
  }

  /** Called several times a second. */
  tick() {
    const now = performance.now();
    this.#samples = this.#samples.filter(([at]) => at > now - LATENCY_WINDOW_MS);
    const sorted = this.#samples.map(([, ms]) => ms).sort((a, b) => a - b);
    this.latency = sorted.length > 0 ? Math.max(0, sorted[sorted.length >> 1]) : null;
    this.#arrivals.push([now, this.client.stats().received]);
    while (this.#arrivals.length > 2 && this.#arrivals[1][0] < now - 1000) this.#arrivals.shift();
    const [at, before] = this.#arrivals[0];
    this.rate = now > at ? Math.round((this.client.stats().received - before) * 1000 / (now - at)) : 0;
    this.trials.tick();
  }

  /** For machines. */
  state() {
    const { received, replayed, merged, connections, errors, lost } = this.client.stats();
    return {
      name: this.name, line: this.line, home: this.home, server: this.server, serverSays: this.welcome?.server ?? '',
      connected: this.connected, state: this.client.state, condition: this.condition, channels: this.channels,
      received, replayed, missing: this.ledger.missing, merged: this.ledger.merged, doubled: this.ledger.doubled,
      mergedByServer: merged, connections, errors, lost, latencyMs: this.latency, seq: this.seq,
      lastClose: this.lastClose, closes: Object.fromEntries(this.closes),
      trial: this.trials.current?.kind ?? null, verdict: this.trials.last,
    };
  }

  async #turn(to) {
    const answer = await fetch(`line/${this.line}/to/${to}`, { method: 'POST' });
    if (!answer.ok) throw new Error((await answer.text()).trim());
  }

  /** Asks which server the connection is with, until it is told or the connection is another. */
  async #arrive(frame, arrived) {
    let way = null;
    while (!way) {
      try {
        way = await (await fetch(`line/${this.line}`)).json();
      } catch {
        await new Promise((done) => { setTimeout(done, ASK_AGAIN_MS); });
      }
      if (this.welcome !== frame || !this.connected) return;
    }
    if (way.started !== this.#facts.started) location.reload(); // another demo, in which everything starts anew
    this.home = way.name;
    this.server = way.server;
    this.arriving = false;
    arrived(this);
  }

  #listen(arrived) {
    const { client, trials, ledger } = this;
    client.on('message', (message) => {
      this.seq = message.seq;
      ledger.take(message);
      const { data } = message;
      if (this.replaying || !Number.isInteger(data?.n)) return; // how old a replayed message is says nothing about the way here
      const now = performance.now();
      this.#samples.push([now, performance.timeOrigin + now - data.sent / 1000]);
    });
    client.on('open', (frame) => {
      this.welcome = frame;
      this.connected = true;
      this.ended = null;
      this.seq = 0;
      this.refusals = 0;
      this.replaying = Object.keys(client.cursor).length > 0;
      this.arriving = true;
      trials.opened(this.replaying);
      this.#arrive(frame, arrived);
    });
    client.on('ack', ({ subscribed }) => ledger.subscribed(subscribed, client.cursor));
    client.on('replayComplete', ({ replayed }) => {
      if (this.replaying) trials.replayComplete(replayed);
      this.replaying = false;
    });
    client.on('notRecovered', (events) => trials.notRecovered(events));
    client.on('close', ({ code, reason, final }) => {
      const forGood = final && code !== 1000; // 1000: by the client itself
      this.replaying = false;
      this.ended = forGood ? code : null;
      trials.closed(code, reason, { connected: this.connected, forGood });
      if (this.connected) {
        this.closes.set(code, (this.closes.get(code) ?? 0) + 1);
        this.lastClose = code;
      } else {
        this.refusals++;
      }
      this.connected = false;
      this.#samples = [];
    });
  }
}
