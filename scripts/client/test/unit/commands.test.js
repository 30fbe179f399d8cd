import assert from 'node:assert/strict';
import test from 'node:test';
import { at, setup, subscribed } from '../peer/peer.js';

async function opened(t, options, welcome) {
  const s = await setup(t, options);
  s.client.connect();
  s.line = await s.peer.line();
  s.line.welcome(welcome);
  await s.told.nth('open');
  return s;
}

/** Cuts the line and gives the next one, welcomed. */
async function cutAndReturn(s, line, welcome) {
  line.cut();
  await s.told.nth('reconnecting', s.told.of('reconnecting').length + 1);
  s.clock.advance(1000);
  const next = await s.peer.line();
  next.welcome(welcome);
  return next;
}

const limits = (change) => ({ limits: { message_bytes: 65_536, channels: 256, commands_per_s: 10, ...change } });

test('a subscribe resolves with its answer, an unsubscribe of all too', async (t) => {
  const s = await opened(t);
  const done = s.client.subscribe(['BTC.trade', 'BTC.trade']);
  const command = await s.line.command('subscribe');
  assert.deepEqual(command.data, { channels: ['BTC.trade'] });
  s.line.ack(command, { trade: at(1) });
  assert.deepEqual(await done, { subscribed: ['BTC.trade'], count: 1, recovered: true, lost: [] });
  assert.deepEqual(s.client.channels, ['BTC.trade']);

  const all = s.client.unsubscribe();
  const off = await s.line.command('unsubscribe');
  assert.equal('data' in off, false);
  s.line.send({ type: 'unsubscription_ack', id: off.id, unsubscribed: ['BTC.trade'], count: 0 });
  assert.deepEqual(await all, { unsubscribed: ['BTC.trade'], count: 0 });
  assert.deepEqual(s.client.channels, []);
  assert.deepEqual(s.client.cursor, {});
});

test('a refused subscribe rejects with its code and leaves the others', async (t) => {
  const s = await opened(t);
  const bad = s.client.subscribe(['BTC.nothing']);
  const good = s.client.subscribe(['BTC.trade']);
  const command = await s.line.command('subscribe');
  s.line.error(command, 'CHANNEL_INVALID');
  await assert.rejects(bad, { name: 'ClientError', code: 'CHANNEL_INVALID', temporary: false, channels: ['BTC.nothing'] });
  s.line.ack(await s.line.command('subscribe'), { trade: at(1) });
  await good;
  assert.deepEqual(s.client.channels, ['BTC.trade']);
  assert.equal(s.told.of('error')[0].code, 'CHANNEL_INVALID');
});

for (const channels of [[], 'BTC.trade', [1], undefined, null]) {
  test(`what no server would take is not sent: ${JSON.stringify(channels)}`, async (t) => {
    const s = await opened(t);
    await assert.rejects(s.client.subscribe(channels), { code: 'BAD_REQUEST' });
    assert.deepEqual(await s.line.quiet(), []);
  });
}

test('last is from 1 to 100', async (t) => {
  const s = await opened(t);
  for (const last of [-1, 101, 1.5, '5']) await assert.rejects(s.client.subscribe(['A.b'], { last }), { code: 'BAD_REQUEST' });
});

for (const code of ['BUSY', 'UNAVAILABLE', 'RATE_LIMIT_EXCEEDED']) {
  test(`${code} is tried again, later each time, and nothing else in between`, async (t) => {
    const s = await opened(t, { backoff: { baseMs: 100, maxMs: 300 } });
    const done = s.client.subscribe(['BTC.trade']);
    s.client.subscribe(['ETH.trade']);
    for (const [i, wait] of [75, 150, 225, 225].entries()) {
      s.line.error(await s.line.command('subscribe'), code, true);
      const error = await s.told.nth('error', i + 1);
      assert.deepEqual([error.code, error.temporary], [code, true]);
      assert.equal(s.clock.waits[0], wait);
      assert.deepEqual(await s.line.quiet(), []);
      s.clock.advance(wait);
    }
    const command = await s.line.command('subscribe');
    assert.deepEqual(command.data, { channels: ['BTC.trade'] });
    s.line.ack(command, { trade: at(1) });
    await done;
    assert.deepEqual((await s.line.command('subscribe')).data, { channels: ['ETH.trade'] });
  });
}

