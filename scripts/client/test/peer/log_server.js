import { once } from 'node:events';
import { WebSocketServer } from 'ws';

/**
 * A small honest server: logs in memory, subscriptions, replays and live messages by the rules of the protocol's
 * sections 3 to 5, and its errors where a command breaks them. Its replays take several turns, so that commands, live
 * records and cuts fall into them.
 */
export class LogServer {
  #server;
  #connections = new Set();
  #logs; // event -> {name, partitions: [[record]]}
  #counts = new Map(); // channel -> n of its newest record
  refusals = []; // what commands were refused for: a correct client hears only what a test provokes
  messageBytes = 65_536;
  unavailable = 0; // this many subscribes are refused as UNAVAILABLE

  static async start(events, partitions) {
    const server = new LogServer();
    server.#logs = new Map(events.map((event) => [event, { name: `log-${event}`, partitions: Array.from({ length: partitions }, () => []) }]));
    server.#server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'ws.v1' });
    server.#server.on('connection', (socket) => server.#serve(socket));
    await once(server.#server, 'listening');
    server.url = `ws://127.0.0.1:${server.#server.address().port}/ws`;
    return server;
  }

  /** Appends the channel's next record: {n}, counting 1, 2, 3, ... */
  append(channel) {
    const [symbol, event] = channel.split('.');
    const { partitions } = this.#logs.get(event);
    const partition = symbol.charCodeAt(0) % partitions.length;
    const n = (this.#counts.get(channel) ?? 0) + 1;
    this.#counts.set(channel, n);
    partitions[partition].push({ channel, n });
    for (const connection of this.#connections) this.#pull(connection, Infinity);
  }

  count(channel) {
    return this.#counts.get(channel) ?? 0;
  }

  ends(event) {
    const { name, partitions } = this.#logs.get(event);
    return { log: name, at: partitions.map((records) => records.length - 1) };
  }

  cut() {
    for (const { socket } of this.#connections) socket.terminate();
  }

  drain() {
    for (const connection of this.#connections) {
      this.#send(connection, { type: 'notice', code: 'DRAIN', reconnect_in_ms: 1 });
      this.#pull(connection, Infinity);
      this.#send(connection, { type: 'bye', code: 4000, ...this.#ledger(connection) });
      connection.socket.close(4000);
      this.#connections.delete(connection);
    }
  }

  stop() {
    this.cut();
    this.#server.close();
  }

  #serve(socket) {
    const connection = { socket, patterns: new Set(), at: new Map(), seq: 0, replayed: 0, replay: null };
    this.#connections.add(connection);
    socket.on('error', () => {});
    socket.on('close', () => this.#connections.delete(connection));
    socket.on('message', (data) => this.#command(connection, JSON.parse(data)));
    this.#send(connection, {
      type: 'welcome', conn: '1', server: 'log', version: '1', heartbeat_ms: 40,
      limits: { message_bytes: this.messageBytes, channels: 64, commands_per_s: 1000 },
    });
  }

  #command(connection, { type, id, data }) {
    if (type === 'subscribe') this.#subscribe(connection, id, data);
    if (type === 'heartbeat') this.#send(connection, { type: 'pong', id, ts: 1, ...this.#ledger(connection) });
    if (type === 'unsubscribe') {
      const gone = (data?.channels ?? [...connection.patterns]).filter((pattern) => connection.patterns.delete(pattern));
      for (const event of [...connection.at.keys()]) if (!this.#holds(connection.patterns, event)) connection.at.delete(event);
      this.#send(connection, { type: 'unsubscription_ack', id, unsubscribed: gone, count: connection.patterns.size });
    }
  }

  #subscribe(connection, id, { channels, cursor, last }) {
    const refuse = (code, temporary = false) => {
      this.refusals.push(code);
      this.#send(connection, { type: 'error', id, code, message: code, temporary });
    };
    if (this.unavailable > 0) {
      this.unavailable--;
      return refuse('UNAVAILABLE', true);
    }
    const events = [...this.#logs.keys()];
    if (!channels.every((pattern) => pattern.endsWith('.*') || events.includes(pattern.split('.')[1]))) return refuse('CHANNEL_INVALID');
    if (cursor && last) return refuse('BAD_REQUEST');
    if (Object.keys(cursor ?? {}).some((event) => this.#holds(connection.patterns, event))) return refuse('BAD_REQUEST');
    if (last && channels.some((channel) => this.#matches(connection.patterns, channel))) return refuse('BAD_REQUEST');
    if ((cursor || last) && connection.replay) return refuse('BUSY', true);

    this.#pull(connection, Infinity);
    for (const event of events.filter((e) => this.#holds(channels, e) && !connection.at.has(e))) {
      connection.at.set(event, [...(cursor?.[event] ?? this.ends(event)).at]);
    }
    for (const pattern of channels) connection.patterns.add(pattern);
    this.#send(connection, {
      type: 'subscription_ack', id, subscribed: channels, count: connection.patterns.size, cursor: this.#cursor(connection),
      ...cursor && { recovered: true, lost: [] },
    });
    if (!cursor && !last) return;
    connection.replay = { id, replayed: 0 };
    for (const channel of last ? channels : []) {
      for (const [pos, record] of this.#records(channel).slice(-last)) this.#message(connection, pos, record);
    }
    this.#replay(connection);
  }

  /** A few messages a turn. */
  #replay(connection) {
    this.#pull(connection, 3);
    if (this.#behind(connection)) return setImmediate(() => this.#replay(connection));
    const { id, replayed } = connection.replay;
    connection.replay = null;
    this.#send(connection, { type: 'replay_complete', id, replayed, cursor: this.#cursor(connection) });
  }

  #behind(connection) {
    return [...connection.at].some(([event, at]) => this.ends(event).at.some((end, p) => (at[p] ?? -1) < end));
  }

  /** Sends what lies between the connection's position and the end; during a replay only the replay pulls. */
  #pull(connection, most) {
    if (connection.replay && most === Infinity) return;
    for (const [event, at] of connection.at) {
      this.#logs.get(event).partitions.forEach((records, p) => {
        at[p] ??= -1;
        while (at[p] < records.length - 1 && most > 0) {
          const record = records[++at[p]];
          if (!this.#matches(connection.patterns, record.channel)) continue;
          most--;
          this.#message(connection, `${event}/${p}:${at[p]}`, record);
        }
      });
    }
  }

  #message(connection, pos, { channel, n }) {
    if (connection.replay) {
      connection.replay.replayed++;
      connection.replayed++;
    }
    this.#send(connection, { seq: ++connection.seq, type: 'message', channel, pos, ts: 1, data: { n } });
  }

  #records(channel) {
    const event = channel.split('.')[1];
    return this.#logs.get(event).partitions.flatMap((records, p) => records.map((record, i) => [`${event}/${p}:${i}`, record]))
      .filter(([, record]) => record.channel === channel);
  }

  #holds(patterns, event) {
    return [...patterns].some((pattern) => pattern.endsWith('.*') || pattern.endsWith(`.${event}`));
  }

  #matches(patterns, channel) {
    const [symbol, event] = channel.split('.');
    return [channel, `*.${event}`, `${symbol}.*`].some((pattern) => new Set(patterns).has(pattern));
  }

  #cursor(connection) {
    return Object.fromEntries([...connection.at].map(([event, at]) => [event, { log: this.#logs.get(event).name, at }]));
  }

  #ledger(connection) {
    return { cursor: this.#cursor(connection), sent: connection.seq, merged: 0, replayed: connection.replayed };
  }

  #send(connection, frame) {
    connection.socket.send(JSON.stringify(frame));
  }
}
