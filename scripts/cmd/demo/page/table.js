// The market's table. Messages only change a row's numbers; the page is touched once a frame at most, ten times a second,
// and only where a row changed and can be seen.

const POINTS = 60; // of a sparkline
const POINT_MS = 500; // newer prices take the last point's place
const DRAW_MS = 100;

export class Table {
  #body;
  #rows = new Map();
  #dirty = new Set();
  #visible;
  #scheduled = false;
  #drawnAt = 0;

  constructor(body, symbols) {
    this.#body = body;
    this.#visible = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        const row = this.#rows.get(target.dataset.symbol);
        row.visible = isIntersecting;
        if (isIntersecting) this.#touch(row);
      }
    }, { rootMargin: '80px' });
    for (const symbol of symbols) this.#add(symbol);
  }

  take({ symbol, event, data }) {
    const row = this.#rows.get(symbol) ?? this.#add(symbol);
    row.count++;
    if (event === 'trade' && typeof data?.price === 'number') {
      row.direction = Math.sign(data.price - (row.price ?? data.price)) || row.direction;
      row.price = data.price;
      row.change = data.change;
      const now = performance.now();
      if (now - row.pointAt >= POINT_MS) {
        row.pointAt = now;
        row.points.push(data.price);
        if (row.points.length > POINTS) row.points.shift();
      } else {
        row.points[row.points.length - 1] = data.price;
      }
    } else if (event === 'liquidity' && typeof data?.bid === 'number') {
      row.quotes = data;
    }
    this.#touch(row);
  }

  /** Draws everything again: the size or the colours changed. */
  redraw() {
    for (const row of this.#rows.values()) this.#touch(row);
  }

  #add(symbol) {
    const tr = document.createElement('tr');
    tr.dataset.symbol = symbol;
    const cell = (className, text = '–') => {
      const td = document.createElement('td');
      td.className = className;
      td.textContent = text;
      tr.append(td);
      return td;
    };
    const row = {
      symbol, count: 0, price: null, change: null, quotes: null, direction: 0, points: [], pointAt: -Infinity, visible: false,
    };
    cell('', symbol);
    row.cells = { price: cell('num price'), change: cell('num change'), trend: cell('trend', ''), quotes: cell('num wide quotes'), count: cell('num count', '0') };
    row.canvas = document.createElement('canvas');
    row.canvas.setAttribute('aria-hidden', 'true'); // price and change say it
    row.cells.trend.append(row.canvas);
    this.#rows.set(symbol, row);
    this.#body.append(tr);
    this.#visible.observe(tr);
    return row;
  }

  #touch(row) {
    this.#dirty.add(row);
    if (!this.#scheduled) {
      this.#scheduled = true;
      requestAnimationFrame((now) => this.#frame(now));
    }
  }

  #frame(now) {
    if (now - this.#drawnAt < DRAW_MS) {
      requestAnimationFrame((later) => this.#frame(later));
      return;
    }
    this.#scheduled = false;
    this.#drawnAt = now;
    const colours = getComputedStyle(document.documentElement);
    const [up, down, flat] = ['--up', '--down', '--muted'].map((name) => colours.getPropertyValue(name));
    for (const row of this.#dirty) {
      if (!row.visible) continue;
      this.#dirty.delete(row);
      this.#show(row, now);
      sparkline(row.canvas, row.points, row.change > 0 ? up : row.change < 0 ? down : flat);
    }
  }

  #show(row) {
    const { price, change, quotes, count } = row.cells;
    setText(count, row.count.toLocaleString('en'));
    if (row.quotes) setText(quotes, `${number(row.quotes.bid)} / ${number(row.quotes.ask)}`);
    if (row.price === null) return;
    if (setText(price, number(row.price))) {
      price.className = `num price ${row.direction > 0 ? 'up' : row.direction < 0 ? 'down' : ''}`;
      clearTimeout(row.fade);
      row.fade = setTimeout(() => { price.className = 'num price'; }, 700);
    }
    setText(change, `${row.change > 0 ? '+' : row.change < 0 ? '−' : ''}${Math.abs(row.change).toFixed(2)}%`);
    change.className = `num change ${row.change > 0 ? 'up' : row.change < 0 ? 'down' : ''}`;
  }
}

function setText(element, text) {
  if (element.textContent === text) return false;
  element.textContent = text;
  return true;
}

/** Five digits at least, and no more decimals than a price of that size has. */
function number(price) {
  const decimals = Math.min(9, Math.max(2, 4 - Math.floor(Math.log10(Math.abs(price) || 1))));
  return price.toLocaleString('en', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/** Makes a canvas as sharp as the screen is; returns its size in CSS pixels, null while it has none. */
export function fit(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  if (width === 0 || height === 0) return null;
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext('2d');
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

function sparkline(canvas, points, colour) {
  const size = fit(canvas);
  if (!size || points.length < 2) return;
  const { context, width, height } = size;
  const low = Math.min(...points);
  const range = Math.max(...points) - low || 1;
  context.beginPath();
  points.forEach((p, i) => {
    const x = 2 + i * (width - 4) / (POINTS - 1);
    const y = 3 + (height - 6) * (1 - (p - low) / range);
    if (i === 0) context.moveTo(x, y);
    else context.lineTo(x, y);
  });
  context.strokeStyle = colour;
  context.lineWidth = 1.5;
  context.lineJoin = 'round';
  context.stroke();
}
