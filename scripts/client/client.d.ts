/** One event's position: `log` names the log, `at[partition]` is the last offset dealt with, -1 for none. */
export interface Position {
  log: string;
  at: number[];
}

/** Positions by event. Plain JSON: keep it, and set it on the next page load. */
export type Cursor = Record<string, Position>;

/** `waiting`: between two attempts. `closed`: by close(), or by the server for good. */
export type State = 'idle' | 'connecting' | 'open' | 'waiting' | 'closed';

export interface Welcome {
  type: 'welcome';
  conn: string;
  server: string;
  version: string;
  heartbeat_ms: number;
  /** null: no limit. */
  limits: { message_bytes: number | null; channels: number | null; commands_per_s: number | null };
}

export interface SubscribeAnswer {
  subscribed: string[];
  /** Channels the connection holds. */
  count: number;
  recovered: boolean;
  /** Events whose missed messages cannot be replayed; they go on live. */
  lost: string[];
}

export interface UnsubscribeAnswer {
  unsubscribed: string[];
  count: number;
}

export interface Pong {
  /** The server's clock, Unix milliseconds. */
  ts: number;
  /** Data messages of this connection: sent, passed over for newer ones, and of those sent, replayed. */
  sent: number;
  merged: number;
  replayed: number;
  rttMs: number;
}

export interface Ledger {
  frame: 'pong' | 'bye';
  sent: number;
  merged: number;
  replayed: number;
  /** What this client counted where the server says `sent` and `replayed`. */
  received: number;
  counted: number;
}

export interface Gap {
  event: string;
  partition: number;
  /** The first and the last lost offset; absent where `log` says that the log is another one. */
  from?: number;
  to?: number;
  log?: string;
}

export interface Stats {
  state: State;
  received: number;
  replayed: number;
  merged: number;
  gaps: number;
  /** Events not recovered, one for each time. */
  lost: number;
  errors: number;
  /** Welcomes. */
  connections: number;
  /** Attempts after a loss. */
  reconnects: number;
  /** How often each state was entered. */
  states: Record<State, number>;
}

export type ErrorCode =
  | 'BAD_REQUEST' | 'UNKNOWN_TYPE' | 'CHANNEL_INVALID' | 'CHANNEL_LIMIT' | 'FORBIDDEN' | 'UNAUTHORIZED'
  | 'RATE_LIMIT_EXCEEDED' | 'BUSY' | 'UNAVAILABLE' | 'INTERNAL'
  | 'PROTOCOL' | 'CONNECT' | 'TOKEN' | 'HANDLER' | 'CLOSED' | 'CANCELLED';

export class ClientError extends Error {
  readonly code: ErrorCode;
  /** The client tries again by itself. */
  readonly temporary: boolean;
  /** The channels of the refused command. */
  readonly channels: string[];
}

export class Message<T = unknown> {
  readonly seq: number;
  readonly channel: string;
  readonly symbol: string;
  readonly event: string;
  readonly partition: number;
  readonly offset: number;
  readonly pos: string;
  /** The record's timestamp, Unix milliseconds. */
  readonly ts: number;
  /** The value as JSON; null for a tombstone; undefined where it is not JSON. */
  readonly data: T | null | undefined;
  /** The record's value, byte for byte; null for a tombstone. */
  bytes(): Uint8Array | null;
}

export interface Events {
  message: Message;
  open: Welcome;
  close: { code: number; reason: string; final: boolean };
  reconnecting: { delayMs: number; code: number };
  ack: SubscribeAnswer;
  replayComplete: { replayed: number };
  notRecovered: string[];
  gap: Gap;
  notice: { code: 'DRAIN' | 'REBALANCE'; reconnectInMs: number };
  pong: Pong;
  ledger: Ledger;
  auth: { expires: number };
  error: ClientError;
  state: State;
}

/** What the client uses of a WebSocket: a browser's, or npm ws's. */
export interface Socket {
  binaryType: string;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(text: string): void;
  close(code?: number): void;
  terminate?(): void;
}

export interface Options {
  /** Default: globalThis.WebSocket. */
  WebSocket?: new (url: any, protocols: string[]) => Socket;
  /** Where to resume; the same as setting `client.cursor`. */
  cursor?: Cursor;
  /** A token that is never renewed. */
  token?: string;
  /** Asked before each connection and before the token expires; wins over `token`. */
  getToken?: () => string | undefined | Promise<string | undefined>;
  /** The n-th wait is random between 0 and min(maxMs, baseMs * 2^n). Default: 1000 and 30000. */
  backoff?: { baseMs?: number; maxMs?: number };
  /** For tests. */
  random?: () => number;
  timers?: {
    setTimeout?: (fn: () => void, ms: number) => unknown;
    clearTimeout?: (timer: any) => void;
    now?: () => number;
  };
}

export class Client {
  constructor(url: string | URL, options?: Options);
  readonly state: State;
  /** The channels that are wanted, answered or not. */
  readonly channels: string[];
  /** A copy. Setting it throws a TypeError where it is malformed; events held on the open connection keep theirs. */
  cursor: Cursor;
  connect(): void;
  close(): void;
  /**
   * `last`: the newest 1 to 100 messages of each (exact) channel first. Resolves with the server's answer, after
   * reconnects if need be. Rejects with a ClientError.
   */
  subscribe(channels: string[], options?: { last?: number }): Promise<SubscribeAnswer>;
  /** Without channels: all. */
  unsubscribe(channels?: string[]): Promise<UnsubscribeAnswer>;
  /** Returns the function that removes the handler. */
  on<K extends keyof Events>(type: K, handler: (detail: Events[K]) => void): () => void;
  stats(): Stats;
}
