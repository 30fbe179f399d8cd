// Reference client of the WebSocket protocol "ws.v1" for browsers and Node. P and a number name a clause of its document,
// kit/PROTOCOL.md.
//
// A Client keeps three things across connections: the channels that are wanted, the calls not yet answered, and the
// cursor. A Connection is everything else, and a lost one is thrown away whole, so nothing of it can reach the next.
//
// Every command that changes subscriptions goes through one queue, one at a time: what the connection holds, and so
// which positions a subscribe may carry, is certain only after the answer to the one before.

const SUBPROTOCOL = 'ws.v1';

/** Nothing at all for this long after a heartbeat means the line is dead (P9.1). */
const SILENCE_MS = 10_000;
/** A dial that has brought no welcome by then has failed. */
const WELCOME_MS = 10_000;
/** A connection that lasted this long was a good one: the backoff starts over. */
const STABLE_MS = 5_000;
/** A token is renewed this long before it expires, or half-way if it does not live that long. */
const TOKEN_MARGIN_MS = 30_000;
/** setTimeout takes no more; a timer set for longer would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** What a command takes besides its channels and positions, at most. */
const COMMAND_BYTES = 80;

const CLOSE_DRAIN = 4000;
const CLOSE_REBALANCE = 4005;
const CLOSE_UNAUTHORIZED = 4501;
/** Codes after which the same attempt can only fail again (P12). */
const CLOSE_FINAL = new Set([1002, 1007, 1009, 4500, 4503, 4506]);

const EVENTS = ['message', 'open', 'close', 'reconnecting', 'ack', 'replayComplete', 'notRecovered', 'gap', 'notice',
  'pong', 'ledger', 'auth', 'error', 'state'];

/**
 * What a promise rejects with and what `error` brings. `code` is the server's error code, or one of the client's own:
 * PROTOCOL (the server broke the protocol), CONNECT (no socket could be made), TOKEN (getToken failed), HANDLER (a
 * handler threw), CLOSED (the client was closed first), CANCELLED (unsubscribed before it was subscribed).
 */
export class ClientError extends Error {
  constructor(code, message, { temporary = false, channels = [], cause } = {}) {
    super(message, { cause });
    this.name = 'ClientError';
    this.code = code;
    this.temporary = temporary;
    this.channels = channels;
  }
}

/** One data message: one Kafka record. */
export class Message {
  #text;

  constructor(frame, text) {
    const pos = /^([A-Za-z0-9_-]{1,64})\/(\d{1,6}):(\d{1,16})$/.exec(frame.pos);
    if (!pos || typeof frame.channel !== 'string' || !frame.channel.endsWith(`.${pos[1]}`) ||
      !Number.isSafeInteger(frame.ts) || !('data' in frame || typeof frame.data_base64 === 'string')) {
      throw new Error('malformed message');
    }
    this.seq = frame.seq;
    this.channel = frame.channel;
    this.event = pos[1];
    this.symbol = frame.channel.slice(0, -pos[1].length - 1);
    this.partition = Number(pos[2]);
    this.offset = Number(pos[3]);
    this.pos = frame.pos;
    this.ts = frame.ts;
    /** The value as JSON; null for a tombstone; undefined where it is not JSON: see bytes(). */
    this.data = frame.data;
    this.#text = text;
  }

