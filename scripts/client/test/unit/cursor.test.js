import assert from 'node:assert/strict';
import test from 'node:test';
import { WebSocket } from 'ws';
import { Client } from '../../client.js';
import { at, setup, subscribed } from '../peer/peer.js';

test('a message raises its own partition, and nothing else', async (t) => {
  const s = await setup(t);
  const line = await subscribed(s, ['BTC.trade', 'BTC.social'], { trade: at(10, 20), social: at(5) });
  assert.deepEqual(s.client.cursor, { trade: at(10, 20), social: at(5) });
  line.message('BTC.trade', 1, 25);
  await s.told.nth('message');
  assert.deepEqual(s.client.cursor, { trade: at(10, 25), social: at(5) });
});

test('a message of a partition beyond the end of at extends it with -1', async (t) => {
  const s = await setup(t);
  const line = await subscribed(s, ['BTC.trade'], { trade: at(10) });
  line.message('BTC.trade', 3, 0);
  await s.told.nth('message');
  assert.deepEqual(s.client.cursor, { trade: at(10, -1, -1, 0) });
});

test('what `last` brings does not move the cursor back', async (t) => {
  const s = await setup(t);
  s.client.connect();
  const line = await s.peer.line();
  line.welcome();
  s.client.subscribe(['BTC.trade'], { last: 2 });
  const command = await line.command('subscribe');
  assert.deepEqual(command.data, { channels: ['BTC.trade'], last: 2 });
  line.ack(command, { trade: at(100) });
  line.message('BTC.trade', 0, 90);
  line.message('BTC.trade', 0, 100);
  line.replayComplete(command, 2, { trade: at(100) });
  await s.told.nth('replayComplete');
  assert.deepEqual(s.client.cursor, { trade: at(100) });
  assert.deepEqual(s.told.of('message').map((m) => m.offset), [90, 100]);
});

test("a frame's cursor is taken as it is, for the events it names: up, down, and to another log", async (t) => {
  const s = await setup(t);
  const line = await subscribed(s, ['BTC.trade', 'BTC.social'], { trade: at(10, 20), social: at(5) });
  line.message('BTC.trade', 0, 50);
  s.clock.advance(12_500);
  line.pong(await line.command('heartbeat'), { cursor: { trade: at(40) } });
  await s.told.nth('pong');
  assert.deepEqual(s.client.cursor, { trade: at(40), social: at(5) });

  line.send({ type: 'gap', event: 'social', partition: 0, log: 'b2', cursor: { social: { log: 'b2', at: [-1] } } });
  assert.equal((await s.told.nth('gap')).log, 'b2');
  assert.deepEqual(s.client.cursor, { trade: at(40), social: { log: 'b2', at: [-1] } });
});

test('the cursor of a bye counts', async (t) => {
  const s = await setup(t);
  const line = await subscribed(s, ['BTC.trade'], { trade: at(10) });
  line.send({ type: 'bye', code: 4000, cursor: { trade: at(99) }, sent: 0, merged: 0, replayed: 0 });
  line.close(4000);
  await s.told.nth('reconnecting');
  assert.deepEqual(s.client.cursor, { trade: at(99) });
  assert.deepEqual(s.told.of('ledger'), []);
});

test('a resume carries all channels and the cursor in one subscribe', async (t) => {
  const s = await setup(t);
  const line = await subscribed(s, ['*.trade', 'BTC.social'], { trade: at(10, 20), social: at(5) });
  line.message('ETH.trade', 0, 12);
  await s.told.nth('message');
  line.cut();
  await s.told.nth('reconnecting');
  s.clock.advance(500);

  const next = await s.peer.line();
  next.welcome();
  const resume = await next.command('subscribe');
  assert.deepEqual(resume.data, { channels: ['*.trade', 'BTC.social'], cursor: { trade: at(12, 20), social: at(5) } });
  next.ack(resume, { trade: at(12, 20), social: at(5) });
  next.message('ETH.trade', 0, 13);
  next.replayComplete(resume, 1, { trade: at(13, 20), social: at(5) });
  assert.deepEqual(await s.told.nth('replayComplete'), { replayed: 1 });
  assert.deepEqual(s.told.of('ack').at(-1), { subscribed: ['*.trade', 'BTC.social'], count: 2, recovered: true, lost: [] });
  assert.equal(s.client.stats().replayed, 1);
  assert.deepEqual(await next.quiet(), []);
});

