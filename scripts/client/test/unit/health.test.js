import assert from 'node:assert/strict';
import test from 'node:test';
import { at, setup, subscribed } from '../peer/peer.js';

test('a heartbeat goes out after a random part of its time, then each time', async (t) => {
  const s = await setup(t);
  const line = await subscribed(s, ['A.trade'], { trade: at(1) });
  for (const wait of [12_500, 25_000, 25_000]) {
    s.clock.advance(wait - 1);
    assert.deepEqual(await line.quiet(), []);
    s.clock.advance(1);
    line.pong(await line.command('heartbeat'));
    await s.told.nth('pong', s.told.of('pong').length + 1);
  }
  s.clock.advance(24_999);
  assert.equal(s.client.state, 'open');
});

test('a pong tells the round trip', async (t) => {
  const s = await setup(t);
  const line = await subscribed(s, ['A.trade'], { trade: at(1) });
  s.clock.advance(12_500);
  const beat = await line.command('heartbeat');
  s.clock.advance(40);
  line.pong(beat, { ts: 77 });
  const { ts, rttMs, sent, merged, replayed } = await s.told.nth('pong');
  assert.deepEqual([ts, rttMs, sent, merged, replayed], [77, 40, 0, 0, 0]);
});

test('silence for 10 s after a heartbeat: the line is dead', async (t) => {
  const s = await setup(t);
  const line = await subscribed(s, ['A.trade'], { trade: at(1) });
  s.clock.advance(12_500 + 9999);
  assert.equal(s.client.state, 'open');
  s.clock.advance(1);
  assert.deepEqual(await s.told.nth('close'), { code: 1006, reason: 'nothing came for 10 s after a heartbeat', final: false });
  await line.closed;
  assert.equal(s.client.state, 'waiting');
});

test('any frame after a heartbeat will do', async (t) => {
  const s = await setup(t);
  const line = await subscribed(s, ['A.trade'], { trade: at(1) });
  s.clock.advance(12_500);
  line.message('A.trade', 0, 2);
  await s.told.nth('message');
  s.clock.advance(20_000);
  assert.equal(s.client.state, 'open');
});

test('a client that slept gives the frames it has not read another chance', async (t) => {
  const s = await setup(t);
  const line = await subscribed(s, ['A.trade'], { trade: at(1) });
  s.clock.advance(12_500);
  s.clock.sleep(60_000);
  s.clock.advance(1);
  assert.equal(s.client.state, 'open');
  line.message('A.trade', 0, 2);
  await s.told.nth('message');
  s.clock.advance(9999);
  assert.equal(s.client.state, 'open');
});

for (const [name, spoil] of Object.entries({
  'a hole in seq': (line) => { line.seq++; line.message('A.trade', 0, 2); },
  'a repeated seq': (line) => { line.seq--; line.message('A.trade', 0, 2); },
  'no JSON': (line) => line.send('{"type":'),
  'not an object': (line) => line.send('null'),
  'a list': (line) => line.send('[1]'),
  'no type': (line) => line.send('{}'),
  'binary': (line) => line.send(Buffer.from('{"type":"notice"}')),
  'a second welcome': (line) => line.welcome(),
  'an answer to nothing': (line) => line.send({ type: 'subscription_ack', id: 999, subscribed: [], count: 0, cursor: {} }),
  'a malformed cursor': (line) => line.send({ type: 'pong', id: 1, ts: 1, cursor: { trade: { log: 1 } }, sent: 0, merged: 0, replayed: 0 }),
  'a message without pos': (line) => line.send('{"seq":2,"type":"message","channel":"A.trade","ts":1,"data":1}'),
  'a message of two events': (line) => line.send('{"seq":2,"type":"message","channel":"A.trade","pos":"social/0:1","ts":1,"data":1}'),
  'a message without data': (line) => line.send('{"seq":2,"type":"message","channel":"A.trade","pos":"trade/0:1","ts":1}'),
  'a partition beyond reason': (line) => line.send('{"seq":2,"type":"message","channel":"A.trade","pos":"trade/99999999:1","ts":1,"data":1}'),
})) {
  test(`a broken protocol is told, and the line given up: ${name}`, async (t) => {
    const s = await setup(t);
    const line = await subscribed(s, ['A.trade'], { trade: at(0) });
    line.message('A.trade', 0, 1);
    await s.told.nth('message');
    spoil(line);
    assert.equal((await s.told.nth('error')).code, 'PROTOCOL');
    assert.equal((await s.told.nth('reconnecting')).code, 1006);
    await line.closed;
    s.clock.advance(500);
    const next = await s.peer.line();
    next.welcome();
    assert.deepEqual((await next.command('subscribe')).data, { channels: ['A.trade'], cursor: { trade: at(1) } });
    assert.equal(s.told.of('message').length, 1);
  });
}

for (const [name, first] of Object.entries({
  'another frame first': { type: 'notice', code: 'DRAIN', reconnect_in_ms: 1 },
  'a welcome without heartbeat': { type: 'welcome', limits: {} },
})) {
  test(`a connection begins with a welcome: ${name}`, async (t) => {
    const s = await setup(t);
    s.client.connect();
    (await s.peer.line()).send(first);
    assert.equal((await s.told.nth('error')).code, 'PROTOCOL');
    assert.equal(s.client.state, 'waiting');
  });
}

