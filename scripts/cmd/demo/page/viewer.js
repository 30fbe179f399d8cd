// One client of the page: the reference client on a line of its own, what it has counted, and what was done to it.

import { Client } from './client.js';
import { Ledger } from './ledger.js';
import { Trials } from './trial.js';

const LATENCY_WINDOW_MS = 1000;
const BEHIND_MS = 1000;

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

  /** Whether it can go to another server now: a cursor to resume from is the point of it. */
  get movable() {
    return this.idle && Object.keys(this.client.cursor).length > 0;
  }

  /** Connects for the first time. */
  async start(home) {
    await this.#turn(home);
    this.client.connect();
  }

  /**
   * Leaves its server, and comes back on another where it stopped. Resolves with the verdict, or null when there is none;
   * rejects when the way could not be changed.
   */
  async move(to) {
    if (!this.movable) return null;
    this.#moving = true;
    try {
      await this.#turn(to);
    } finally {
      this.#moving = false;
    }
    if (this.trials.current) return null; // it lost its connection meanwhile, and will come back there
    const verdict = this.trials.begin('move');
    this.client.close();
    this.client.connect();
    return verdict;
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
    if (!answer.ok) throw new Error(await answer.text());
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
    client.on('open', async (frame) => {
      this.welcome = frame;
      this.connected = true;
      this.seq = 0;
      this.refusals = 0;
      this.replaying = Object.keys(client.cursor).length > 0;
      this.arriving = true;
      trials.opened();
      if (!this.replaying && trials.current?.kind === 'lost') trials.abort(); // it had nothing yet to resume
      const way = await (await fetch(`line/${this.line}`)).json();
      if (way.started !== this.#facts.started) location.reload(); // another demo, in which everything starts anew
      if (this.welcome !== frame) return;
      this.home = way.name;
      this.server = way.server;
      this.arriving = false;
      arrived(this);
    });
    client.on('ack', ({ subscribed }) => ledger.subscribed(subscribed, client.cursor));
    client.on('replayComplete', ({ replayed }) => {
      if (this.replaying) trials.replayComplete(replayed);
      this.replaying = false;
    });
    client.on('notRecovered', (events) => trials.notRecovered(events));
    client.on('close', ({ code }) => {
      this.replaying = false;
      trials.closed(code, this.connected);
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
