// What the client must do with a real server, in Node (real.test.js) and in a browser (browser.html) alike.
//
// Records must be coming in all the while, some of them to SYMBOL.trade and to another event of that symbol; the value
// of each is an object whose `n` counts 1, 2, 3, ... on its channel. No event may be conflated.

const SECOND = 1000;

export const assert = (condition, text) => {
  if (!condition) throw new Error(typeof text === 'function' ? text() : text);
};

/** Waits for a condition, and says what is there instead when it does not come true. */
export async function until(condition, what, seconds = 15) {
  const end = Date.now() + seconds * SECOND;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`after ${seconds} s still not: ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Counts what comes on each channel: every n must be the one after the last. */
export class Tally {
  total = 0;
  missing = 0;
  repeated = 0;
  last = new Map();

  take({ channel, data }) {
    this.total++;
    const before = this.last.get(channel);
    if (before !== undefined) {
      this.missing += Math.max(0, data.n - before - 1);
      if (data.n <= before) this.repeated++;
    }
    this.last.set(channel, data.n);
  }

  check() {
    assert(this.missing === 0 && this.repeated === 0, () => `missing ${this.missing}, repeated ${this.repeated} of ${this.total}`);
  }
}

/** A client whose line can be cut, what it was told, and the tally of its messages. */
export function tapped(Client, WebSocket, url, options = {}) {
  let socket;
  class Tapped extends WebSocket {
    constructor(...args) {
      super(...args);
      socket = this;
    }
  }
  const tap = { dice: 0.01, tally: new Tally(), told: {}, cut: () => (socket.terminate ? socket.terminate() : socket.close()) };
  tap.client = new Client(url, { WebSocket: Tapped, random: () => tap.dice, ...options });
  tap.client.on('message', (message) => tap.tally.take(message));
  for (const type of ['open', 'close', 'reconnecting', 'ack', 'replayComplete', 'notRecovered', 'gap', 'notice', 'pong', 'ledger', 'error']) {
    tap.told[type] = [];
    tap.client.on(type, (detail) => tap.told[type].push(detail));
  }
  tap.summary = () => JSON.stringify({ ...tap.client.stats(), errors: tap.told.error.map(String), closes: tap.told.close });
  return tap;
}

/** The cases, to be run in this order: each goes on from the one before. */
export function scenario({ Client, WebSocket, url, symbol = 'BTC' }) {
  const main = tapped(Client, WebSocket, url);
  const { client, tally, told } = main;
  const more = async (n, tap = main) => {
    const goal = tap.tally.total + n;
    await until(() => tap.tally.total >= goal, () => `${n} more messages: ${tap.summary()}`);
    tap.tally.check();
  };

  const cases = {
    'connects and is welcomed': async () => {
      client.connect();
      await until(() => client.state === 'open', () => `open: ${main.summary()}`);
      assert(told.open[0].limits.message_bytes > 0 && told.open[0].heartbeat_ms > 0, () => JSON.stringify(told.open[0]));
    },

    'gets the messages of two overlapping wildcards once and in order': async () => {
      const answer = await client.subscribe(['*.trade', `${symbol}.*`]);
      assert(answer.count === 2 && answer.recovered && answer.lost.length === 0, () => JSON.stringify(answer));
      await more(100);
      await until(() => [...tally.last.keys()].some((channel) => channel.startsWith(`${symbol}.`) && !channel.endsWith('.trade')),
        () => `another event of ${symbol}: ${[...tally.last.keys()]}`);
    },

    'agrees with the ledger of a pong': async () => {
      await until(() => told.pong.length > 0, () => `a pong: ${main.summary()}`);
      assert(told.ledger.length === 0, () => JSON.stringify(told.ledger));
    },

    'resumes after a cut line with nothing missing': async () => {
      main.dice = 0.9; // 0.9 s without a line: something is missed
      main.cut();
      await until(() => told.reconnecting.length === 1, () => `a reconnect: ${main.summary()}`);
      main.dice = 0.01;
      await until(() => told.replayComplete.length === 1, () => `replay_complete: ${main.summary()}`);
      assert(told.ack.at(-1).recovered && told.notRecovered.length === 0, () => JSON.stringify(told.ack.at(-1)));
      assert(told.replayComplete[0].replayed > 0, 'nothing was replayed: the records do not come fast enough for this test');
      await more(50);
      await until(() => told.pong.length > 1, () => `a pong: ${main.summary()}`);
      assert(told.ledger.length === 0, () => JSON.stringify(told.ledger));
    },

    'refuses a channel of no event, and keeps the others': async () => {
      let refused;
      await client.subscribe([`${symbol}.no-such-event`]).catch((error) => { refused = error; });
      assert(refused?.code === 'CHANNEL_INVALID', () => `got ${refused}`);
      await more(20);
      assert(client.state === 'open' && client.channels.length === 2, () => main.summary());
    },

    'starts with the last messages of a channel': async () => {
      const other = tapped(Client, WebSocket, url);
      other.client.connect();
      await other.client.subscribe([`${symbol}.trade`], { last: 3 });
      await until(() => other.told.replayComplete.length === 1, () => `replay_complete: ${other.summary()}`);
      assert(other.told.replayComplete[0].replayed === 3, () => `replayed ${other.told.replayComplete[0].replayed}`);
      await more(2, other);
      other.client.close();
    },

    'resumes in a new client from a stored cursor': async () => {
      client.close();
      const stored = JSON.stringify(client.cursor);
      const next = tapped(Client, WebSocket, url, { cursor: JSON.parse(stored) });
      next.tally.last = new Map(tally.last);
      next.client.connect();
      const answer = await next.client.subscribe(['*.trade', `${symbol}.*`]);
      assert(answer.recovered, () => JSON.stringify(answer));
      await more(50, next);
      next.client.close();
    },

    'unsubscribes': async () => {
      client.connect();
      await more(20);
      const answer = await client.unsubscribe(['*.trade']);
      assert(answer.count === 1 && client.channels.length === 1, () => JSON.stringify(answer));
      assert((await client.unsubscribe()).count === 0 && Object.keys(client.cursor).length === 0, () => JSON.stringify(client.cursor));
      const { total } = tally;
      await new Promise((resolve) => setTimeout(resolve, SECOND / 2));
      assert(tally.total === total, `${tally.total - total} messages after unsubscription_ack`);
      tally.check();
    },

    'closes for good': async () => {
      client.close();
      assert(client.state === 'closed' && told.close.at(-1).final, () => main.summary());
      const errors = told.error.filter(({ code }) => code !== 'CHANNEL_INVALID');
      assert(errors.length === 0 && told.ledger.length === 0 && told.gap.length === 0, () => main.summary());
    },
  };
  return Object.entries(cases).map(([name, run]) => ({ name, run }));
}
