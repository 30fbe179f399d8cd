import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { Client } from '../../client.js';
import { LogServer } from '../peer/log_server.js';
import { record, setup, subscribed } from '../peer/peer.js';

/** mulberry32: the seed in a test's name brings the same run again. */
function generator(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let x = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

for (let seed = 1; seed <= 20; seed++) {
  test(`the cursor moves as the model's does: seed ${seed}`, async (t) => {
    const random = generator(seed);
    const upTo = (n) => Math.floor(random() * n);
    const s = await setup(t);
    const events = ['trade', 'social', 'balances'];
    const model = Object.fromEntries(events.map((event) => [event, { log: 'a1', at: [-1, -1] }]));
    const line = await subscribed(s, ['*.trade', '*.social', '*.balances'], model);
    let frames = 0;
    for (let i = 0; i < 200; i++) {
      const event = events[upTo(3)];
      if (random() < 0.8) {
        const [partition, offset] = [upTo(5), upTo(1000)];
        const { at } = model[event];
        while (at.length <= partition) at.push(-1);
        if (offset > at[partition]) at[partition] = offset;
        line.message(`S${upTo(9)}.${event}`, partition, offset);
      } else {
        model[event] = { log: `log${upTo(3)}`, at: Array.from({ length: upTo(6) }, () => upTo(1000) - 1) };
        line.send({ type: 'gap', event, partition: 0, from: 0, to: 1, cursor: { [event]: model[event] } });
      }
      frames++;
      if (random() < 0.2) {
        await s.told.nth('message', line.seq);
        await s.told.nth('gap', frames - line.seq);
        assert.deepEqual(s.client.cursor, model);
      }
    }
    assert.deepEqual(s.told.of('error'), []);
  });
}

for (let seed = 1; seed <= 12; seed++) {
  test(`nothing missing, nothing double, over cuts and drains: seed ${seed}`, { timeout: 30_000 }, async (t) => {
    const random = generator(seed);
    const pick = (list) => list[Math.floor(random() * list.length)];
    const channels = ['A', 'B', 'C', 'D'].flatMap((symbol) => ['trade', 'social', 'balances'].map((event) => `${symbol}.${event}`));
    const server = await LogServer.start(['trade', 'social', 'balances'], 3);
    const client = new Client(server.url, { WebSocket, random, backoff: { baseMs: 8, maxMs: 20 } });
    const told = record(client);
    t.after(() => {
      client.close();
      server.stop();
    });
    for (let i = 0; i < 30; i++) server.append(pick(channels));

    // These stay for the whole run, and must come without a hole from the first ack on.
    client.connect();
    const wildcards = seed % 2 === 0;
    // Without wildcard events a resume can be cut into one command for each event.
    if (!wildcards) server.messageBytes = 200;
    const lasting = wildcards ? pick([['*.trade', 'A.*'], ['A.*', '*.social']]) : ['*.trade', '*.social', 'B.balances'];
    await client.subscribe(lasting);
    const start = new Map(channels.map((channel) => [channel, server.count(channel)]));
    // These come and go.
    const passing = ['C.balances', 'D.balances', 'D.*', '*.social', 'C.trade', 'A.social']
      .filter((pattern) => !lasting.includes(pattern) && (wildcards || !pattern.endsWith('.*')));
    const calls = [];
    for (let i = 0; i < 150; i++) {
      const dice = random();
      if (dice < 0.6) server.append(pick(channels));
      else if (dice < 0.7) calls.push(client.subscribe([pick(passing)]));
      else if (dice < 0.8) calls.push(client.unsubscribe([pick(passing)]));
      else if (dice < 0.84) server.cut();
      else if (dice < 0.87) server.drain();
      else if (dice < 0.89) server.unavailable++;
      else await sleep(random() * 6);
    }
    const answers = await Promise.allSettled(calls);
    const refused = answers.filter(({ status }) => status === 'rejected').map(({ reason }) => reason.code);
    assert.deepEqual(refused.filter((code) => code !== 'CANCELLED'), []);

    const covers = (pattern, channel) => {
      const [symbol, event] = pattern.split('.');
      const [ofSymbol, ofEvent] = channel.split('.');
      return ['*', ofSymbol].includes(symbol) && ['*', ofEvent].includes(event);
    };
    const wanted = channels.filter((channel) => lasting.some((pattern) => covers(pattern, channel)));
    const numbersOf = (channel) => told.of('message').filter((message) => message.channel === channel).map((message) => message.data.n);
    const complete = () => client.state === 'open' && wanted.every((channel) =>
      server.count(channel) === start.get(channel) || numbersOf(channel).at(-1) === server.count(channel));
    while (!complete()) await sleep(5);

    for (const channel of channels) {
      const numbers = numbersOf(channel);
      for (let i = 1; i < numbers.length; i++) assert.ok(numbers[i] > numbers[i - 1], `${channel}: ${numbers}`);
      if (wanted.includes(channel)) {
        const from = start.get(channel);
        assert.deepEqual(numbers, Array.from({ length: server.count(channel) - from }, (_, i) => from + 1 + i), channel);
      }
    }
    // The next pong brings the cursor to the ends.
    const pongs = told.of('pong').length;
    await told.nth('pong', pongs + 2);
    for (const [event, position] of Object.entries(client.cursor)) assert.deepEqual(position, server.ends(event));
    assert.deepEqual(server.refusals.filter((code) => code !== 'UNAVAILABLE'), []);
    assert.deepEqual(told.of('ledger'), []);
    assert.deepEqual(told.of('error').filter(({ code }) => code !== 'UNAVAILABLE'), []);
    assert.deepEqual(told.of('notRecovered'), []);
  });
}