test('a frame of a type not known here is passed over', async (t) => {
  const s = await setup(t);
  const line = await subscribed(s, ['A.trade'], { trade: at(0) });
  line.send({ type: 'later', data: 1 });
  line.message('A.trade', 0, 1);
  await s.told.nth('message');
  assert.deepEqual(s.told.of('error'), []);
});

test('a ledger that fits is silent; merged is taken over', async (t) => {
  const s = await setup(t);
  const line = await subscribed(s, ['A.trade'], { trade: at(0) });
  line.message('A.trade', 0, 1);
  s.clock.advance(12_500);
  line.pong(await line.command('heartbeat'), { merged: 3 });
  await s.told.nth('pong');
  line.send({ type: 'bye', code: 4000, cursor: {}, sent: 1, merged: 5, replayed: 0 });
  line.close(4000);
  await s.told.nth('close');
  assert.deepEqual(s.told.of('ledger'), []);
  assert.equal(s.client.stats().merged, 5);
});

for (const [name, change] of Object.entries({
  'more sent than came': { sent: 2 }, 'less sent': { sent: 0 }, 'more replayed': { replayed: 1 }, 'merged goes back': { merged: -1 },
  'no numbers': { sent: undefined },
})) {
  test(`a ledger that does not fit is told: ${name}`, async (t) => {
    const s = await setup(t);
    const line = await subscribed(s, ['A.trade'], { trade: at(0) });
    line.message('A.trade', 0, 1);
    s.clock.advance(12_500);
    line.pong(await line.command('heartbeat'), change);
    await s.told.nth('pong');
    const [told] = s.told.of('ledger');
    assert.deepEqual([told.frame, told.received, told.counted], ['pong', 1, 0]);
    assert.equal(s.client.state, 'open');
  });
}

test('during a replay the ledger may be ahead', async (t) => {
  const s = await setup(t, { cursor: { trade: at(0) } });
  s.client.connect();
  const line = await s.peer.line();
  line.welcome();
  s.client.subscribe(['A.trade']);
  const command = await line.command('subscribe');
  line.ack(command, { trade: at(0) });
  line.message('A.trade', 0, 1);
  await s.told.nth('message');
  s.clock.advance(12_500);
  line.pong(await line.command('heartbeat'), { replayed: 1 });
  await s.told.nth('pong');
  assert.deepEqual(s.told.of('ledger'), []);
});

test('a gap is told after its cursor is taken', async (t) => {
  const s = await setup(t);
  const line = await subscribed(s, ['A.trade'], { trade: at(10) });
  let cursor;
  s.client.on('gap', () => { cursor = s.client.cursor; });
  line.send({ type: 'gap', event: 'trade', partition: 0, from: 11, to: 15, cursor: { trade: at(15) } });
  assert.deepEqual(await s.told.nth('gap'), { event: 'trade', partition: 0, from: 11, to: 15, log: undefined });
  assert.deepEqual(cursor, { trade: at(15) });
  assert.equal(s.client.stats().gaps, 1);
});

test('a handler that throws is told as an error; the others and the line go on', async (t) => {
  const s = await setup(t);
  const heard = [];
  s.client.on('message', () => { throw new Error('mine'); });
  s.client.on('message', (message) => heard.push(message.offset));
  s.client.on('error', () => { throw new Error('again'); });
  const line = await subscribed(s, ['A.trade'], { trade: at(0) });
  line.message('A.trade', 0, 1);
  line.message('A.trade', 0, 2);
  await s.told.nth('error', 2);
  assert.deepEqual(heard, [1, 2]);
  assert.deepEqual(s.told.of('error').map(({ code, cause }) => [code, cause.message]), [['HANDLER', 'mine'], ['HANDLER', 'mine']]);
  assert.equal(s.client.state, 'open');
});

test('a handler sees the cursor past its message, and can be removed', async (t) => {
  const s = await setup(t);
  const seen = [];
  const off = s.client.on('message', () => seen.push(s.client.cursor.trade.at[0]));
  const line = await subscribed(s, ['A.trade'], { trade: at(0) });
  line.message('A.trade', 0, 1);
  await s.told.nth('message', 1);
  off();
  line.message('A.trade', 0, 2);
  await s.told.nth('message', 2);
  assert.deepEqual(seen, [1]);
  assert.throws(() => s.client.on('mesage', () => {}), TypeError);
});

test('stats count', async (t) => {
  const s = await setup(t);
  const line = await subscribed(s, ['A.trade'], { trade: at(0) });
  line.message('A.trade', 0, 1);
  await s.told.nth('message');
  assert.deepEqual(s.client.stats(), {
    state: 'open', received: 1, replayed: 0, merged: 0, gaps: 0, lost: 0, errors: 0, connections: 1, reconnects: 0,
    states: { idle: 1, connecting: 1, open: 1, waiting: 0, closed: 0 },
  });
});
