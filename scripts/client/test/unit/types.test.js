import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import ts from 'typescript';
import { WebSocket } from 'ws';
import { Client, ClientError, Message } from '../../client.js';

// client.d.ts is written by hand; what it declares must be what is there.
const file = new URL('../../client.d.ts', import.meta.url);
const source = ts.createSourceFile('client.d.ts', readFileSync(file, 'utf8'), ts.ScriptTarget.Latest);

function declared(name) {
  const node = source.statements.find((statement) => statement.name?.text === name);
  return node.members.filter((member) => member.name).map((member) => member.name.text).sort();
}

const own = (object) => Object.getOwnPropertyNames(object).filter((name) => name !== 'constructor');

test('the types declare what a Client has', () => {
  assert.deepEqual(declared('Client'), own(Client.prototype).sort());
});

test('the types declare what a Message has', () => {
  const frame = { seq: 1, channel: 'A.b', pos: 'b/0:1', ts: 1, data: 1 };
  assert.deepEqual(declared('Message'), [...own(new Message(frame, '')), ...own(Message.prototype)].sort());
});

test('the types declare what a ClientError has', () => {
  const inherited = ['message', 'name', 'stack', 'cause'];
  assert.deepEqual(declared('ClientError'), own(new ClientError('A', '')).filter((name) => !inherited.includes(name)).sort());
});

test('the types declare every event', () => {
  const client = new Client('ws://x', { WebSocket });
  for (const type of declared('Events')) client.on(type, () => {});
  assert.throws(() => client.on('', () => {}), ({ message }) => {
    assert.deepEqual(message.slice(message.indexOf('one of ') + 7).split(', ').sort(), declared('Events'));
    return true;
  });
});

test('the types declare every figure of stats()', () => {
  const stats = new Client('ws://x', { WebSocket }).stats();
  assert.deepEqual(declared('Stats'), Object.keys(stats).sort());
});
