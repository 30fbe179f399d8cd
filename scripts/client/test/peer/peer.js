import { once } from 'node:events';
import { WebSocketServer, WebSocket } from 'ws';
import { Client } from '../../client.js';
import { Clock } from './clock.js';

/** The server's end of one connection: a test says what it sends, and sees what came. */
export class Line {
  seq = 0;
  replayed = 0;
  #socket;
  #commands = [];
  #waiting = [];

  constructor(socket, request) {
    this.#socket = socket;
    this.offered = request.headers['sec-websocket-protocol'].split(/, ?/);
    this.closed = once(socket, 'close').then(([code]) => code);
    socket.on('message', (data) => {
      const command = JSON.parse(data);
      const taker = this.#waiting.shift();
      if (taker) taker(command);
      else this.#commands.push(command);
    });
  }

  /** The next command, which must be of this type. */
  async command(type) {
    const command = this.#commands.shift() ?? await new Promise((resolve) => this.#waiting.push(resolve));
    if (command.type !== type) throw new Error(`expected ${type}, got ${JSON.stringify(command)}`);
    return command;
  }

  /** Commands nobody asked for, once all that the client has sent by now, and in answer to what it was sent, is here. */
  async quiet() {
    this.#socket.ping();
    await once(this.#socket, 'pong');
    return this.#commands;
  }

  send(frame) {
    this.#socket.send(typeof frame === 'object' && !Buffer.isBuffer(frame) ? JSON.stringify(frame) : frame);
  }

  welcome(change = {}) {
    this.send({
      type: 'welcome', conn: '01J', server: 'peer', version: '1.0.0', heartbeat_ms: 25_000,
      limits: { message_bytes: 65_536, channels: 256, commands_per_s: 10 }, ...change,
    });
  }

  /** A data message as the server renders it, the padded seq included. */
  message(channel, partition, offset, data = { n: 1 }) {
    const event = channel.split('.')[1];
    this.send(`{"seq":${String(++this.seq).padEnd(16)},"type":"message","channel":"${channel}","pos":"${event}/${partition}:${offset}",` +
      `"ts":1700000000000,"data":${typeof data === 'string' ? data : JSON.stringify(data)}}`);
  }

  ack(command, cursor = {}, lost = []) {
    const { channels } = command.data;
    const resumed = command.data.cursor ? { recovered: lost.length === 0, lost } : {};
    this.send({ type: 'subscription_ack', id: command.id, subscribed: channels, count: channels.length, cursor, ...resumed });
  }

  replayComplete(command, replayed, cursor = {}) {
    this.replayed += replayed;
    this.send({ type: 'replay_complete', id: command.id, replayed, cursor });
  }

  pong(command, change = {}) {
    this.send({ type: 'pong', id: command.id, ts: 1, cursor: {}, sent: this.seq, merged: 0, replayed: this.replayed, ...change });
  }

  error(command, code, temporary = false) {
    this.send({ type: 'error', id: command?.id, code, message: code.toLowerCase(), temporary });
  }

  close(code, reason) {
    this.#socket.close(code, reason);
  }

  cut() {
    this.#socket.terminate();
  }
}

/** A WebSocket server whose every frame a test decides. */
export class Peer {
  #server;
  #lines = [];
  #waiting = [];
  refuse = false;

  static async start() {
    const peer = new Peer();
    peer.#server = new WebSocketServer({
      port: 0,
      host: '127.0.0.1',
      handleProtocols: (offered) => offered.has('ws.v1') && 'ws.v1',
      verifyClient: (info, done) => done(!peer.refuse, 503),
    });
    peer.#server.on('connection', (socket, request) => {
      socket.on('error', () => {});
      const line = new Line(socket, request);
      const taker = peer.#waiting.shift();
      if (taker) taker(line);
      else peer.#lines.push(line);
    });
    await once(peer.#server, 'listening');
    peer.url = `ws://127.0.0.1:${peer.#server.address().port}/ws`;
    return peer;
  }

  /** The next connection. */
  async line() {
    return this.#lines.shift() ?? new Promise((resolve) => this.#waiting.push(resolve));
  }

  stop() {
    for (const socket of this.#server.clients) socket.terminate();
    this.#server.close();
  }
}

/** A peer, a client of it on a clock of its own, and what the client told. */
export async function setup(t, options = {}) {
  const peer = await Peer.start();
  const clock = new Clock();
  const client = new Client(options.url ?? peer.url, { WebSocket, timers: clock.timers, random: () => 0.5, ...options });
  const told = record(client);
  t.after(() => {
    client.close();
    peer.stop();
  });
  return { peer, clock, client, told };
}

/** Every event of the client, in order, and a way to wait for one. */
export function record(client) {
  const events = [];
  const waiting = new Set();
  for (const type of ['message', 'open', 'close', 'reconnecting', 'ack', 'replayComplete', 'notRecovered', 'gap', 'notice', 'pong',
    'ledger', 'auth', 'error', 'state']) {
    client.on(type, (detail) => {
      events.push({ type, detail });
      for (const check of waiting) check();
    });
  }
  return {
    events,
    of: (type) => events.filter((event) => event.type === type).map((event) => event.detail),
    /** The nth event of the type, once it is there. */
    nth(type, n = 1) {
      return new Promise((resolve) => {
        const check = () => {
          const found = this.of(type);
          if (found.length < n) return;
          waiting.delete(check);
          resolve(found[n - 1]);
        };
        waiting.add(check);
        check();
      });
    },
  };
}

/** Connects the client and subscribes it: the usual beginning. */
export async function subscribed({ peer, client }, channels, cursor, welcome) {
  client.connect();
  const line = await peer.line();
  line.welcome(welcome);
  const done = client.subscribe(channels);
  const command = await line.command('subscribe');
  line.ack(command, cursor);
  if (command.data.cursor) line.replayComplete(command, 0, cursor);
  await done;
  return line;
}

export const at = (...offsets) => ({ log: 'a1', at: offsets });
