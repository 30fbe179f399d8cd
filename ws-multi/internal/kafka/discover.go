package kafka

import (
	"context"
	"log/slog"
	"maps"
	"time"
)

const (
	greetEvery  = 2 * time.Second
	surveyEvery = 3 * time.Second
	// lookAgain is when something was there but could not be read yet.
	lookAgain = 500 * time.Millisecond
	// silence is how long nobody answers before Kafka counts as down. One of
	// several brokers may well be silent: the next greeting finds another.
	silence = 5 * time.Second
	// strange is how long Kafka may say nothing from the start on before a setting
	// is the likeliest reason: librdkafka does not always hear of a hang-up.
	strange = 10 * time.Second
)

// finding is what discovery tells the reader.
type finding struct {
	news     []news
	surveyed bool      // every partition that was there at the start is found
	complete time.Time // when the survey began, if all that is there is found
	number   uint64    // of the latest doubt after which topics were looked at; 0: none since
	reaches  []reach   // what was found about doubtful partitions
}

// news of one topic.
type news struct {
	topic  *topic
	absent bool // it does not exist; the rest is as it was
	log    string
	id     [16]byte
	parts  []*partition // that are new
}

// position is where the reader was with a partition.
type position struct {
	partition *partition
	next      int64
}

// reach says that a partition's log reaches from first to before end, as it was
// found after the reader had asked at a position.
type reach struct {
	position
	first, end int64
}

// doubt is what the reader asks discovery: to look again, and how far the logs of
// some partitions reach.
type doubt struct {
	number uint64
	about  []position
}

// answers is what discovery needs of a directory.
type answers interface {
	greet() (took time.Duration, err error)
	topics(ctx context.Context, names []string) (map[string]listing, error)
	ask(ctx context.Context, places []place, q question) (offsets, error)
}

// discovery asks, again and again, which topics and partitions there are, and
// where to begin with them. The questions block, so it has a goroutine of its own;
// it shares with the reader only two mailboxes.
type discovery struct {
	log       *slog.Logger
	rarely    rarely
	counters  *counters
	directory answers
	reader    *reader
	brokers   []string
	window    time.Duration

	began    time.Time  // where the window ends
	heard    time.Time  // the last sign of life
	met      bool       // there was one
	blamed   error      // what was said of connections since then: librdkafka does not repeat itself
	due      time.Time  // of the next survey
	measured time.Time  // when lags were
	surveyed bool       // told
	topics   []*watched // by event

	doubt      uint64               // number of the latest that is to be looked into; 0: none
	unanswered map[*partition]int64 // next when the reader asked about it
}

// watched is a topic as discovery knows it.
type watched struct {
	topic  *topic
	judged bool         // somebody said whether it exists
	silent bool         // nobody said anything of it the last time
	absent bool         // it does not, now
	log    string       // as it was last seen; empty: it never was
	id     [16]byte     // of log
	first  int          // so many partitions were there at the start
	parts  []*partition // of log, by number; nil: where to begin is not known yet

	leaders []int32 // of parts, as they were last seen; nobody: none

	told       string // the log that the reader knows of
	toldAbsent bool
}

func newDiscovery(c *Consumer, d answers, r *reader) *discovery {
	now := time.Now()
	s := &discovery{
		log: c.log, rarely: newRarely(c.log), counters: c.counters, directory: d, reader: r,
		brokers: c.cfg.Brokers, window: c.cfg.Window, began: now, heard: now,
		unanswered: map[*partition]int64{},
	}
	for _, t := range r.topics {
		s.topics = append(s.topics, &watched{topic: t})
	}
	return s
}

// run ends with ctx.
func (d *discovery) run(ctx context.Context) {
	for {
		pause := time.NewTimer(d.round(ctx))
		select {
		case <-pause.C:
		case <-d.reader.doubted:
		case <-ctx.Done():
			return
		}
		pause.Stop()
	}
}

