// npm ws against a server: node client.mjs URL SYMBOL
//
// Somebody publishes {"n":1}, {"n":2} … on SYMBOL.trade all the while. Each
// case prints one line of JSON, {"case": name} or {"case": name, "error": why}.
import assert from "node:assert/strict";
import { once } from "node:events";
import WebSocket from "ws";

const [url, symbol] = process.argv.slice(2);
const channel = `${symbol}.trade`;

class Client {
  constructor(options = {}) {
    this.frames = [];
    this.waiting = null;
    this.socket = new WebSocket(url, ["ws.v1"], { handshakeTimeout: 10_000, ...options });
    this.opened = once(this.socket, "open");
    this.closed = once(this.socket, "close").then(([code]) => code);
    this.socket.on("message", (data, isBinary) => {
      assert.equal(isBinary, false, "a binary frame came");
      this.frames.push(JSON.parse(data.toString()));
      this.waiting?.();
    });
  }

  async next() {
    while (this.frames.length === 0) {
      await within(new Promise((resolve) => (this.waiting = resolve)), "a frame");
    }
    return this.frames.shift();
  }

  async until(type) {
    for (const before = []; ; ) {
      const frame = await this.next();
      if (frame.type === type) return [frame, before];
      before.push(frame);
    }
  }

  send(command, options) {
    this.socket.send(JSON.stringify(command), options);
  }

  async messages(count) {
    const all = [];
    while (all.length < count) all.push((await this.until("message"))[0]);
    return all;
  }
}

function within(promise, what, ms = 30_000) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms for ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function connect(options) {
  const client = new Client(options);
  await within(client.opened, "the upgrade");
  const welcome = await client.next();
  assert.equal(welcome.type, "welcome");
  return client;
}

// consecutive checks seq and the payload's counter.
function consecutive(messages, seq, n) {
  for (const [i, m] of messages.entries()) {
    assert.equal(m.channel, channel);
    assert.equal(m.seq, seq + i, "seq");
    assert.equal(m.data.n, n + i, "n");
  }
}

const cases = {
  async "selects ws.v1 and no extension"() {
    const c = await connect({ perMessageDeflate: true });
    assert.equal(c.socket.protocol, "ws.v1");
    assert.equal(c.socket.extensions, "");
    c.socket.close();
  },

  async "subscribes and gets every message once"() {
    const c = await connect();
    c.send({ type: "subscribe", id: "s", data: { channels: [channel] } });
    const ack = await c.next();
    assert.equal(ack.type, "subscription_ack");
    assert.equal(ack.id, "s");
    assert.deepEqual(ack.subscribed, [channel]);
    const messages = await c.messages(20);
    consecutive(messages, 1, messages[0].data.n);
    c.send({ type: "unsubscribe", data: { channels: [channel] } });
    const [gone] = await c.until("unsubscription_ack");
    assert.equal(gone.count, 0);
    c.socket.close();
  },

  async "resumes after a cut without a hole"() {
    const c = await connect();
    c.send({ type: "subscribe", data: { channels: [channel] } });
    const { cursor } = await c.next();
    const before = await c.messages(5);
    c.socket.terminate();
    for (const m of before) {
      const [, partition, offset] = /^trade\/(\d+):(\d+)$/.exec(m.pos);
      const at = cursor.trade.at;
      while (at.length <= partition) at.push(-1);
      at[partition] = Number(offset);
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
    const again = await connect();
    again.send({ type: "subscribe", data: { channels: [channel], cursor } });
    const ack = await again.next();
    assert.equal(ack.recovered, true);
    const [end, replayed] = await again.until("replay_complete");
    assert.ok(end.replayed > 0 && end.replayed === replayed.length);
    const after = replayed.concat(await again.messages(3));
    consecutive(after, 1, before.at(-1).data.n + 1);
    again.socket.close();
  },

  async "answers a heartbeat"() {
    const c = await connect();
    c.send({ type: "heartbeat", id: 7 });
    const pong = await c.next();
    assert.equal(pong.type, "pong");
    assert.equal(pong.id, 7);
    assert.ok(Math.abs(pong.ts - Date.now()) < 60_000);
    c.socket.close();
  },

  async "answers a ping with its payload"() {
    const c = await connect();
    const pong = once(c.socket, "pong");
    c.socket.ping("payload");
    const [data] = await within(pong, "a pong");
    assert.equal(data.toString(), "payload");
    c.socket.close();
  },

  async "takes a command in fragments"() {
    const c = await connect();
    const text = JSON.stringify({ type: "heartbeat", id: "é中" });
    const bytes = Buffer.from(text);
    const cut = bytes.indexOf(Buffer.from("é")) + 1; // inside a character
    c.socket.send(bytes.subarray(0, cut), { fin: false, binary: false });
    c.socket.send(bytes.subarray(cut), { fin: true, binary: false });
    assert.equal((await c.next()).id, "é中");
    c.socket.close();
  },

  async "survives a bad command"() {
    const c = await connect();
    c.send({ type: "subscribe", id: 1, data: { channels: ["*.*"] } });
    const error = await c.next();
    assert.equal(error.type, "error");
    assert.equal(error.code, "CHANNEL_INVALID");
    assert.equal(error.temporary, false);
    c.send({ type: "heartbeat" });
    assert.equal((await c.next()).type, "pong");
    c.socket.close();
  },

  async "is closed with 4500 for a binary frame"() {
    const c = await connect();
    c.socket.send(Buffer.from("{}"), { binary: true });
    assert.equal(await within(c.closed, "a close"), 4500);
  },

  async "is closed with 1009 for a message too big"() {
    const c = await connect();
    c.socket.send("x".repeat(65_537));
    assert.equal(await within(c.closed, "a close"), 1009);
  },

  async "closes in both directions"() {
    const c = await connect();
    c.socket.close(1000, "done");
    assert.equal(await within(c.closed, "a close"), 1000);
  },
};

for (const [name, run] of Object.entries(cases)) {
  try {
    await run();
    console.log(JSON.stringify({ case: name }));
  } catch (error) {
    console.log(JSON.stringify({ case: name, error: String(error.stack ?? error) }));
  }
}
process.exit(0);
