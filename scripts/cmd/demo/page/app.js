// Wires the reference client to the page. State for machines: window.demo.state().

import { Client } from './client.js';
import { Table } from './table.js';
import { Timeline } from './timeline.js';
import { Tracker, matches } from './tracker.js';
import { Trials } from './trial.js';

const START = ['*.trade', '*.liquidity'];
const TICK_MS = 250;
const LATENCY_WINDOW_MS = 1000;
const BEHIND_MS = 1000;
const LOG_LENGTH = 80;
const CODES = {
  1001: 'going away', 1006: 'line broken', 4000: 'drain', 4001: 'slow consumer', 4002: 'no pong', 4004: 'overloaded', 4005: 'rebalance',
  4006: 'too many requests', 4500: 'bad request', 4501: 'token refused', 4503: 'connection limit', 4506: 'too many errors',
};

const $ = (id) => document.getElementById(id);
const facts = await (await fetch('demo.json')).json();
const line = `page-${Array.from(crypto.getRandomValues(new Uint8Array(6)), (b) => b.toString(16).padStart(2, '0')).join('')}`;
const client = new Client(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws?line=${line}`, {
  backoff: { baseMs: 500, maxMs: 2000 }, // a demo is watched: nobody waits half a minute for the next try
});
const tracker = new Tracker(facts.conflated);
const table = new Table($('rows'), facts.symbols);
const timeline = new Timeline($('timeline'));

let samples = []; // latencies of the last second's live messages: [when, ms]
let latency = null; // their median; null while nothing comes
let replaying = false;
let connected = false; // a welcome came on the present connection
let server = 0;
let welcome = null;
let seq = 0;
let pong = null; // the last, with the time it came
let closes = new Map(); // code -> how often
let refusals = 0; // attempts in a row that brought no welcome
let lastClose = null;

const situation = () => ({ latency, replaying, server });
const trials = new Trials({ tracker, client, situation, say, log });

client.on('message', (message) => {
  seq = message.seq;
  timeline.message(replaying);
  table.take(message);
  const { data } = message;
  if (!Number.isInteger(data?.n)) return;
  tracker.take(message.channel, message.event, data.n);
  if (replaying) return; // how old a replayed message is says nothing about the way here
  const now = performance.now();
  samples.push([now, performance.timeOrigin + now - data.sent / 1000]);
});

client.on('open', async (frame) => {
  welcome = frame;
  connected = true;
  seq = 0;
  pong = null;
  refusals = 0;
  replaying = Object.keys(client.cursor).length > 0;
  timeline.condition(condition());
  trials.opened();
  const way = await (await fetch(`line/${line}`)).json();
  if (way.started !== facts.started) location.reload(); // another demo, in which everything starts anew
  server = way.server;
  log(`connected to server ${server}`, 'good');
});
client.on('ack', ({ subscribed }) => log(`${replaying ? 'resume' : 'subscribed'} ${subscribed.join(' ')}`));
client.on('replayComplete', ({ replayed }) => {
  if (replaying) trials.replayComplete(replayed);
  replaying = false;
  timeline.mark(`+${replayed.toLocaleString('en')}`);
  log(`replayed ${replayed.toLocaleString('en')}`, 'replayed');
});
client.on('notRecovered', (events) => {
  trials.notRecovered(events);
  log(`not recovered: ${events.join(', ')}`, 'bad');
});
client.on('notice', ({ code, reconnectInMs }) => {
  timeline.mark('notice');
  log(`notice ${code}: come back ${reconnectInMs} ms after the close`, 'behind');
});
client.on('close', ({ code, reason, final }) => {
  replaying = false;
  trials.closed(code, connected);
  if (connected) {
    closes.set(code, (closes.get(code) ?? 0) + 1);
    lastClose = code;
    timeline.mark(String(code));
    log(`closed with ${code}, ${CODES[code] ?? (reason || 'no reason given')}${final ? ': for good' : ''}`, 'bad');
  } else {
    refusals++;
  }
  connected = false;
  samples = [];
  timeline.condition('down');
});
client.on('reconnecting', ({ delayMs }) => {
  const text = `next try in ${(delayMs / 1000).toFixed(1)} s`;
  log(refusals > 0 ? `refused ${refusals > 1 ? `${refusals} times` : 'once'}, ${text}` : text, '', refusals > 1);
});
client.on('pong', (frame) => {
  pong = { ...frame, at: performance.now() };
  timeline.pong();
});
client.on('gap', ({ event, partition, from, to }) => log(`gap in ${event}/${partition}: ${from ?? 'another log'} to ${to ?? ''}`, 'bad'));
client.on('ledger', ({ frame, sent, received }) => log(`the ${frame} says ${sent} sent, ${received} came`, 'bad'));
client.on('error', (error) => { if (error.code !== 'CANCELLED') log(`${error.code}: ${error.message}`, 'bad'); });

// ---- buttons and the form ----

for (const kind of ['cut', 'slow', 'drain']) {
  $(kind).addEventListener('click', async () => {
    if (trials.current || !connected) return;
    const seconds = kind === 'slow' ? facts.slow_seconds : 0;
    trials.begin(kind, seconds);
    timeline.mark(kind);
    say('busy', [{
      cut: 'Cutting the line.',
      slow: `The line takes ${facts.slow_bytes / 1024} KB a second: the server’s socket fills, messages come later and later.`,
      drain: 'Starting another server and draining this one.',
    }[kind]]);
    log({ cut: 'line cut', slow: 'line slow', drain: 'drain asked for' }[kind], 'behind');
    showButtons();
    try {
      const answer = await fetch(kind === 'drain' ? 'drain' : `line/${line}/${kind}`, { method: 'POST' });
      if (!answer.ok) throw new Error(await answer.text());
    } catch (error) {
      trials.abort();
      say('bad', [`That did not work: ${error.message}`]);
    }
  });
}

$('subscribe').addEventListener('submit', async (event) => {
  event.preventDefault();
  const channels = $('channels').value.split(/[\s,]+/).filter(Boolean);
  const last = Number($('last').value);
  $('form-error').textContent = '';
  try {
    await client.subscribe(channels, { last });
    $('channels').value = '';
  } catch (error) {
    $('form-error').textContent = error.message;
  }
  showChips();
});

function showChips() {
  const { channels } = client;
  $('chips').replaceChildren(...channels.map((channel) => {
    const li = document.createElement('li');
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = '×';
    button.setAttribute('aria-label', `Unsubscribe ${channel}`);
    button.addEventListener('click', async () => {
      await client.unsubscribe([channel]);
      tracker.keepOnly((known) => matches(client.channels, known));
      showChips();
      $('channels').focus();
    });
    li.append(channel, button);
    return li;
  }));
  if (channels.length === 0) {
    const li = document.createElement('li');
    li.className = 'none';
    li.textContent = 'none';
    $('chips').append(li);
  }
}

// ---- what is shown ----

/** The verdict line. parts: text, or {strong: text}. */
function say(kind, parts) {
  const p = document.createElement('span');
  p.append(...parts.map((part) => {
    if (typeof part === 'string') return part;
    const strong = document.createElement('strong');
    strong.textContent = part.strong;
    return strong;
  }));
  $('verdict').dataset.kind = kind;
  $('verdict').replaceChildren(p);
}

/** instead: in the place of the newest entry. */
function log(text, className = '', instead = false) {
  const li = document.createElement('li');
  const time = document.createElement('time');
  time.textContent = new Date().toLocaleTimeString('en-GB');
  const span = document.createElement('span');
  span.textContent = text;
  span.className = className;
  li.append(time, span);
  if (instead) $('log').firstElementChild?.remove();
  $('log').prepend(li);
  while ($('log').childElementCount > LOG_LENGTH) $('log').lastElementChild.remove();
}

function measureLatency() {
  const now = performance.now();
  samples = samples.filter(([at]) => at > now - LATENCY_WINDOW_MS);
  if (samples.length === 0) {
    latency = null;
    return;
  }
  const sorted = samples.map(([, ms]) => ms).sort((a, b) => a - b);
  latency = Math.max(0, sorted[sorted.length >> 1]);
}

function condition() {
  if (!connected) return 'down';
  return latency !== null && latency > BEHIND_MS ? 'behind' : 'live';
}

function show() {
  const n = (value) => value.toLocaleString('en');
  const set = (id, text) => { if ($(id).textContent !== text) $(id).textContent = text; };
  const now = condition();
  set('rate', n(timeline.rate));
  if (latency === null) {
    set('latency', '–');
  } else {
    const [value, unit] = latency < 1000 ? [latency < 10 ? latency.toFixed(1) : latency.toFixed(0), 'ms'] : [(latency / 1000).toFixed(1), 's'];
    const small = document.createElement('small');
    small.textContent = unit;
    $('latency').replaceChildren(value, small);
  }
  const stats = client.stats();
  set('received', n(stats.received));
  set('replayed', n(stats.replayed));
  set('merged', n(tracker.merged));
  set('missing', n(tracker.missing));
  $('missing').toggleAttribute('data-bad', tracker.missing > 0);
  $('pill').dataset.state = replaying ? 'behind' : now;
  set('pill', replaying ? 'replaying' : {
    live: 'live', behind: `${((latency ?? 0) / 1000).toFixed(1)} s behind`, down: client.state === 'closed' ? 'closed' : 'reconnecting',
  }[now]);

  set('server', welcome ? `${server} · ${welcome.server} ${welcome.version}` : '–');
  set('conn', connected ? welcome.conn : '–');
  set('seq', n(seq));
  set('pong', pong ? `${Math.round((performance.now() - pong.at) / 1000)} s ago, ${pong.rttMs} ms` : '–');
  set('closes', [...closes].map(([code, count]) => (count > 1 ? `${code} × ${count}` : code)).join(', ') || 'none');
  if ($('cursor-box').open) {
    set('cursor', Object.entries(client.cursor).map(([event, { log: id, at }]) => `${event} ${id}\n  ${at.join(' ')}`).join('\n'));
  }
  showButtons();
}

function showButtons() {
  for (const id of ['cut', 'slow', 'drain']) $(id).setAttribute('aria-disabled', String(Boolean(trials.current) || !connected));
}

setInterval(() => {
  measureLatency();
  timeline.condition(condition());
  trials.tick();
  show();
}, TICK_MS);

let drawnAt = 0;
requestAnimationFrame(function frame(now) {
  if (now - drawnAt > 100) {
    drawnAt = now;
    timeline.draw();
  }
  requestAnimationFrame(frame);
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => table.redraw());
addEventListener('resize', () => table.redraw());

$('cut-seconds').textContent = facts.cut_seconds;
$('slow-seconds').textContent = facts.slow_seconds;
$('slow-rate').textContent = `${facts.slow_bytes / 1024} KB`;
$('max-behind').textContent = facts.max_behind_ms / 1000;

window.demo = {
  state() {
    const stats = client.stats();
    return {
      connected, state: client.state, condition: condition(), server, line,
      received: stats.received, replayed: stats.replayed, missing: tracker.missing, merged: tracker.merged, doubled: tracker.doubled,
      mergedByServer: stats.merged, connections: stats.connections, errors: stats.errors, lost: stats.lost,
      rate: timeline.rate, latencyMs: latency, seq, lastClose, closes: Object.fromEntries(closes), channels: client.channels,
      trial: trials.current?.kind ?? null, verdict: trials.last,
    };
  },
};

client.subscribe(START).then(showChips, () => {});
showChips();
client.connect();