// round asks once and says when to ask again.
func (d *discovery) round(ctx context.Context) time.Duration {
	for _, asked := range d.reader.doubts.take() {
		d.doubt = asked.number
		for _, at := range asked.about {
			d.unanswered[at.partition] = at.next
		}
	}
	took, err := d.directory.greet()
	if d.hear(took, err); err != nil {
		return askAgain
	}
	if d.doubt == 0 && time.Now().Before(d.due) {
		return min(greetEvery, time.Until(d.due))
	}
	d.due = time.Time{} // until nothing is left to find out
	complete, err := d.survey(ctx)
	if err != nil {
		if ctx.Err() == nil {
			d.rarely.warn("survey", "Kafka does not say what there is; asking again", "error", err)
		}
		return askAgain
	}
	if time.Since(d.measured) >= surveyEvery/2 {
		d.measure(ctx)
	}
	if !complete {
		return lookAgain
	}
	d.due = time.Now().Add(surveyEvery)
	return greetEvery
}

// hear keeps Stats.Up.
func (d *discovery) hear(took time.Duration, err error) {
	if err == nil {
		d.heard, d.met, d.blamed = time.Now(), true, nil
		if !d.counters.up.Swap(true) {
			d.log.Info("Kafka answers", "brokers", d.brokers, "took", took)
		}
		return
	}
	switch {
	// A hang-up without a word says more than words that say nothing of the other side.
	case !wordless(err), refusedBy(err) != nil && (d.blamed == nil || refusedBy(d.blamed) == nil && connected(d.blamed)):
		d.blamed = err
	case d.blamed != nil:
		err = d.blamed
	}
	quiet := time.Since(d.heard)
	if d.counters.up.Load() && quiet < silence {
		return
	}
	if d.counters.up.Swap(false) {
		d.rarely.forget("silence") // this one is new
	}
	if r := refusedBy(err); r != nil {
		d.rarely.warn("refused "+r.setting, "Kafka refuses, or is refused; asking again", "setting", r.setting, "advice", r.advice, "brokers", d.brokers, "error", err, "silent_for", quiet.Round(time.Second))
		return
	}
	args := []any{"brokers", d.brokers, "error", err, "silent_for", quiet.Round(time.Second)}
	if !d.met && connected(err) && quiet >= strange {
		args = append(args, "advice", "it has not answered once since the start: look at KAFKA_BROKERS and KAFKA_SECURITY_PROTOCOL, a port of another protocol may say nothing at all")
	}
	d.rarely.warn("silence", "Kafka does not answer; asking again", args...)
}

// survey looks at everything and tells the reader what it does not know. Not
// complete: something is there but nobody knows yet where to begin with it. What
// cannot be found out of one partition keeps nothing from the reader of another.
func (d *discovery) survey(ctx context.Context) (complete bool, err error) {
	began := time.Now()
	names := make([]string, len(d.topics))
	for i, w := range d.topics {
		names[i] = w.topic.name
	}
	now, err := d.directory.topics(ctx, names)
	if err != nil {
		return false, err
	}
	complete = true
	for _, w := range d.topics {
		if !d.judge(w, now[w.topic.name]) {
			complete = false
		}
	}
	located, all := d.locate(ctx)
	reaches, answered := d.reaches(ctx)
	f := finding{news: d.news(located), number: d.doubt, reaches: reaches}
	d.doubt = 0
	complete = complete && all
	if complete {
		f.complete, f.surveyed, d.surveyed = began, !d.surveyed, true
	}
	if complete || len(f.news) > 0 || f.number > 0 || len(f.reaches) > 0 {
		d.reader.findings.put(f)
		d.reader.alarm.ring()
	}
	return complete && answered, nil
}

// judge takes what a broker says of a topic; false: it does not say.
func (d *discovery) judge(w *watched, now listing) bool {
	name := w.topic.name
	if w.silent = now.err != nil; w.silent {
		d.rarely.warn("topic "+name, "A Kafka topic cannot be read", "topic", name, "error", now.err)
		return false
	}
	initial, absent := !w.judged, w.absent
	w.judged, w.absent = true, now.log == ""
	switch {
	case w.absent && initial:
		d.log.Warn("A Kafka topic of KAFKA_TOPICS does not exist; it is served from when it does", "topic", name)
	case w.absent && w.log != "" && !absent:
		d.log.Warn("A Kafka topic was deleted; it is served again when it is there again", "topic", name)
	case w.absent || w.log == now.log:
	case initial:
		w.first = len(now.leaders)
	default: // it is found later, or was made anew
		w.first, w.parts = 0, nil
		if w.log != "" {
			d.log.Warn("A Kafka topic was made anew; it is read from its beginning", "topic", name, "log", now.log)
		}
	}
	if w.absent {
		return true
	}
	w.log, w.id, w.leaders = now.log, now.id, now.leaders
	for len(w.parts) < len(now.leaders) {
		w.parts = append(w.parts, nil)
	}
	return true
}

