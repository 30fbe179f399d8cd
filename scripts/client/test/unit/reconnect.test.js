import assert from 'node:assert/strict';
import test from 'node:test';
import { Client } from '../../client.js';
import { at, setup, subscribed } from '../peer/peer.js';

for (const code of [1002, 1007, 1009, 4500, 4503, 4506]) {
  test(`${code} is final`, async (t) => {
    const s = await setup(t);
    const line = await subscribed(s, ['BTC.trade'], { trade: at(1) });
    const pending = s.client.subscribe(['ETH.trade']);
    await line.command('subscribe');
    line.close(code, 'so');
    assert.deepEqual(await s.told.nth('close'), { code, reason: 'so', final: true });
    await assert.rejects(pending, { code: 'CLOSED' });
    assert.equal(s.client.state, 'closed');
    assert.deepEqual(s.clock.waits, []);
    assert.deepEqual(s.told.of('reconnecting'), []);
  });
}

for (const code of [1000, 1001, 1011, 4001, 4002, 4004, 4006, 4999]) {
  test(`${code} is tried again after a random part of the backoff`, async (t) => {
    const s = await setup(t);
    const line = await subscribed(s, ['BTC.trade'], { trade: at(1) });
    line.close(code);
    assert.deepEqual(await s.told.nth('reconnecting'), { delayMs: 500, code });
    assert.equal(s.told.of('close')[0].final, false);
    assert.deepEqual(s.clock.waits, [500]);
    s.clock.advance(500);
    const next = await s.peer.line();
    next.welcome();
    assert.deepEqual((await next.command('subscribe')).data, { channels: ['BTC.trade'], cursor: { trade: at(1) } });
    assert.equal(s.client.stats().reconnects, 1);
  });
}

for (const [code, notice] of [[4000, 'DRAIN'], [4005, 'REBALANCE']]) {
  test(`${code} waits as long as its notice said`, async (t) => {
    const s = await setup(t);
    const line = await subscribed(s, ['BTC.trade'], { trade: at(1) });
    line.send({ type: 'notice', code: notice, reconnect_in_ms: 731 });
    assert.deepEqual(await s.told.nth('notice'), { code: notice, reconnectInMs: 731 });
    assert.equal(s.client.state, 'open');
    line.close(code);
    assert.deepEqual(await s.told.nth('reconnecting'), { delayMs: 731, code });
  });

  test(`${code} without a notice waits as after any other close`, async (t) => {
    const s = await setup(t, { random: () => 0.25 });
    const line = await subscribed(s, ['BTC.trade'], { trade: at(1) });
    line.close(code);
    assert.deepEqual(await s.told.nth('reconnecting'), { delayMs: 250, code });
  });
}

test('the backoff doubles to its limit, and starts over after a connection that lasted', async (t) => {
  const s = await setup(t, { backoff: { baseMs: 100, maxMs: 300 } });
  s.peer.refuse = true;
  s.client.connect();
  for (const [i, delayMs] of [50, 100, 150, 150].entries()) {
    const refused = await s.told.nth('reconnecting', i + 1);
    assert.deepEqual(refused, { delayMs, code: 1006 });
    assert.match(s.told.of('close')[i].reason, /503/);
    if (i === 3) s.peer.refuse = false;
    s.clock.advance(delayMs);
  }
  const line = await s.peer.line();
  line.welcome();
  await s.told.nth('open');
  s.clock.advance(4999);
  line.cut();
  assert.equal((await s.told.nth('reconnecting', 5)).delayMs, 150);
  s.clock.advance(150);
  const next = await s.peer.line();
  next.welcome();
  await s.told.nth('open', 2);
  s.clock.advance(5000);
  next.cut();
  assert.equal((await s.told.nth('reconnecting', 6)).delayMs, 50);
});

test('the jitter is full: from at once to the whole step', async (t) => {
  for (const random of [0, 0.999]) {
    const s = await setup(t, { random: () => random });
    s.peer.refuse = true;
    s.client.connect();
    assert.equal((await s.told.nth('reconnecting')).delayMs, random * 1000);
  }
});

test('a dial without a welcome is given up', async (t) => {
  const s = await setup(t);
  s.client.connect();
  const line = await s.peer.line();
  s.clock.advance(10_000);
  assert.equal((await s.told.nth('close')).reason, 'no welcome');
  await line.closed;
  assert.deepEqual(s.clock.waits, [500]);
});

test('close() ends everything; connect() goes on from there', async (t) => {
  const s = await setup(t);
  const line = await subscribed(s, ['BTC.trade'], { trade: at(7) });
  s.client.close();
  assert.equal(await line.closed, 1000);
  assert.deepEqual(s.clock.waits, []);
  assert.deepEqual(s.told.of('close'), [{ code: 1000, reason: 'closed by the client', final: true }]);
  s.client.close();
  assert.equal(s.told.of('close').length, 1);

  s.client.connect();
  s.client.connect();
  const next = await s.peer.line();
  next.welcome();
  assert.deepEqual((await next.command('subscribe')).data, { channels: ['BTC.trade'], cursor: { trade: at(7) } });
});

test('close() during the wait, and while dialling', async (t) => {
  const s = await setup(t);
  s.peer.refuse = true;
  s.client.connect();
  await s.told.nth('reconnecting');
  s.client.close();
  assert.deepEqual(s.clock.waits, []);
  s.client.connect();
  s.client.close();
  assert.equal(s.client.state, 'closed');
  assert.deepEqual(s.clock.waits, []);
});

test('close() from any handler ends everything', async (t) => {
  for (const type of ['state', 'open', 'message', 'ack', 'close', 'reconnecting', 'error']) {
    const s = await setup(t);
    const off = s.client.on(type, (detail) => {
      if (type === 'state' && detail !== 'open') return;
      off();
      s.client.close();
    });
    s.client.subscribe(['BTC.trade']);
    s.client.connect();
    const line = await s.peer.line();
    line.welcome();
    line.command('subscribe').then((command) => {
      line.ack(command, { trade: at(1) });
      line.message('BTC.trade', 0, 2);
      line.error(null, 'INTERNAL');
      line.cut();
    });
    while (s.client.state !== 'closed') await s.told.nth('state', s.told.of('state').length + 1);
    assert.deepEqual(s.clock.waits, [], type);
  }
});

test('an address that is none stops at once', async (t) => {
  const s = await setup(t, { url: 'http://[' });
  s.client.connect();
  assert.equal(s.client.state, 'closed');
  assert.equal(s.told.of('error')[0].code, 'CONNECT');
  assert.deepEqual(s.clock.waits, []);
});

test('without a WebSocket the constructor says what to pass', (t) => {
  const { WebSocket } = globalThis; // Node 22 has one
  t.after(() => { globalThis.WebSocket = WebSocket; });
  globalThis.WebSocket = undefined;
  assert.throws(() => new Client('ws://x'), /options.WebSocket/);
});
