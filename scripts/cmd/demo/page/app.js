// Wires the reference client to the page. State for machines: window.demo.state().

import { Beside } from './beside.js';
import { Table } from './table.js';
import { Timeline } from './timeline.js';
import { Viewer } from './viewer.js';

const START = ['*.trade', '*.liquidity'];
/** The clients that stand beside the page's own where there are several servers. */
const OTHERS = [['*.trade'], ['*.analytics', '*.balances'], ['BTC.*', 'ETH.*']];
const TICK_MS = 250;
const LOG_LENGTH = 80;
const CODES = {
  1001: 'going away', 1006: 'line broken', 4000: 'drain', 4001: 'slow consumer', 4002: 'no pong', 4004: 'overloaded', 4005: 'rebalance',
  4006: 'too many requests', 4500: 'bad request', 4501: 'token refused', 4503: 'connection limit', 4506: 'too many errors',
};

const $ = (id) => document.getElementById(id);
const facts = await (await fetch('demo.json')).json();
const several = facts.servers.length > 1;
const table = new Table($('rows'), facts.symbols);
const timeline = new Timeline($('timeline'));
const own = new Viewer({
  name: 'This page', channels: START, facts, say, log,
  arrived: ({ home, server }) => log(`connected to ${several ? `${home}, ` : ''}server ${server}`, 'good'),
});
const { client, ledger, trials } = own;
const viewers = [own, ...several ? OTHERS.map((channels, i) => new Viewer({ name: `Client ${i + 2}`, channels, facts })) : []];
let pong = null; // the last, with the time it came

// The viewer's own handlers come first.
client.on('message', (message) => {
  timeline.message(own.replaying);
  table.take(message);
});
client.on('open', () => {
  pong = null;
  timeline.condition(own.condition);
});
client.on('ack', ({ subscribed }) => log(`${own.replaying ? 'resume' : 'subscribed'} ${subscribed.join(' ')}`));
client.on('replayComplete', ({ replayed }) => {
  timeline.mark(`+${replayed.toLocaleString('en')}`);
  log(`replayed ${replayed.toLocaleString('en')}`, 'replayed');
});
client.on('notRecovered', (events) => log(`not recovered: ${events.join(', ')}`, 'bad'));
client.on('notice', ({ code, reconnectInMs }) => {
  timeline.mark('notice');
  log(`notice ${code}: come back ${reconnectInMs} ms after the close`, 'behind');
});
client.on('close', ({ code, reason, final }) => {
  timeline.condition('down');
  if (own.refusals > 0 && own.ended === null) return;
  const moving = final && code === 1000; // by the client itself
  timeline.mark(moving ? 'move' : String(code));
  if (moving) log(`left ${own.home}`, 'behind');
  else log(`closed with ${code}, ${CODES[code] ?? (reason || 'no reason given')}${final ? ': for good' : ''}`, 'bad');
});
client.on('reconnecting', ({ delayMs }) => {
  const text = `next try in ${(delayMs / 1000).toFixed(1)} s`;
  const { refusals } = own;
  log(refusals > 0 ? `refused ${refusals > 1 ? `${refusals} times` : 'once'}, ${text}` : text, '', refusals > 1);
});
client.on('pong', (frame) => {
  pong = { ...frame, at: performance.now() };
  timeline.pong();
});
client.on('gap', ({ event, partition, from, to }) => log(`gap in ${event}/${partition}: ${from ?? 'another log'} to ${to ?? ''}`, 'bad'));
client.on('ledger', ({ frame, sent, received }) => log(`the ${frame} says ${sent} sent, ${received} came`, 'bad'));
for (const { client: one, name } of viewers) {
  one.on('error', (error) => {
    if (error.code !== 'CANCELLED') log(`${one === client ? '' : `${name}: `}${error.code}: ${error.message}`, 'bad');
  });
}

const beside = several ? new Beside($('servers'), facts.servers, viewers, (kind, text) => {
  $('moved').dataset.kind = kind;
  $('moved').textContent = text;
}) : null;
$('beside').hidden = !several;
document.title = `${facts.servers.join(' and ')}, live`;
$('title').textContent = facts.servers.join(' and ');
if (several) $('what').textContent = 'Kafka records on WebSockets, without a hole. Move clients between the servers, break a connection, and count.';

// ---- buttons and the form ----

for (const kind of ['cut', 'slow', 'drain']) {
  $(kind).addEventListener('click', async () => {
    if (!own.idle) return;
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
      const answer = await fetch(kind === 'drain' ? `drain?server=${own.home}` : `line/${own.line}/${kind}`, { method: 'POST' });
      if (!answer.ok) throw new Error((await answer.text()).trim());
    } catch (error) {
      trials.abort(error.message);
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
      await own.unsubscribe(channel);
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

function show() {
  const n = (value) => value.toLocaleString('en');
  const set = (id, text) => { if ($(id).textContent !== text) $(id).textContent = text; };
  const { condition: now, latency, connected } = own;
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
  set('merged', n(ledger.merged));
  set('missing', n(ledger.missing));
  $('missing').toggleAttribute('data-bad', ledger.missing > 0);
  $('pill').dataset.state = own.replaying ? 'behind' : now;
  set('pill', own.replaying ? 'replaying' : {
    live: 'live', behind: `${((latency ?? 0) / 1000).toFixed(1)} s behind`, down: client.state === 'closed' ? 'closed' : 'reconnecting',
  }[now]);

  const { welcome, home } = own;
  set('server', welcome ? `${several && home !== welcome.server ? `${home} ` : ''}${own.server} · ${welcome.server} ${welcome.version}` : '–');
  set('conn', connected ? welcome.conn : '–');
  set('seq', n(own.seq));
  set('pong', pong ? `${Math.round((performance.now() - pong.at) / 1000)} s ago, ${pong.rttMs} ms` : '–');
  set('closes', [...own.closes].map(([code, count]) => (count > 1 ? `${code} × ${count}` : code)).join(', ') || 'none');
  if ($('cursor-box').open) {
    set('cursor', Object.entries(client.cursor).map(([event, { log: id, at }]) => `${event} ${id}\n  ${at.join(' ')}`).join('\n'));
  }
  showButtons();
}

function showButtons() {
  for (const id of ['cut', 'slow', 'drain']) $(id).setAttribute('aria-disabled', String(!own.idle));
}

setInterval(() => {
  for (const viewer of viewers) viewer.tick();
  timeline.condition(own.condition);
  show();
  beside?.show();
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
  viewers,
  /** The page's own client; viewers has them all. */
  state: () => ({ ...own.state(), rate: timeline.rate, viewers: viewers.map((viewer) => viewer.state()) }),
};

showChips();
viewers.forEach((viewer, i) => viewer.start(facts.servers[i % facts.servers.length]).catch((error) => {
  log(`${viewer.name} cannot connect: ${error.message}`, 'bad');
  if (viewer === own) say('bad', [`This page cannot connect: ${error.message}. Reload it.`]);
}));
