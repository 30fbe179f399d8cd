// A trial is one thing done to the connection, from the button to the verdict: what was replayed, merged and missing.
// The verdict is not the page's own opinion: the market is asked which number each channel has reached, and the trial
// waits until the page has seen it.

/** A channel's newest message may be under way when the market is asked. */
const CHECK_MS = 5000;
/** With a connection, a trial that has not come to its end after so long will not. */
const PATIENCE_MS = 60_000;
/** Messages this fresh mean that the client has caught up. */
const FRESH_MS = 1000;

export class Trials {
  current = null;
  /** The verdict before: {kind, text, good, ended, from, to, resumed, replayed, merged, missing, doubled, closes, seconds, worst}. */
  last = null;
  #deps;

  /** deps: {tracker, client, situation() => {latency, replaying, arriving, home, server}, say(kind, html parts), log(text, className)} */
  constructor(deps) {
    this.#deps = deps;
  }

  /** Returns a promise of {verdict}, or of {why} it comes to none. */
  begin(kind, seconds = 0) {
    const { tracker, situation } = this.#deps;
    const now = performance.now();
    let resolve;
    const outcome = new Promise((done) => { resolve = done; });
    this.current = {
      kind, outcome, resolve, told: false, waiting: now, until: now + seconds * 1000, from: situation().server, fromHome: situation().home,
      lostAt: null, openedAt: null, liveAt: null, closes: [], resumes: 0, replayed: 0, worst: 0, lost: [],
      missing: tracker.missing, merged: tracker.merged, doubled: tracker.doubled, newest: null, askedAt: 0,
    };
    return outcome;
  }

  /** Begins a move. A connection that was lost just before is part of it. */
  move() {
    if (!this.current) return this.begin('move');
    this.current.kind = 'move';
    return this.current.outcome;
  }

  abort(why) {
    this.current?.resolve({ why });
    this.current = null;
  }

  /** connected: there had been a welcome. forGood: the client will not try again. */
  closed(code, reason, { connected, forGood }) {
    if (forGood) {
      const text = `closed for good with ${code}${reason ? `, ${reason}` : ''}`;
      this.abort(text);
      this.#deps.say('bad', [`${text[0].toUpperCase()}${text.slice(1)}. Reload the page to begin anew.`]);
      return;
    }
    if (!this.current) this.begin('lost');
    const trial = this.current;
    if (connected) {
      trial.closes.push(code);
      trial.lostAt = performance.now();
      trial.newest = null;
    }
    trial.told ||= trial.kind === 'lost' || code === 4001;
    if (trial.kind === 'cut' || trial.kind === 'lost') {
      this.#deps.say('busy', [trial.kind === 'cut' ? 'The line is cut. The market goes on; the client keeps its cursor and tries again.' : `The connection is lost (${code}). The client tries again.`]);
    } else if (code === 4001) {
      this.#deps.say('busy', ['Closed with 4001, slow consumer. The server keeps no queue for it: the client resumes from its cursor.']);
    }
  }

  /** resuming: there is a cursor, so a replay follows. */
  opened(resuming) {
    if (this.current?.lostAt) this.current.openedAt = performance.now();
    if (resuming || !this.current || this.current.kind === 'slow') return;
    this.abort('it had nothing to resume');
    this.#deps.say('idle', ['Connected again. There was nothing yet to resume.']);
  }

  replayComplete(replayed) {
    if (!this.current) return;
    this.current.resumes++;
    this.current.liveAt = performance.now();
    this.current.replayed += replayed;
  }

  notRecovered(events) {
    this.current?.lost.push(...events);
  }

  /** Called several times a second. */
  async tick() {
    const trial = this.current;
    if (!trial) return;
    const { client, tracker, situation } = this.#deps;
    const now = performance.now();
    const { latency, replaying, arriving } = situation();
    trial.worst = Math.max(trial.worst, latency ?? 0);
    if (client.state !== 'open') trial.waiting = now;
    if (now - trial.waiting > PATIENCE_MS) {
      this.#finish(trial, tracker.missing - trial.missing, false);
      return;
    }

    const happened = trial.kind === 'slow' ? now > trial.until : trial.resumes > 0;
    const settled = client.state === 'open' && !replaying && !arriving && (latency === null || latency < FRESH_MS);
    if (!happened || !settled) return;
    if (!trial.newest) {
      if (trial.asking) return;
      trial.asking = true;
      try {
        trial.newest = await (await fetch('feed/last')).json();
      } catch {
        // The demo itself is gone, or about to come back: the next tick asks again.
      }
      trial.asking = false;
      trial.askedAt = performance.now();
      return;
    }
    const outstanding = tracker.outstanding(trial.newest);
    if (outstanding === 0 || now - trial.askedAt > CHECK_MS) this.#finish(trial, tracker.missing - trial.missing + outstanding, true);
  }

  #finish(trial, missing, ended) {
    if (this.current !== trial) return;
    this.current = null;
    const { tracker, situation, say, log } = this.#deps;
    const merged = tracker.merged - trial.merged;
    const doubled = tracker.doubled - trial.doubled;
    // Moving is over when what was missed is there; of the others the time without a connection is told.
    const back = trial.kind === 'move' ? trial.liveAt : trial.openedAt;
    const seconds = back ? (back - trial.lostAt) / 1000 : 0;
    const { home, server } = situation();
    const good = ended && missing === 0 && doubled === 0 && trial.lost.length === 0;
    const n = (count) => count.toLocaleString('en');

    let what;
    if (!ended) {
      what = 'It did not come to an end. ';
    } else if (trial.kind === 'slow') {
      what = `Fell ${(trial.worst / 1000).toFixed(1)} s behind${trial.closes.includes(4001) ? ', was closed with 4001 and resumed' : ' and caught up'}. `;
    } else if (trial.kind === 'drain') {
      what = `Moved from server ${trial.from} to server ${server}. `;
    } else if (trial.kind === 'move') {
      what = `Moved from ${trial.fromHome} to ${home} in ${duration(seconds)}. `;
    } else {
      what = `Resumed after ${seconds.toFixed(1)} s without a connection. `;
    }
    const counts = [`replayed ${n(trial.replayed)}`, ...trial.kind === 'slow' || merged > 0 ? [`merged ${n(merged)}`] : [], `missing ${n(missing)}`,
      ...trial.kind === 'move' || doubled > 0 ? [`doubled ${n(doubled)}`] : []].join(', ');
    const strong = counts[0].toUpperCase() + counts.slice(1);
    const checked = `, by the market’s own count of ${n(tracker.channels)} channels.`;
    const lost = trial.lost.length > 0 ? ` Not recovered: ${trial.lost.join(', ')}.` : '';
    this.last = {
      kind: trial.kind, good, ended, from: trial.fromHome, to: home, resumed: trial.resumes > 0 && trial.lost.length === 0, replayed: trial.replayed, merged, missing, doubled, closes: trial.closes, seconds, worst: trial.worst,
      text: `${what}${strong}${checked}${lost}`,
    };
    // Who moved it tells of that; here it ends what was told of a connection lost meanwhile.
    if (trial.kind !== 'move' || trial.told) say(good ? 'good' : 'bad', [what, { strong }, `${checked}${lost}`]);
    log(counts, good ? 'good' : 'bad');
    trial.resolve({ verdict: this.last });
  }
}

/** Milliseconds below a second. */
export function duration(seconds) {
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`;
}