  /** The record's value, byte for byte; null for a tombstone (or the JSON value null, which looks the same). */
  bytes() {
    if (this.data === null) return null;
    if (this.data === undefined) {
      return Uint8Array.from(atob(JSON.parse(this.#text).data_base64), (c) => c.charCodeAt(0));
    }
    // data is the frame's last field and holds the value as it was. A quote inside a channel's name is escaped, so
    // the first `"data":` is the key.
    return new TextEncoder().encode(this.#text.slice(this.#text.indexOf('"data":') + 7, this.#text.lastIndexOf('}')));
  }
}

/** All that lives no longer than one socket. */
class Connection {
  socket;
  token;
  welcome = null;
  openedAt = 0;
  ready = false; // the resume stands in the queue, commands may go
  held = new Set(); // channels the server has acknowledged
  inflight = null; // the one queued command that is not answered: {id, item, replays}
  replaying = null; // id of the subscribe whose replay is going on
  auth = null; // the auth command that is not answered: {id, token}
  seq = 0;
  merged = 0;
  replayed = 0;
  beatAt = 0;
  drainMs = null; // the wait that a notice asked for
  sentAt = []; // when the latest commands went, to stay below the rate
  timers = new Map();
  failure = ''; // what the socket's error event said

  constructor(token) {
    this.token = token;
  }
}

export class Client {
  #url;
  #WebSocket;
  #options;
  #timers;
  #random;
  #handlers = new Map(EVENTS.map((type) => [type, new Set()]));

  #state = 'idle';
  #connection = null;
  #dials = 0; // tells a dial that waited for its token whether it is still wanted
  #attempt = 0;
  #retryTimer = null;
  #refusedToken = null;
  #ids = 0;

  #confirmed = new Set(); // wanted channels that a server has acknowledged, in the order of subscription
  #queue = []; // queueItem()s; the first is the one being asked
  #cursor = new Map(); // event -> {log, at}
  #stats = { received: 0, replayed: 0, merged: 0, gaps: 0, lost: 0, errors: 0, connections: 0, reconnects: 0 };
  #states = { idle: 1, connecting: 0, open: 0, waiting: 0, closed: 0 };

  constructor(url, options = {}) {
    this.#url = url;
    this.#WebSocket = options.WebSocket ?? globalThis.WebSocket;
    if (!this.#WebSocket) throw new TypeError('no WebSocket here: pass one as options.WebSocket (npm "ws" in Node 20)');
    this.#options = { baseMs: 1000, maxMs: 30_000, ...options.backoff, token: options.token, getToken: options.getToken };
    this.#random = options.random ?? Math.random;
    this.#timers = {
      setTimeout: (fn, ms) => setTimeout(fn, ms), // not the bare functions: browsers want them called on window
      clearTimeout: (timer) => clearTimeout(timer),
      now: () => Date.now(),
      ...options.timers,
    };
    if (options.cursor) this.cursor = options.cursor;
  }

  get state() {
    return this.#state;
  }

  /** The channels that are wanted, answered or not. */
  get channels() {
    return [...new Set([...this.#confirmed, ...this.#calls().flatMap((call) => call.channels)])];
  }

  /** A copy; JSON.stringify it to keep it, set it before connect() to resume from it. */
  get cursor() {
    return Object.fromEntries([...this.#cursor].map(([event, { log, at }]) => [event, { log, at: [...at] }]));
  }

  /** Events of which the open connection holds channels keep their positions: those come from the server. */
  set cursor(value) {
    const next = parseCursor(value);
    const held = [...this.#connection?.held ?? []];
    for (const [event, position] of this.#cursor) if (touches(held, event)) next.set(event, position);
    this.#cursor = next;
  }

  stats() {
    return { state: this.#state, ...this.#stats, states: { ...this.#states } };
  }

  /** Calls handler at every event of this type; returns the function that ends it. */
  on(type, handler) {
    const handlers = this.#handlers.get(type);
    if (!handlers) throw new TypeError(`no event ${type}: it is one of ${EVENTS.join(', ')}`);
    handlers.add(handler);
    return () => handlers.delete(handler);
  }

  connect() {
    if (this.#state !== 'idle' && this.#state !== 'closed') return;
    this.#attempt = 0;
    this.#refusedToken = null;
    this.#dial();
  }

  /** Ends the connection and every retry. Channels and cursor stay: connect() goes on from there. */
  close() {
    if (this.#state !== 'closed') this.#stop(1000, 'closed by the client');
  }

  /** Resolves with the answer, after reconnects if need be; rejects when refused for good, or closed. */
  subscribe(channels, { last = 0 } = {}) {
    return this.#call('subscribe', channels, last);
  }

  /** Without channels: all. */
  unsubscribe(channels) {
    return this.#call('unsubscribe', channels ?? null, 0);
  }

  // ---- calls and their queue ----

  #call(type, channels, last) {
    const promise = new Promise((resolve, reject) => {
      // Refused here, because ten errors within a minute cost the connection (P3.9).
      const all = type === 'unsubscribe' && channels === null;
      const listed = Array.isArray(channels) && channels.length > 0 && channels.every((channel) => typeof channel === 'string');
      if (!(all || listed) || !Number.isInteger(last) || last < 0 || last > 100) {
        reject(new ClientError('BAD_REQUEST', `${type} wants a list of channels, and last from 1 to 100`));
        return;
      }
      const call = { channels: channels && [...new Set(channels)], last, resolve, reject };
      const item = queueItem(type, call.channels, [call], last);
      if (type === 'unsubscribe' && !this.#connection?.ready) this.#unsubscribeOffline(item);
      else this.#queue.push(item);
    });
    promise.catch(() => {}); // who ignores the promise hears of it by `error`; it must not end a Node process
    this.#pump();
    return promise;
  }

  #calls() {
    return this.#queue.filter((item) => item.type === 'subscribe').flatMap((item) => item.calls);
  }

  #unsubscribeOffline(item) {
    const gone = new Set(item.channels ?? this.channels);
    for (const call of this.#calls()) {
      call.channels = call.channels.filter((channel) => !gone.has(channel));
      if (call.channels.length === 0) call.reject(new ClientError('CANCELLED', 'unsubscribed before it was subscribed'));
    }
    this.#queue = this.#calls().filter((call) => call.channels.length > 0)
      .map((call) => queueItem('subscribe', call.channels, [call], call.last));
    for (const channel of gone) this.#confirmed.delete(channel);
    this.#dropPositions([...gone]);
    for (const call of item.calls) call.resolve({ unsubscribed: [...gone], count: this.channels.length });
  }

  /** An event nobody wants any more starts live when it is wanted again. */
  #dropPositions(gone) {
    const wanted = [...this.channels, ...this.#connection?.held ?? []];
    for (const event of this.#cursor.keys()) {
      if (touches(gone, event) && !touches(wanted, event)) this.#cursor.delete(event);
    }
  }

  /**
   * After a welcome: one subscribe for all that is wanted, with the cursor. Calls that ask for `last` go on their own,
   * since a command has either a cursor or `last`; so do all calls if together they pass the server's limit.
   */
  #resume(connection) {
    const limit = connection.welcome.limits.channels;
    const over = [...this.#confirmed].slice(limit);
    for (const channel of over) this.#confirmed.delete(channel);
    if (over.length > 0) this.#error(new ClientError('CHANNEL_LIMIT', `the server takes ${limit} channels`, { channels: over }));
    if (connection !== this.#connection) return;

    const plain = this.#queue.filter((item) => !item.last);
    const all = [...new Set([...this.#confirmed, ...plain.flatMap((item) => item.channels)])];
    if (all.length > limit) {
      if (this.#confirmed.size > 0) this.#queue.unshift(queueItem('subscribe', [...this.#confirmed], [], 0));
    } else if (all.length > 0) {
      const combined = queueItem('subscribe', all, plain.flatMap((item) => item.calls), 0);
      combined.combined = plain.length > 1 || (plain.length > 0 && this.#confirmed.size > 0);
      this.#queue = [combined, ...this.#queue.filter((item) => item.last)];
    }
    connection.ready = true;
    this.#pump();
  }

  /** Sends the queue's first command, if nothing stands in its way; whatever stands there pumps again when it goes. */
  #pump() {
    const connection = this.#connection;
    const item = this.#queue[0];
    if (!item || !connection?.ready || connection.inflight || connection.timers.has('command')) return;

    const { limits } = connection.welcome;
    item.commands ??= split(item.channels, this.#positionsFor(connection, item, item.channels), limits.message_bytes);
    const { channels } = item.commands[0];
    const cursor = this.#positionsFor(connection, item, channels);
    const replays = item.last > 0 || Object.keys(cursor).length > 0;
    if (replays && connection.replaying !== null) return; // it would be BUSY (P7.7)

    const now = this.#timers.now();
    connection.sentAt = connection.sentAt.filter((time) => time > now - 1000);
    if (connection.sentAt.length >= limits.commands_per_s) {
      this.#after(connection, 'command', connection.sentAt[0] + 1000 - now, () => this.#pump());
      return;
    }
    connection.sentAt.push(now);
    let data = channels ? { channels } : undefined;
    if (replays) data = item.last ? { channels, last: item.last } : { channels, cursor };
    connection.inflight = { id: ++this.#ids, item, replays };
    this.#send(connection, { type: item.type, id: connection.inflight.id, data });
  }

  /** A position is allowed, and needed, only for an event of which the connection holds no channel yet (P7.4). */
  #positionsFor(connection, { type, last }, channels) {
    if (type !== 'subscribe' || last) return {};
    const held = [...connection.held];
    return Object.fromEntries([...this.#cursor].filter(([event]) => touches(channels, event) && !touches(held, event)));
  }

  #subscribed(connection, frame, { item, replays }) {
    const { channels, unrecovered } = item.commands.shift();
    for (const channel of channels) connection.held.add(channel);
    if (replays) connection.replaying = frame.id;
    const lost = [...new Set([...frame.lost ?? [], ...unrecovered])];
    this.#stats.lost += lost.length;
    item.result.push(...lost);
    if (item.commands.length === 0) {
      this.#queue.shift();
      for (const channel of item.channels) this.#confirmed.add(channel);
      const all = [...new Set(item.result)];
      for (const call of item.calls) {
        call.resolve({ subscribed: call.channels, count: frame.count, recovered: all.length === 0, lost: all });
      }
    }
    this.#emit('ack', { subscribed: channels, count: frame.count, recovered: lost.length === 0, lost });
    if (lost.length > 0) this.#emit('notRecovered', lost);
  }

  #unsubscribed(connection, frame, { item }) {
    const gone = item.commands.shift().channels ?? [...connection.held];
    for (const channel of gone) {
      connection.held.delete(channel);
      this.#confirmed.delete(channel);
    }
    item.result.push(...frame.unsubscribed ?? gone);
    if (item.commands.length === 0) {
      this.#queue.shift();
      for (const call of item.calls) call.resolve({ unsubscribed: item.result, count: frame.count });
    }
    this.#dropPositions(gone);
  }

  #refused(connection, item, error) {
    error.channels = item.commands[0].channels ?? [];
    if (error.temporary) {
      // Never less than half the step: ten errors in a minute are too many (P3.9).
      const step = Math.min(this.#options.maxMs, this.#options.baseMs * 2 ** item.retries++);
      this.#after(connection, 'command', step / 2 + this.#random() * step / 2, () => this.#pump());
      return;
    }
    this.#queue.shift();
    if (item.combined) { // one bad call must not take the others with it
      this.#queue.unshift(...item.calls.map((call) => queueItem('subscribe', call.channels, [call], 0)));
      if (this.#confirmed.size > 0) this.#queue.unshift(queueItem('subscribe', [...this.#confirmed], [], 0));
      return;
    }
    for (const call of item.calls) call.reject(error);
    if (item.type === 'unsubscribe') return;
    if (item.calls.length === 0) {
      for (const channel of item.commands.flatMap(({ channels }) => channels)) this.#confirmed.delete(channel);
    }
    // A call that went as several commands may have been taken in part: nothing of a refused call may stay.
    const wanted = new Set(this.channels);
    const stray = [...connection.held].filter((channel) => !wanted.has(channel));
    if (stray.length > 0) this.#queue.unshift(queueItem('unsubscribe', stray, [], 0));
  }

  // ---- the connection's life ----

  async #dial() {
    const dial = ++this.#dials;
    this.#setState('connecting');
    let { token } = this.#options;
    if (this.#options.getToken) {
      try {
        token = await this.#options.getToken();
      } catch (cause) {
        if (dial !== this.#dials) return;
        this.#error(new ClientError('TOKEN', 'getToken failed', { temporary: true, cause }));
        if (dial === this.#dials) this.#retry(1006, 'no token', this.#backoff());
        return;
      }
    }
    if (dial !== this.#dials) return;
    if (this.#refusedToken !== null && token === this.#refusedToken) {
      this.#stop(CLOSE_UNAUTHORIZED, 'getToken gave the token that was refused');
      return;
    }

    const connection = new Connection(token);
    try {
      connection.socket = new this.#WebSocket(this.#url, token ? [SUBPROTOCOL, `bearer.${token}`] : [SUBPROTOCOL]);
    } catch (cause) { // the URL or the token is not one; trying again would not make it one
      this.#error(new ClientError('CONNECT', 'no socket could be made', { cause }));
      if (dial === this.#dials) this.#stop(1006, 'no socket could be made');
      return;
    }
    const { socket } = connection;
    this.#connection = connection;
    socket.binaryType = 'arraybuffer';
    // The handlers stay on a socket that was given up (npm ws throws an error event nobody handles); they see that
    // it is no longer the connection.
    socket.onerror = (event) => { connection.failure = event.message ?? ''; };
    socket.onmessage = (event) => { if (connection === this.#connection) this.#receive(connection, event.data); };
    socket.onclose = (event) => {
      if (connection === this.#connection) this.#lost(connection, event.code, event.reason || connection.failure);
    };
    this.#after(connection, 'welcome', WELCOME_MS, () => this.#giveUp(connection, 'no welcome'));
  }

  #opened(connection, frame) {
    if (connection.welcome || !(frame.heartbeat_ms > 0)) throw new Error('malformed welcome');
    const limits = {};
    for (const name of ['message_bytes', 'channels', 'commands_per_s']) {
      limits[name] = frame.limits?.[name] ?? Infinity; // null: off
    }
    connection.welcome = { ...frame, limits };
    connection.openedAt = this.#timers.now();
    this.#stats.connections++;
    this.#cancel(connection, 'welcome');
    // The first at a random time, so that clients which came together do not beat together.
    this.#heartbeat(connection, this.#random() * frame.heartbeat_ms);
    this.#scheduleRefresh(connection, expiryOf(connection.token));
    this.#setState('open');
    this.#emit('open', frame);
    if (connection === this.#connection) this.#resume(connection);
  }

  /** The socket is closed: by its code, P12 says whether and when to come back. */
  #lost(connection, code, reason) {
    this.#discard(connection);
    if (connection.welcome && this.#timers.now() - connection.openedAt >= STABLE_MS) this.#attempt = 0;
    if (CLOSE_FINAL.has(code)) return this.#stop(code, reason);
    if (code === CLOSE_UNAUTHORIZED) {
      if (!this.#options.getToken) return this.#stop(code, reason);
      this.#refusedToken = connection.token;
    }
    const moved = code === CLOSE_DRAIN || code === CLOSE_REBALANCE;
    this.#retry(code, reason, (moved ? connection.drainMs : null) ?? this.#backoff());
  }

  /** The socket is of no use any more, but may not know it: it is not waited for. */
  #giveUp(connection, reason) {
    if (connection.socket.terminate) connection.socket.terminate(); // npm ws; a browser has only close
    else connection.socket.close();
    if (connection === this.#connection) this.#lost(connection, 1006, reason);
  }

  /** Full jitter: anything from at once to the step's end. */
  #backoff() {
    return this.#random() * Math.min(this.#options.maxMs, this.#options.baseMs * 2 ** this.#attempt++);
  }

  #retry(code, reason, delayMs) {
    this.#retryTimer = this.#timers.setTimeout(() => {
      this.#stats.reconnects++;
      this.#dial();
    }, delayMs);
    const dial = this.#dials;
    this.#setState('waiting');
    if (dial === this.#dials) this.#emit('close', { code, reason, final: false });
    if (dial === this.#dials) this.#emit('reconnecting', { delayMs, code });
  }

  #stop(code, reason) {
    this.#dials++;
    this.#timers.clearTimeout(this.#retryTimer);
    const connection = this.#connection;
    if (connection) {
      this.#discard(connection);
      connection.socket.close(1000);
    }
    const error = new ClientError('CLOSED', reason || `closed with ${code}`);
    for (const call of this.#calls()) call.reject(error);
    this.#queue = [];
    this.#setState('closed');
    this.#emit('close', { code, reason, final: true });
  }

  /** Calls that are not answered wait for the next connection, in their order. */
  #discard(connection) {
    for (const name of [...connection.timers.keys()]) this.#cancel(connection, name);
    this.#connection = null;
    const queue = this.#queue;
    this.#queue = [];
    for (const item of queue) {
      if (item.type === 'unsubscribe') this.#unsubscribeOffline(item);
      else this.#queue.push(...item.calls.map((call) => queueItem('subscribe', call.channels, [call], call.last)));
    }
  }

  // ---- frames ----

  #receive(connection, text) {
    this.#cancel(connection, 'silence');
    try {
      if (typeof text !== 'string') throw new Error('binary frame');
      const frame = JSON.parse(text);
      if (typeof frame?.type !== 'string') throw new Error('a frame without type');
      if (!connection.welcome && frame.type !== 'welcome') throw new Error(`${frame.type} before the welcome`);
      this.#take(connection, frame, text);
    } catch (cause) {
      this.#error(new ClientError('PROTOCOL', `server broke the protocol: ${cause.message}`, { temporary: true, cause }));
      if (connection === this.#connection) this.#giveUp(connection, `protocol: ${cause.message}`);
    }
  }

  #take(connection, frame, text) {
    if (frame.type === 'message') return this.#message(connection, new Message(frame, text));
    // A cursor covers exactly the messages before its frame (P6): it is taken as it is, for the events it names.
    for (const [event, position] of parseCursor(frame.cursor ?? {})) this.#cursor.set(event, position);

    switch (frame.type) {
      case 'welcome':
        this.#opened(connection, frame);
        break;
      case 'subscription_ack':
        this.#subscribed(connection, frame, this.#answered(connection, frame, 'subscribe'));
        break;
      case 'unsubscription_ack':
        this.#unsubscribed(connection, frame, this.#answered(connection, frame, 'unsubscribe'));
        break;
      case 'replay_complete':
        if (!(frame.replayed >= 0)) throw new Error('malformed replay_complete');
        if (frame.id === connection.replaying) connection.replaying = null;
        connection.replayed += frame.replayed;
        this.#stats.replayed += frame.replayed;
        this.#emit('replayComplete', { replayed: frame.replayed });
        break;
      case 'pong':
        this.#checkLedger(connection, frame);
        this.#emit('pong', { ...frame, rttMs: this.#timers.now() - connection.beatAt });
        break;
      case 'bye':
        this.#checkLedger(connection, frame);
        break;
      case 'gap':
        this.#stats.gaps++;
        this.#emit('gap', { event: frame.event, partition: frame.partition, from: frame.from, to: frame.to, log: frame.log });
        break;
      case 'notice':
        if (frame.reconnect_in_ms >= 0) connection.drainMs = frame.reconnect_in_ms;
        this.#emit('notice', { code: frame.code, reconnectInMs: frame.reconnect_in_ms });
        break;
      case 'auth_ack':
        if (frame.id === connection.auth?.id) {
          connection.token = connection.auth.token;
          connection.auth = null;
          this.#scheduleRefresh(connection, frame.expires);
          this.#emit('auth', { expires: frame.expires });
        }
        break;
      case 'error':
        this.#errorFrame(connection, frame);
        break;
      default: // a later server may say more
    }
    this.#pump();
  }

  #message(connection, message) {
    if (message.seq !== connection.seq + 1) throw new Error(`seq ${message.seq} after ${connection.seq}`);
    connection.seq = message.seq;
    this.#stats.received++;
    // Only raised: what `last` brings lies at or below. Before the handler runs, so that a cursor it stores is past
    // the message it was given.
    const at = this.#cursor.get(message.event)?.at;
    if (at) {
      while (at.length <= message.partition) at.push(-1);
      at[message.partition] = Math.max(at[message.partition], message.offset);
    }
    this.#emit('message', message);
  }

  /** The command that the frame answers. */
  #answered(connection, frame, type) {
    const flight = connection.inflight;
    if (flight?.id !== frame.id || flight.item.type !== type) throw new Error(`${frame.type} to no command`);
    connection.inflight = null;
    return flight;
  }

  #errorFrame(connection, frame) {
    const error = new ClientError(String(frame.code), String(frame.message ?? ''), { temporary: frame.temporary === true });
    if (connection.inflight && connection.inflight.id === frame.id) {
      this.#refused(connection, this.#answered(connection, frame, connection.inflight.item.type).item, error);
    } else if (connection.auth && connection.auth.id === frame.id) { // the old token still stands
      connection.auth = null;
      this.#scheduleRefresh(connection, expiryOf(connection.token));
    }
    this.#error(error);
  }

  /** The server says what it sent before this frame; what came must be the same. */
  #checkLedger(connection, { type, sent, merged, replayed }) {
    // A replay that is going on is counted in parts there, and here when it is complete.
    const fits = connection.replaying === null ? replayed === connection.replayed : replayed >= connection.replayed;
    if (sent !== connection.seq || !fits || !(merged >= connection.merged)) {
      this.#emit('ledger', { frame: type, sent, merged, replayed, received: connection.seq, counted: connection.replayed });
    }
    this.#stats.merged += Math.max(0, merged - connection.merged) || 0;
    connection.merged = merged;
  }

  // ---- heartbeat and token ----

  #heartbeat(connection, delayMs) {
    this.#after(connection, 'heartbeat', delayMs, () => {
      connection.beatAt = this.#timers.now();
      this.#send(connection, { type: 'heartbeat', id: ++this.#ids });
      if (!connection.timers.has('silence')) this.#awaitAnyFrame(connection);
      this.#heartbeat(connection, connection.welcome.heartbeat_ms);
    });
  }

  #awaitAnyFrame(connection) {
    const due = this.#timers.now() + SILENCE_MS;
    this.#after(connection, 'silence', SILENCE_MS, () => {
      // A page that was frozen wakes with its timers due and its frames unread: those get another chance.
      if (this.#timers.now() > due + 1000) this.#awaitAnyFrame(connection);
      else this.#giveUp(connection, `nothing came for ${SILENCE_MS / 1000} s after a heartbeat`);
    });
  }

  #scheduleRefresh(connection, expires) {
    if (!this.#options.getToken || !Number.isFinite(expires)) return;
    const left = expires - this.#timers.now();
    // An expired token that still works means clocks differ: 4501 will tell, until then it is asked for calmly.
    const delay = left > 0 ? Math.max(left - TOKEN_MARGIN_MS, left / 2, 1000) : 10_000;
    this.#after(connection, 'token', delay, () => this.#refreshToken(connection, expires));
  }

  async #refreshToken(connection, expires) {
    try {
      const token = await this.#options.getToken();
      if (connection !== this.#connection) return;
      connection.auth = { id: ++this.#ids, token };
      connection.sentAt.push(this.#timers.now());
      this.#send(connection, { type: 'auth', id: connection.auth.id, data: { token } });
    } catch (cause) {
      if (connection !== this.#connection) return;
      this.#scheduleRefresh(connection, expires);
      this.#error(new ClientError('TOKEN', 'getToken failed', { temporary: true, cause }));
    }
  }

  // ---- small parts ----

  #send(connection, command) {
    connection.socket.send(JSON.stringify(command));
  }

  /** One timer of each name; it ends with the connection. */
  #after(connection, name, ms, fn) {
    this.#cancel(connection, name);
    connection.timers.set(name, this.#timers.setTimeout(() => {
      connection.timers.delete(name);
      fn();
    }, Math.min(ms, MAX_TIMER_MS)));
  }

  #cancel(connection, name) {
    const timer = connection.timers.get(name);
    if (timer === undefined) return;
    this.#timers.clearTimeout(timer);
    connection.timers.delete(name);
  }

  #setState(state) {
    this.#state = state;
    this.#states[state]++;
    this.#emit('state', state);
  }

  #error(error) {
    this.#stats.errors++;
    this.#emit('error', error);
  }

  #emit(type, detail) {
    for (const handler of this.#handlers.get(type)) {
      try {
        handler(detail);
      } catch (cause) {
        if (type !== 'error') this.#error(new ClientError('HANDLER', `a handler of ${type} threw: ${cause?.message}`, { cause }));
      }
    }
  }
}

/**
 * What stands in the queue: a subscribe or unsubscribe for one call, for several, or (a resume) for none. `commands` are
 * what is left to send of it, once it is known how it must be cut; `result` is what the answers so far named (lost events,
 * or channels unsubscribed).
 */
function queueItem(type, channels, calls, last) {
  return { type, channels, calls, last, combined: false, commands: null, retries: 0, result: [] };
}

/** Whether one of the patterns is of this event. */
function touches(patterns, event) {
  return patterns.some((pattern) => eventOf(pattern) === event || eventOf(pattern) === '*');
}

function eventOf(pattern) {
  return pattern.slice(pattern.lastIndexOf('.') + 1);
}

/**
 * Cuts channels into as few commands as the server's message limit allows. The channels of an event stay together with
 * its position, because only the first command that names the event may carry one; `X.*` names every event. If even
 * that is too much, the rest of the channels start live, and the command says of which events that loses messages.
 */
function split(channels, cursor, limit) {
  if (channels === null) return [{ channels, unrecovered: [] }];
  const wild = channels.filter((channel) => eventOf(channel) === '*');
  const together = wild.length > 0;
  const groups = new Map();
  for (const channel of new Set([...wild, ...channels])) { // the wide ones first, where the positions are
    const key = together ? '*' : eventOf(channel);
    groups.set(key, [...groups.get(key) ?? [], channel]);
  }

  const commands = [];
  let room = 0;
  for (const group of groups.values()) {
    const events = Object.keys(cursor).filter((event) => touches(group, event));
    const head = events.reduce((sum, event) => sum + bytesOf({ [event]: cursor[event] }), 0);
    const sizes = group.map((channel) => bytesOf(channel) + 1);
    if (commands.length === 0 || sizes.reduce((a, b) => a + b, head) > room) {
      commands.push({ channels: [], unrecovered: [] });
      room = limit - COMMAND_BYTES;
    }
    room -= head;
    group.forEach((channel, i) => {
      if (sizes[i] > room && commands.at(-1).channels.length > 0) {
        commands.push({ channels: [], unrecovered: events.filter((event) => touches(group.slice(i), event)) });
        room = limit - COMMAND_BYTES;
      }
      commands.at(-1).channels.push(channel);
      room -= sizes[i];
    });
  }
  return commands;
}

function bytesOf(value) {
  return new TextEncoder().encode(JSON.stringify(value)).length;
}

/** A checked copy of a cursor, by event. */
function parseCursor(value) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('cursor is not an object');
  return new Map(Object.entries(value).map(([event, position]) => {
    const { log, at } = position ?? {};
    const offsets = Array.isArray(at) && at.every((offset) => Number.isSafeInteger(offset) && offset >= -1);
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(event) || typeof log !== 'string' || !offsets) {
      throw new TypeError(`cursor.${event} is not {log, at}`);
    }
    return [event, { log, at: [...at] }];
  }));
}

/** When the token expires, in Unix milliseconds; undefined if it does not say (RFC 7519, section 4.1.4). */
function expiryOf(token) {
  try {
    const { exp } = JSON.parse(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')));
    return Number.isFinite(exp) ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}