test('a replaying command waits for the end of the replay before it; what stands behind it waits too', async (t) => {
  const s = await opened(t);
  s.client.subscribe(['A.trade'], { last: 5 });
  s.client.subscribe(['B.trade'], { last: 5 });
  const first = await s.line.command('subscribe');
  s.line.ack(first, { trade: at(1) });
  s.line.message('A.trade', 0, 1);
  assert.deepEqual(await s.line.quiet(), []);
  s.line.replayComplete(first, 1, { trade: at(1) });
  assert.deepEqual((await s.line.command('subscribe')).data, { channels: ['B.trade'], last: 5 });
});

test('commands stay below the rate that the welcome told', async (t) => {
  const s = await opened(t, {}, limits({ commands_per_s: 2 }));
  const calls = ['A', 'B', 'C'].map((symbol) => s.client.subscribe([`${symbol}.trade`]));
  for (let i = 0; i < 2; i++) s.line.ack(await s.line.command('subscribe'), { trade: at(1) });
  await calls[1];
  assert.equal(s.clock.waits[0], 1000);
  assert.deepEqual(await s.line.quiet(), []);
  s.clock.advance(1000);
  s.line.ack(await s.line.command('subscribe'), { trade: at(1) });
  await calls[2];
});

test('without limits (null) nothing is split or held back', async (t) => {
  const s = await opened(t, {}, limits({ message_bytes: null, channels: null, commands_per_s: null }));
  const channels = Array.from({ length: 5000 }, (_, i) => `SYMBOL${i}.trade`);
  s.client.subscribe(channels);
  assert.deepEqual((await s.line.command('subscribe')).data, { channels });
});

test('a call not answered before the line broke is answered after', async (t) => {
  const s = await opened(t);
  const line = s.line;
  const one = s.client.subscribe(['A.trade']);
  const two = s.client.subscribe(['B.trade']);
  const off = s.client.unsubscribe(['A.trade']);
  await line.command('subscribe');
  const next = await cutAndReturn(s, line);
  await assert.rejects(one, { code: 'CANCELLED' });
  assert.deepEqual(await off, { unsubscribed: ['A.trade'], count: 1 });
  const command = await next.command('subscribe');
  assert.deepEqual(command.data, { channels: ['B.trade'] });
  next.ack(command, { trade: at(1) });
  await two;
  assert.deepEqual(await next.quiet(), []);
});

test('`last` not answered before the line broke is asked again, apart from the resume', async (t) => {
  const s = await setup(t);
  const line = await subscribed(s, ['A.trade'], { trade: at(1) });
  s.client.subscribe(['B.trade'], { last: 3 });
  await line.command('subscribe');
  const next = await cutAndReturn(s, line);
  const resume = await next.command('subscribe');
  assert.deepEqual(resume.data, { channels: ['A.trade'], cursor: { trade: at(1) } });
  next.ack(resume, { trade: at(1) });
  next.replayComplete(resume, 0, { trade: at(1) });
  assert.deepEqual((await next.command('subscribe')).data, { channels: ['B.trade'], last: 3 });
});

test('what is unsubscribed while the line is down is not resumed', async (t) => {
  const s = await setup(t);
  const line = await subscribed(s, ['A.trade', 'B.social'], { trade: at(1), social: at(2) });
  line.cut();
  await s.told.nth('reconnecting');
  assert.deepEqual(await s.client.unsubscribe(['A.trade']), { unsubscribed: ['A.trade'], count: 1 });
  assert.deepEqual(s.client.cursor, { social: at(2) });
  s.clock.advance(1000);
  const next = await s.peer.line();
  next.welcome();
  assert.deepEqual((await next.command('subscribe')).data, { channels: ['B.social'], cursor: { social: at(2) } });
});