test('events that are not recovered are told, and go on from where the server says', async (t) => {
  const s = await setup(t);
  const line = await subscribed(s, ['BTC.*'], { trade: at(10), social: at(5) });
  line.cut();
  await s.told.nth('reconnecting');
  s.clock.advance(500);
  const next = await s.peer.line();
  next.welcome();
  next.ack(await next.command('subscribe'), { trade: at(400), social: at(5) }, ['trade']);
  assert.deepEqual(await s.told.nth('notRecovered'), ['trade']);
  assert.deepEqual(s.told.of('ack').at(-1).recovered, false);
  assert.deepEqual(s.client.cursor, { trade: at(400), social: at(5) });
  assert.equal(s.client.stats().lost, 1);
});

test('a cursor kept from an earlier page resumes: once for each event, and not for channels added to it', async (t) => {
  const s = await setup(t, { cursor: { trade: at(10), social: at(5), other: at(1) } });
  s.client.subscribe(['BTC.trade']);
  s.client.subscribe(['ETH.trade']);
  s.client.connect();
  const line = await s.peer.line();
  line.welcome();
  const first = await line.command('subscribe');
  assert.deepEqual(first.data, { channels: ['BTC.trade', 'ETH.trade'], cursor: { trade: at(10) } });
  line.ack(first, { trade: at(10) });
  line.replayComplete(first, 0, { trade: at(10) });

  s.client.subscribe(['SOL.trade']);
  const added = await line.command('subscribe');
  assert.deepEqual(added.data, { channels: ['SOL.trade'] });
  line.ack(added, { trade: at(10) });

  s.client.subscribe(['SOL.trade', 'SOL.social']);
  const mixed = await line.command('subscribe');
  assert.deepEqual(mixed.data, { channels: ['SOL.trade', 'SOL.social'], cursor: { social: at(5) } });
});

test('a wildcard event holds every event', async (t) => {
  const s = await setup(t, { cursor: { trade: at(10), social: at(5) } });
  const line = await subscribed(s, ['BTC.*'], { trade: at(10), social: at(5) });
  s.client.subscribe(['*.social']);
  assert.deepEqual((await line.command('subscribe')).data, { channels: ['*.social'] });
});

test('unsubscribing the last channel of an event forgets its position', async (t) => {
  const s = await setup(t);
  const line = await subscribed(s, ['BTC.trade', 'ETH.trade', 'BTC.social'], { trade: at(10), social: at(5) });
  for (const [channel, left] of [['BTC.trade', { trade: at(10), social: at(5) }], ['ETH.trade', { social: at(5) }]]) {
    const done = s.client.unsubscribe([channel]);
    const command = await line.command('unsubscribe');
    line.send({ type: 'unsubscription_ack', id: command.id, unsubscribed: [channel], count: 1 });
    assert.deepEqual(await done, { unsubscribed: [channel], count: 1 });
    assert.deepEqual(s.client.cursor, left);
  }
  assert.deepEqual(s.client.channels, ['BTC.social']);
});

test('set while connected, positions of held events stay', async (t) => {
  const s = await setup(t);
  await subscribed(s, ['BTC.trade'], { trade: at(10) });
  s.client.cursor = { trade: at(1), social: at(2) };
  assert.deepEqual(s.client.cursor, { trade: at(10), social: at(2) });
});

test('the cursor read is a copy', () => {
  const client = new Client('ws://x', { WebSocket, cursor: { trade: at(1) } });
  client.cursor.trade.at[0] = 9;
  assert.deepEqual(client.cursor, { trade: at(1) });
});

for (const [name, cursor] of Object.entries({
  'no object': null,
  'a list': [],
  'no log': { trade: { at: [] } },
  'no at': { trade: { log: 'a1' } },
  'below -1': { trade: at(-2) },
  'a fraction': { trade: at(0.5) },
  'beyond 2^53': { trade: at(2 ** 53) },
  'no event': { 'a.b': at(1) },
})) {
  test(`a malformed cursor is refused: ${name}`, () => {
    const client = new Client('ws://x', { WebSocket });
    assert.throws(() => { client.cursor = cursor; }, TypeError);
  });
}
