// The servers beside each other: what each does, which clients it has, and the buttons that move them.

import { duration } from './trial.js';

const POLL_MS = 1000;
const SLIDE_MS = 350;

const FIGURES = [
  ['connections', (f) => [f.connections]],
  ['deliveries/s', (f) => [Math.round(f.deliveries_per_s).toLocaleString('en')]],
  ['CPU of a core', (f) => [(f.cores * 100).toFixed(1), '%']],
  ['p99 to socket', (f) => (f.p99_ms === null ? ['–'] : [f.p99_ms < 10 ? f.p99_ms.toFixed(1) : f.p99_ms.toFixed(0), 'ms'])],
  ['memory', (f) => [(f.memory_bytes / 2 ** 20).toFixed(0), 'MB']],
];

const DOING = { cut: 'line cut', slow: 'line slow', drain: 'server drains', move: 'moving', lost: 'reconnecting' };

export class Beside {
  #viewers;
  #columns = new Map(); // server -> {head, values, list, all}
  #rows = new Map(); // viewer -> {li, rate, fate, buttons, home}
  #say;

  /** root gets a column for each server. say(kind, text) tells how a move ended. */
  constructor(root, servers, viewers, say) {
    this.#viewers = viewers;
    this.#say = say;
    for (const server of servers) root.append(this.#column(server));
    for (const viewer of viewers) this.#rows.set(viewer, this.#row(viewer, servers));
    setInterval(() => this.#poll(), POLL_MS);
    this.#poll();
  }

  /** Called several times a second. */
  show() {
    for (const [viewer, row] of this.#rows) {
      if (viewer.home && viewer.home !== row.home) this.#place(viewer, row);
      const { current, last } = viewer.trials;
      const { missing, doubled } = viewer.ledger;
      const back = last?.closes.length > 0 ? `${last.resumed ? 'resumed' : 'not resumed'} in ${duration(last.seconds)}, replayed ${last.replayed.toLocaleString('en')}, ` : '';
      setText(row.rate, `${viewer.rate.toLocaleString('en')}/s`);
      setText(row.channels, viewer.channels.join(' ') || 'no channels');
      const ended = viewer.ended === null ? '' : `closed for good with ${viewer.ended}, `;
      setText(row.fate, `${ended || (current ? `${DOING[current.kind]}, ` : back)}missing ${missing}, doubled ${doubled}`);
      row.fate.dataset.kind = ended || missing + doubled > 0 || (!current && last && !last.good) ? 'bad' : current ? 'busy' : 'good';
      for (const [to, button] of row.buttons) button.setAttribute('aria-disabled', String(!viewer.movable || to === viewer.home));
    }
    for (const [server, { all }] of this.#columns) all.setAttribute('aria-disabled', String(this.#elsewhere(server).length === 0));
  }

  #column(server) {
    const id = `server-${server}`;
    const head = element('p', {});
    const values = new Map(FIGURES.map(([name]) => [name, element('dd', {}, '–')]));
    const list = element('ul', { className: 'viewers', ariaLabel: `Clients of ${server}` });
    const all = element('button', { type: 'button' }, `Move all to ${server}`);
    all.addEventListener('click', () => this.#moveAll(server));
    this.#columns.set(server, { head, values, list, all });
    const column = element('article', { className: 'server' },
      element('h3', { id }, server), head,
      element('dl', {}, ...FIGURES.map(([name]) => element('div', {}, element('dt', {}, name), values.get(name)))),
      list, all);
    column.dataset.server = server;
    column.setAttribute('aria-labelledby', id);
    return column;
  }

  #row(viewer, servers) {
    const rate = element('span', { className: 'rate' });
    const channels = element('span', { className: 'channels' });
    const fate = element('p', { className: 'fate' });
    const buttons = new Map(servers.map((to) => {
      const button = element('button', { type: 'button', ariaLabel: `Move ${viewer.name} to ${to}` }, `Move to ${to}`);
      button.addEventListener('click', () => this.#move(viewer, to));
      button.dataset.to = to;
      return [to, button];
    }));
    const li = element('li', {}, element('p', { className: 'who' }, element('strong', {}, viewer.name), ' ', channels, rate), fate,
      element('p', { className: 'ways' }, ...buttons.values()));
    li.dataset.viewer = viewer.name;
    return { li, rate, channels, fate, buttons, home: null };
  }

  /** Puts a client into its server's column, and lets it be seen going there. */
  #place(viewer, row) {
    const focused = row.li.contains(document.activeElement);
    const before = row.home && row.li.getBoundingClientRect();
    row.home = viewer.home;
    for (const [to, button] of row.buttons) button.hidden = to === viewer.home;
    const after = this.#viewers.slice(this.#viewers.indexOf(viewer) + 1).find((v) => this.#rows.get(v).home === viewer.home);
    this.#columns.get(viewer.home).list.insertBefore(row.li, after ? this.#rows.get(after).li : null);
    if (focused) row.li.querySelector('button:not([hidden])')?.focus();
    if (!before || matchMedia('(prefers-reduced-motion: reduce)').matches) return;
    const now = row.li.getBoundingClientRect();
    const away = `translate(${before.left - now.left}px, ${before.top - now.top}px)`;
    const slide = row.li.animate([{ transform: away }, { transform: 'none' }], { duration: SLIDE_MS, easing: 'ease-out' });
    row.li.style.pointerEvents = 'none'; // it must not catch a press meant for what it passes
    slide.onfinish = slide.oncancel = () => { row.li.style.pointerEvents = ''; };
  }

  #elsewhere(server) {
    return this.#viewers.filter((viewer) => viewer.movable && viewer.home && viewer.home !== server);
  }

  async #move(viewer, to) {
    if (!viewer.movable || viewer.home === to) return;
    this.#tell([await attempt(viewer, to)], to);
  }