// locate finds where to begin with all partitions that the reader does not know.
// Not all: some have to wait.
func (d *discovery) locate(ctx context.Context) (located []*partition, all bool) {
	all = true
	for _, early := range []bool{true, false} { // early: there at the start
		var places []place
		var of []*watched
		for _, w := range d.topics {
			// Of a topic that nobody speaks of the log may be another by now.
			if w.absent || w.silent {
				continue
			}
			for id, p := range w.parts {
				if p == nil && early == (id < w.first) {
					places, of = append(places, place{w.topic.name, int32(id)}), append(of, w)
				}
			}
		}
		questions := []question{firstOffset}
		if early {
			questions = append(questions, stableEnd, sinceTime(d.began.Add(-d.window)))
		}
		answers := d.ask(ctx, places, questions...)
		if ctx.Err() != nil {
			return located, false
		}
		for i, pl := range places {
			if e := failure(answers, i); e != nil {
				d.rarely.warn("partitions "+pl.topic, "A partition of a Kafka topic cannot be read yet", "topic", pl.topic, "partition", pl.partition, "error", e)
				all = false
				continue
			}
			from, until := answers[0][i].at, int64(0)
			if early {
				until = answers[1][i].at
				from = beginning(from, answers[2][i].at, until)
			}
			p := newPartition(of[i].topic, pl.partition, from, until)
			of[i].parts[pl.partition] = p
			located = append(located, p)
		}
	}
	return located, all
}

// news is what the reader does not know.
func (d *discovery) news(located []*partition) (all []news) {
	for _, w := range d.topics {
		var parts []*partition
		for _, p := range located {
			if p.topic == w.topic {
				parts = append(parts, p)
			}
		}
		if len(parts) > 0 || w.told != w.log || w.absent && !w.toldAbsent {
			all = append(all, news{w.topic, w.absent, w.log, w.id, parts})
		}
		w.told, w.toldAbsent = w.log, w.absent
	}
	return all
}

// reaches finds how far the logs of doubtful partitions reach. librdkafka has
// stopped fetching those, and the reader asks no more: so one that gets no answer
// stays to be asked about, until it is another or its topic is another. Not all:
// some have to wait.
func (d *discovery) reaches(ctx context.Context) (found []reach, all bool) {
	maps.DeleteFunc(d.unanswered, func(p *partition, _ int64) bool {
		parts := d.topics[p.topic.event].parts
		return int(p.id) >= len(parts) || parts[p.id] != p
	})
	var places []place
	var about []position
	for _, w := range d.topics {
		// Of a topic that is gone there is no log, and one that nobody speaks of
		// may be another by now.
		if w.absent || w.silent {
			continue
		}
		for id, p := range w.parts {
			if next, doubtful := d.unanswered[p]; doubtful {
				places, about = append(places, place{w.topic.name, int32(id)}), append(about, position{p, next})
			}
		}
	}
	answers := d.ask(ctx, places, firstOffset, highWater)
	if ctx.Err() != nil {
		return nil, false
	}
	all = true
	for i, at := range about {
		if e := failure(answers, i); e != nil {
			d.rarely.warn("reach "+places[i].topic, "Kafka does not say how far a log reaches; its partition waits",
				"topic", places[i].topic, "partition", places[i].partition, "error", e)
			all = false
			continue
		}
		delete(d.unanswered, at.partition)
		found = append(found, reach{at, answers[0][i].at, answers[1][i].at})
	}
	return found, all
}

// measure keeps the lag of each topic. librdkafka's statistics have one too, but
// only as of the last fetch, and while reading is held there is none.
func (d *discovery) measure(ctx context.Context) {
	var places []place
	var parts []*partition
	for _, w := range d.topics {
		for _, p := range w.parts {
			if p != nil && !w.absent {
				places, parts = append(places, place{w.topic.name, p.id}), append(parts, p)
			}
		}
	}
	high := d.ask(ctx, places, highWater)[0]
	d.measured = time.Now()
	lags := make([]int64, len(d.topics))
	for i, p := range parts {
		if high[i].err == nil {
			p.high = high[i].at
		}
		lags[p.topic.event] += max(0, p.high-p.next.Load())
	}
	for event, lag := range lags {
		d.counters.events[event].lag.Store(lag)
	}
}
