// The client against a real server, which whoever runs this has started:
//
//   WS_URL        ws://127.0.0.1:3005/ws
//   WS_ADMIN_URL  http://127.0.0.1:3905
//   WS_SYMBOL     a symbol with records of several events; BTC if not given
//
// with records coming in as scenario.js says. Nothing else may be connected: the last test moves all connections.

import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { WebSocket } from 'ws';
import { Client } from '../client.js';
import { scenario, tapped, until } from './scenario.js';

const { WS_URL: url, WS_ADMIN_URL: admin, WS_SYMBOL: symbol } = process.env;
assert.ok(url && admin, 'WS_URL and WS_ADMIN_URL say where the server is');

for (const { name, run } of scenario({ Client, WebSocket, url, symbol })) test(name, { timeout: 60_000 }, run);

test('moves when the server asks it to, with nothing missing', { timeout: 60_000 }, async () => {
  const tap = tapped(Client, WebSocket, url);
  after(() => tap.client.close());
  tap.client.connect();
  await tap.client.subscribe(['*.trade']);
  await until(() => tap.tally.total > 20, tap.summary);

  const response = await fetch(`${admin}/rebalance?connections=1&rate=10`, { method: 'POST' });
  assert.ok(response.ok, `${response.status} ${await response.text()}`);
  await until(() => tap.told.close.length > 0, tap.summary);
  const [notice] = tap.told.notice;
  assert.equal(notice.code, 'REBALANCE');
  assert.equal(tap.told.close[0].code, 4005);
  assert.deepEqual(tap.told.reconnecting, [{ delayMs: notice.reconnectInMs, code: 4005 }]);

  await until(() => tap.told.replayComplete.length > 0, tap.summary);
  const { total } = tap.tally;
  await until(() => tap.tally.total > total + 20, tap.summary);
  tap.tally.check();
  assert.deepEqual(tap.told.notRecovered, []);
  assert.deepEqual(tap.told.ledger, []);
});