test('one bad call among several does not take the resume with it', async (t) => {
  const s = await setup(t);
  const line = await subscribed(s, ['A.trade'], { trade: at(1) });
  line.cut();
  await s.told.nth('reconnecting');
  const bad = s.client.subscribe(['B.nothing']);
  const good = s.client.subscribe(['C.trade']);
  s.clock.advance(1000);
  const next = await s.peer.line();
  next.welcome();
  const together = await next.command('subscribe');
  assert.deepEqual(together.data.channels.sort(), ['A.trade', 'B.nothing', 'C.trade']);
  next.error(together, 'CHANNEL_INVALID');
  const resume = await next.command('subscribe');
  assert.deepEqual(resume.data, { channels: ['A.trade'], cursor: { trade: at(1) } });
  next.ack(resume, { trade: at(1) });
  next.replayComplete(resume, 0, { trade: at(1) });
  next.error(await next.command('subscribe'), 'CHANNEL_INVALID');
  await assert.rejects(bad, { code: 'CHANNEL_INVALID' });
  next.ack(await next.command('subscribe'), { trade: at(1) });
  await good;
  assert.deepEqual(s.client.channels, ['A.trade', 'C.trade']);
});

test('channels refused at a resume are told and given up', async (t) => {
  const s = await setup(t);
  const line = await subscribed(s, ['A.trade'], { trade: at(1) });
  const next = await cutAndReturn(s, line);
  next.error(await next.command('subscribe'), 'FORBIDDEN');
  const error = await s.told.nth('error');
  assert.deepEqual([error.code, error.channels], ['FORBIDDEN', ['A.trade']]);
  assert.deepEqual(s.client.channels, []);
});

test('a server that takes fewer channels than are held gets as many as it takes', async (t) => {
  const s = await setup(t);
  const line = await subscribed(s, ['A.trade', 'B.trade', 'C.trade'], { trade: at(1) });
  const next = await cutAndReturn(s, line, limits({ channels: 2 }));
  assert.deepEqual((await next.command('subscribe')).data.channels, ['A.trade', 'B.trade']);
  const error = s.told.of('error')[0];
  assert.deepEqual([error.code, error.channels], ['CHANNEL_LIMIT', ['C.trade']]);
});

test('calls beyond the limit are asked on their own, after the resume', async (t) => {
  const s = await setup(t);
  const line = await subscribed(s, ['A.trade', 'B.trade'], { trade: at(1) });
  line.cut();
  await s.told.nth('reconnecting');
  const over = s.client.subscribe(['C.trade']);
  s.clock.advance(1000);
  const next = await s.peer.line();
  next.welcome(limits({ channels: 2 }));
  const resume = await next.command('subscribe');
  assert.deepEqual(resume.data, { channels: ['A.trade', 'B.trade'], cursor: { trade: at(1) } });
  next.ack(resume, { trade: at(1) });
  next.error(await next.command('subscribe'), 'CHANNEL_LIMIT');
  await assert.rejects(over, { code: 'CHANNEL_LIMIT' });
});

test('calls that pass the limit together are asked one by one from the start', async (t) => {
  const s = await setup(t);
  const one = s.client.subscribe(['A.trade']);
  const two = s.client.subscribe(['B.trade']);
  s.client.connect();
  const line = await s.peer.line();
  line.welcome(limits({ channels: 1 }));
  line.ack(await line.command('subscribe'), { trade: at(1) });
  assert.equal((await one).count, 1);
  line.error(await line.command('subscribe'), 'CHANNEL_LIMIT');
  await assert.rejects(two, { code: 'CHANNEL_LIMIT' });
});

test('a resume larger than a message goes by events, one replay after the other', async (t) => {
  const trades = Array.from({ length: 20 }, (_, i) => `SYMBOL${i}.trade`);
  const socials = Array.from({ length: 20 }, (_, i) => `SYMBOL${i}.social`);
  const cursor = { trade: at(10), social: at(20) };
  const s = await setup(t, { cursor });
  const line = await subscribed(s, [...trades, ...socials], cursor);
  const next = await cutAndReturn(s, line, limits({ message_bytes: 600 }));
  const first = await next.command('subscribe');
  assert.deepEqual(first.data, { channels: trades, cursor: { trade: at(10) } });
  next.ack(first, { trade: at(10) });
  await s.told.nth('ack', 2);
  assert.deepEqual(await next.quiet(), []);
  next.message('SYMBOL1.trade', 0, 11);
  next.replayComplete(first, 1, { trade: at(11) });
  const second = await next.command('subscribe');
  assert.deepEqual(second.data, { channels: socials, cursor: { social: at(20) } });
  next.ack(second, { trade: at(11), social: at(20) });
  next.replayComplete(second, 0, { trade: at(11), social: at(20) });
  await s.told.nth('replayComplete', 3);
  assert.deepEqual(s.client.cursor, { trade: at(11), social: at(20) });
  assert.deepEqual(s.told.of('notRecovered'), []);
});

