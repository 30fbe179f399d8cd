import assert from 'node:assert/strict';
import test from 'node:test';
import { at, setup, subscribed } from '../peer/peer.js';

const text = (bytes) => new TextDecoder().decode(bytes);

test('a message tells where it comes from', async (t) => {
  const s = await setup(t);
  const line = await subscribed(s, ['BTC.trade'], { trade: at(-1) });
  line.message('BTC.trade', 3, 4711, { price: 1.5 });
  const { seq, channel, symbol, event, partition, offset, pos, ts, data } = await s.told.nth('message');
  assert.deepEqual({ seq, channel, symbol, event, partition, offset, pos, ts, data }, {
    seq: 1, channel: 'BTC.trade', symbol: 'BTC', event: 'trade', partition: 3, offset: 4711, pos: 'trade/3:4711', ts: 1_700_000_000_000,
    data: { price: 1.5 },
  });
});

for (const value of ['{"n": 12345678901234567890}', '[1,\n2] ', '"a\\u00e9\u00e9"', '7', '{"data":{}}', 'false']) {
  test(`the bytes are the record's own: ${JSON.stringify(value)}`, async (t) => {
    const s = await setup(t);
    const line = await subscribed(s, ['BTC.trade'], { trade: at(-1) });
    line.message('BTC.trade', 0, 1, value);
    const message = await s.told.nth('message');
    assert.equal(text(message.bytes()), value);
    assert.deepEqual(message.data, JSON.parse(value));
  });
}

test('a symbol with quotes does not hide where the data begins', async (t) => {
  const s = await setup(t);
  const line = await subscribed(s, ['*.trade'], { trade: at(-1) });
  line.send('{"seq":1               ,"type":"message","channel":"\\"data\\":\\"x.trade","pos":"trade/0:1","ts":1,"data":{"a":1}}');
  const message = await s.told.nth('message');
  assert.equal(message.symbol, '"data":"x');
  assert.equal(text(message.bytes()), '{"a":1}');
});

test('a tombstone has neither data nor bytes', async (t) => {
  const s = await setup(t);
  const line = await subscribed(s, ['BTC.trade'], { trade: at(-1) });
  line.message('BTC.trade', 0, 1, null);
  const message = await s.told.nth('message');
  assert.equal(message.data, null);
  assert.equal(message.bytes(), null);
});

test('a value that is not JSON comes as bytes, an empty one too', async (t) => {
  const s = await setup(t);
  const line = await subscribed(s, ['BTC.trade'], { trade: at(-1) });
  for (const [i, bytes] of [[0, 255, 10], []].entries()) {
    line.send(`{"seq":${i + 1},"type":"message","channel":"BTC.trade","pos":"trade/0:${i}","ts":1,` +
      `"data_base64":"${Buffer.from(bytes).toString('base64')}"}`);
    const message = await s.told.nth('message', i + 1);
    assert.equal(message.data, undefined);
    assert.deepEqual(message.bytes(), Uint8Array.from(bytes));
  }
});