  async #moveAll(to) {
    const going = this.#elsewhere(to);
    if (going.length === 0) return;
    const left = this.#viewers.filter((viewer) => viewer.home && viewer.home !== to && !viewer.movable && !viewer.moving)
      .map(({ name, obstacle }) => ({ name, why: obstacle }));
    const ends = await Promise.all(going.map((viewer) => attempt(viewer, to)));
    this.#tell([...ends, ...left], to);
  }

  #tell(ends, to) {
    const moved = ends.filter(({ verdict }) => verdict);
    const stayed = ends.filter(({ verdict }) => !verdict);
    const sentences = stayed.map(({ name, why }) => `That did not work for ${name}: ${why}.`);
    if (moved.length > 0) sentences.unshift(this.#summary(moved, to));
    const good = stayed.length === 0 && moved.every(({ verdict }) => verdict.good && verdict.resumed);
    this.#say(good ? 'good' : 'bad', sentences.join(' '));
  }

  #summary(moved, to) {
    const verdicts = moved.map(({ verdict }) => verdict);
    const who = moved.length === 1 ? moved[0].name : `${moved.length} clients`;
    const sum = (key) => verdicts.reduce((total, verdict) => total + verdict[key], 0).toLocaleString('en');
    const time = `${verdicts.length > 1 ? ', the slowest' : ''} in ${duration(Math.max(...verdicts.map(({ seconds }) => seconds)))}`;
    const good = verdicts.every((verdict) => verdict.good && verdict.resumed);
    return `${who} moved to ${to}${time}: ${good ? 'resumed' : 'not all resumed'}, replayed ${sum('replayed')}, missing ${sum('missing')}, doubled ${sum('doubled')}.`;
  }

  async #poll() {
    let all;
    try {
      all = await (await fetch('servers')).json();
    } catch {
      return; // the demo is gone or about to come back
    }
    for (const figures of all) {
      const { head, values } = this.#columns.get(figures.name) ?? {};
      if (!head) continue;
      setText(head, `${figures.architecture} · ${figures.version} · server ${figures.server}`);
      for (const [name, show] of FIGURES) {
        const [value, unit] = show(figures);
        values.get(name).replaceChildren(String(value), ...unit ? [element('small', {}, unit)] : []);
      }
    }
  }
}

/** {name, verdict}, or {name, why} it did not come there. */
async function attempt(viewer, to) {
  const { name } = viewer;
  try {
    const { verdict, why } = await viewer.move(to);
    if (verdict && !verdict.ended) return { name, why: 'its replay did not come to an end' };
    return { name, verdict, why };
  } catch (error) {
    return { name, why: error.message };
  }
}

function element(tag, properties, ...children) {
  const e = Object.assign(document.createElement(tag), properties);
  e.append(...children);
  return e;
}

function setText(e, text) {
  if (e.textContent !== text) e.textContent = text;
}