test('what cannot be resumed in one message is told as not recovered', async (t) => {
  const channels = Array.from({ length: 40 }, (_, i) => `SYMBOL${i}.trade`);
  const s = await setup(t, { cursor: { trade: at(10) } });
  s.client.connect();
  const line = await s.peer.line();
  line.welcome(limits({ message_bytes: 600 }));
  const done = s.client.subscribe(channels);
  const sent = [];
  let last = 0;
  while (sent.length < 40) {
    const command = await line.command('subscribe');
    assert.ok(JSON.stringify(command).length <= 600);
    assert.deepEqual(command.data.cursor, sent.length === 0 ? { trade: at(10) } : undefined);
    sent.push(...command.data.channels);
    last = command.data.channels.length;
    line.ack(command, { trade: at(10) });
    if (command.data.cursor) line.replayComplete(command, 0, { trade: at(10) });
  }
  assert.deepEqual(sent, channels);
  assert.deepEqual(await done, { subscribed: channels, count: last, recovered: false, lost: ['trade'] });
});

test('more channels of a held event than fit in a message lose nothing', async (t) => {
  const s = await setup(t);
  const line = await subscribed(s, ['A.trade'], { trade: at(10) }, limits({ message_bytes: 600 }));
  const done = s.client.subscribe(Array.from({ length: 40 }, (_, i) => `SYMBOL${i}.trade`));
  for (let n = 0; n < 40;) {
    const command = await line.command('subscribe');
    n += command.data.channels.length;
    line.ack(command, { trade: at(10) });
  }
  assert.deepEqual((await done).lost, []);
});

test('a wildcard event ties all events to its command', async (t) => {
  const socials = Array.from({ length: 27 }, (_, i) => `SYMBOL${i}.social`);
  const s = await setup(t, { cursor: { trade: at(10), social: at(20) } });
  s.client.connect();
  const line = await s.peer.line();
  line.welcome(limits({ message_bytes: 600 }));
  const done = s.client.subscribe([...socials, 'BTC.*']);
  for (let n = 0; n < 28;) {
    const command = await line.command('subscribe');
    assert.equal(command.data.channels.includes('BTC.*'), n === 0);
    assert.deepEqual(command.data.cursor, n === 0 ? { trade: at(10), social: at(20) } : undefined);
    n += command.data.channels.length;
    line.ack(command, { trade: at(10), social: at(20) });
    if (command.data.cursor) line.replayComplete(command, 0);
  }
  assert.deepEqual((await done).lost, ['social']);
});

test('nothing stays of a call that was refused half-way', async (t) => {
  const s = await setup(t);
  const line = await subscribed(s, ['A.trade'], { trade: at(1) }, limits({ message_bytes: 600 }));
  const call = s.client.subscribe(Array.from({ length: 40 }, (_, i) => `SYMBOL${i}.trade`));
  const first = await line.command('subscribe');
  line.ack(first, { trade: at(1) });
  line.error(await line.command('subscribe'), 'FORBIDDEN');
  await assert.rejects(call, { code: 'FORBIDDEN' });
  assert.deepEqual((await line.command('unsubscribe')).data, { channels: first.data.channels });
  assert.deepEqual(s.client.channels, ['A.trade']);
});

test('a rejection that nobody takes ends no process', async (t) => {
  const s = await opened(t);
  const unhandled = [];
  const note = (reason) => unhandled.push(reason);
  process.on('unhandledRejection', note);
  t.after(() => process.off('unhandledRejection', note));
  s.client.subscribe(['A.nothing']);
  s.line.error(await s.line.command('subscribe'), 'CHANNEL_INVALID');
  await s.told.nth('error');
  await new Promise(setImmediate);
  assert.deepEqual(unhandled, []);
});
