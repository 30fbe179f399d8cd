import assert from 'node:assert/strict';
import test from 'node:test';
import { setup } from '../peer/peer.js';

/** A token that expires in so many seconds of the tests' clock; n tells tokens apart. */
const token = (seconds, n = 0) => ['h', btoa(JSON.stringify({ exp: 1_700_000_000 + seconds, n, s: '???>>>' })), 's']
  .map((part) => part.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')).join('.');

test('the token goes beside ws.v1', async (t) => {
  const s = await setup(t, { token: 'a.b.c' });
  s.client.connect();
  assert.deepEqual((await s.peer.line()).offered, ['ws.v1', 'bearer.a.b.c']);
});

test('without a token ws.v1 stands alone', async (t) => {
  const s = await setup(t);
  s.client.connect();
  assert.deepEqual((await s.peer.line()).offered, ['ws.v1']);
});

test('a token is renewed 30 s before it expires, through auth', async (t) => {
  let n = 0;
  const s = await setup(t, { getToken: async () => token(n === 0 ? 60 : 3600, n++) });
  s.client.connect();
  const line = await s.peer.line();
  line.welcome();
  await s.told.nth('open');
  s.clock.advance(12_500);
  line.pong(await line.command('heartbeat'));
  await s.told.nth('pong');
  s.clock.advance(17_499);
  assert.deepEqual(await line.quiet(), []);
  s.clock.advance(1);
  const auth = await line.command('auth');
  assert.deepEqual(auth.data, { token: token(3600, 1) });
  line.send({ type: 'auth_ack', id: auth.id, expires: s.clock.now() + 90_000 });
  assert.deepEqual(await s.told.nth('auth'), { expires: s.clock.now() + 90_000 });
  assert.ok(s.clock.waits.includes(60_000));
});

test('a short-lived token is renewed half-way', async (t) => {
  const s = await setup(t, { getToken: () => token(10) });
  s.client.connect();
  (await s.peer.line()).welcome();
  await s.told.nth('open');
  assert.ok(s.clock.waits.includes(5000));
});

test('a renewal that is refused or fails is told and tried again; the line stays', async (t) => {
  let n = 0;
  const s = await setup(t, {
    getToken: async () => {
      if (n++ === 2) throw new Error('login is down');
      return token(40, n);
    },
  });
  s.client.connect();
  const line = await s.peer.line();
  line.welcome({ heartbeat_ms: 1_000_000 });
  await s.told.nth('open');
  s.clock.advance(20_000);
  line.error(await line.command('auth'), 'UNAUTHORIZED');
  assert.equal((await s.told.nth('error')).code, 'UNAUTHORIZED');
  s.clock.advance(10_000);
  const failed = await s.told.nth('error', 2);
  assert.deepEqual([failed.code, failed.cause.message], ['TOKEN', 'login is down']);
  s.clock.advance(5000);
  await line.command('auth');
  assert.equal(s.client.state, 'open');
});

test('4501 gets a new token, after the backoff', async (t) => {
  let n = 0;
  const s = await setup(t, { getToken: async () => `t${++n}` });
  s.client.connect();
  const line = await s.peer.line();
  assert.equal(line.offered[1], 'bearer.t1');
  line.close(4501);
  assert.deepEqual(await s.told.nth('reconnecting'), { delayMs: 500, code: 4501 });
  s.clock.advance(500);
  const next = await s.peer.line();
  assert.equal(next.offered[1], 'bearer.t2');
  next.welcome();
  await s.told.nth('open');
});

test('4501 with the same token again, or with none to get, is final', async (t) => {
  for (const options of [{ getToken: async () => 'same' }, { token: 'same' }]) {
    const s = await setup(t, options);
    s.client.connect();
    (await s.peer.line()).close(4501, 'expired');
    if (options.getToken) {
      await s.told.nth('reconnecting');
      s.clock.advance(500);
    }
    await s.told.nth('close', options.getToken ? 2 : 1);
    assert.equal(s.told.of('close').at(-1).final, true);
    assert.equal(s.told.of('close').at(-1).code, 4501);
    assert.equal(s.client.state, 'closed');
  }
});

test('getToken that fails is asked again after the backoff', async (t) => {
  let n = 0;
  const s = await setup(t, {
    getToken: () => {
      if (n++ === 0) throw new Error('offline');
      return 'fine';
    },
  });
  s.client.connect();
  assert.equal((await s.told.nth('error')).code, 'TOKEN');
  await s.told.nth('reconnecting');
  s.clock.advance(500);
  assert.equal((await s.peer.line()).offered[1], 'bearer.fine');
});

test('a client closed while it waits for its token stays closed', async (t) => {
  let give;
  const s = await setup(t, { getToken: () => new Promise((resolve) => { give = resolve; }) });
  s.client.connect();
  s.client.close();
  give('late');
  await new Promise(setImmediate);
  assert.equal(s.client.state, 'closed');
  assert.deepEqual(s.clock.waits, []);
});

test('a token that cannot stand in a header stops at once', async (t) => {
  const s = await setup(t, { token: 'a b' });
  s.client.connect();
  assert.equal(s.told.of('error')[0].code, 'CONNECT');
  assert.equal(s.client.state, 'closed');
});
