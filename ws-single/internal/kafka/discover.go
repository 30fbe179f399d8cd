package kafka

import (
	"context"
	"time"
)

const (
	// probeInterval is how often a broker is asked whether it is there, and
	// surveyInterval how often for topics and partitions.
	probeInterval  = 2 * time.Second
	surveyInterval = 3 * time.Second
	// downAfter: silence for so long means down. One broker of several may be
	// silent without that; the next probe finds another.
	downAfter = 8 * time.Second
	// neverAnswered: after so long without any answer a setting is likely wrong.
	neverAnswered = 10 * time.Second

	// tail is how many offsets before its end a partition is read from at
	// least, however old they are.
	tail = 1000
)

// update is what discovery tells the reader.
type update struct {
	found []finding
	// surveyed: every partition that was there at the start has been found.
	surveyed bool
	// complete: when the survey began, if it found all that there is.
	complete time.Time
	// checked: bounds answers a check.
	checked bool
	bounds  []bounds
}

// finding is news of one topic.
type finding struct {
	event int
	log   string // empty: the topic is gone
	id    [16]byte
	parts []found
}

// found is a partition that was not known before.
type found struct {
	partition int32
	start     int64
	end       int64 // at the start, for Loaded; -1 for a partition found later
}

// checkpoint is a position whose being inside the log is in doubt.
type checkpoint struct {
	place
	event int
	next  int64
}

// bounds is a checkpoint's answer: the log reaches from low to high, excluded.
type bounds struct {
	checkpoint
	low, high int64
}

// discovery finds topics, partitions and their offsets, and watches whether
// the brokers answer. It blocks on them, and so has a goroutine of its own.
type discovery struct {
	c       *Consumer
	cluster *cluster
	quiet   quiet
	names   []string
	topics  []seen

	began    time.Time // the window's end
	answered time.Time // the last probe that was
	why      error     // what librdkafka said of a connection since then; it says the same thing rarely
	surveyed bool      // update.surveyed was sent
	asked    []checkpoint
	next     time.Time // of the next survey
}

// seen is what discovery knows of a topic.
type seen struct {
	judged  bool   // some answer said whether it exists
	log     string // empty while it does not
	gone    bool   // it existed, and does not now
	atStart int    // so many partitions were there at the start
	known   []bool // by partition: the reader has been told
}

func newDiscovery(c *Consumer, k *cluster) *discovery {
	d := &discovery{c: c, cluster: k, quiet: quiet{}, topics: make([]seen, len(c.cfg.Topics)), began: time.Now()}
	d.answered = d.began
	for _, t := range c.cfg.Topics {
		d.names = append(d.names, t.Name)
	}
	return d
}

func (d *discovery) run(ctx context.Context) {
	for {
		pause := d.round(ctx)
		select {
		case <-ctx.Done():
			return
		case d.asked = <-d.c.checks:
		case <-time.After(pause):
		}
	}
}

// round asks once, and says when to ask again.
func (d *discovery) round(ctx context.Context) time.Duration {
	rtt, err := d.cluster.probe()
	why := d.cluster.complaints()
	// A hang-up without a word tells more than words that name no setting, unless
	// they say that there was nobody to hang up.
	if why == nil && hungUp(err) && (d.why == nil || advice(d.c.cfg, d.why) == "" && !nobody(d.why)) {
		why = err
	}
	if why != nil {
		d.why = why
	}
	if err != nil {
		if d.why != nil {
			err = d.why
		}
		d.silent(err)
		return retryPause
	}
	d.answers(rtt)
	if d.asked == nil && time.Now().Before(d.next) {
		return min(probeInterval, time.Until(d.next))
	}
	complete, err := d.survey(ctx)
	if err == nil && d.asked != nil {
		err = d.check(ctx)
	}
	if err != nil && ctx.Err() == nil {
		if n := d.quiet.due("survey"); n > 0 {
			d.c.log.Warn("Kafka's topics cannot be looked up; retrying", "error", err, "times", n)
		}
	}
	if err != nil || !complete {
		return retryPause
	}
	d.next = time.Now().Add(surveyInterval)
	return probeInterval
}

func (d *discovery) answers(rtt time.Duration) {
	d.answered, d.why = time.Now(), nil
	d.c.counters.rtt.Store(int64(rtt))
	if !d.c.counters.up.Swap(true) {
		d.c.log.Info("Kafka answers", "brokers", d.c.cfg.Brokers, "rtt", rtt)
	}
}

func (d *discovery) silent(why error) {
	silence := time.Since(d.answered)
	if d.c.counters.up.Load() && silence < downAfter {
		return
	}
	d.c.counters.up.Store(false)
	if advice := advice(d.c.cfg, why); advice != "" {
		if n := d.quiet.due("refused " + advice); n > 0 {
			d.c.log.Warn("Kafka cannot be used with these settings; retrying", "advice", advice, "brokers", d.c.cfg.Brokers, "since", silence.Round(time.Second), "error", why, "times", n)
		}
		return
	}
	if n := d.quiet.due("silent"); n > 0 {
		args := []any{"brokers", d.c.cfg.Brokers, "since", silence.Round(time.Second), "error", why, "times", n}
		// librdkafka does not always tell that somebody hung up.
		if d.answered.Equal(d.began) && silence >= neverAnswered && !nobody(why) {
			args = append(args, "advice", "KAFKA_BROKERS, KAFKA_SECURITY_PROTOCOL: nothing has answered since the start, and a port may be silent to another protocol than its own")
		}
		d.c.log.Warn("Kafka does not answer; retrying", args...)
	}
}

// survey looks for topics and partitions that the reader does not know and
// tells it. complete is false when something is known to be there but cannot be
// read yet, as a partition without a leader.
func (d *discovery) survey(ctx context.Context) (complete bool, err error) {
	began := time.Now()
	now, err := d.cluster.describe(ctx, d.names)
	if err != nil {
		return false, err
	}
	complete = true
	var u update
	for event, name := range d.names {
		t, topic := now[name], &d.topics[event]
		switch {
		case t.err != nil:
			if n := d.quiet.due("topic " + name); n > 0 {
				d.c.log.Warn("A Kafka topic cannot be read", "topic", name, "error", t.err, "times", n)
			}
			complete = false
			continue
		case t.log == "":
			switch {
			case !topic.judged:
				d.c.log.Warn("A configured Kafka topic does not exist; it is served when it does", "topic", name)
			case topic.log != "" && !topic.gone:
				d.c.log.Warn("A Kafka topic is gone; waiting for it", "topic", name)
				u.found = append(u.found, finding{event: event})
				topic.gone = true
			}
			topic.judged, topic.atStart = true, 0
			continue
		}
		if topic.log != "" && topic.log != t.log {
			d.c.log.Warn("A Kafka topic was made anew; it is read from its beginning", "topic", name, "log", t.log)
			topic.known, topic.atStart = nil, 0
		} else if !topic.judged {
			topic.atStart = t.partitions
		}
		topic.judged, topic.gone = true, false
		news := topic.log != t.log
		topic.log = t.log
		parts, missing := d.locate(ctx, name, topic, t.partitions)
		if missing != nil {
			if n := d.quiet.due("partitions " + name); n > 0 {
				d.c.log.Warn("Partitions of a Kafka topic cannot be read yet", "topic", name, "error", missing, "times", n)
			}
			complete = false
		}
		if news || len(parts) > 0 {
			u.found = append(u.found, finding{event: event, log: t.log, id: t.id, parts: parts})
		}
	}
	if complete {
		u.complete, u.surveyed, d.surveyed = began, !d.surveyed, true
	}
	switch {
	case len(u.found) > 0 || u.surveyed:
		d.tell(ctx, u)
	case complete:
		select { // probes must not wait for a reader that has other things to do
		case d.c.updates <- u:
			d.c.wake()
		default:
		}
	}
	return complete, nil
}

// locate finds where to begin with the partitions of a topic that the reader
// has not been told of. missing is why some of them must wait.
func (d *discovery) locate(ctx context.Context, name string, topic *seen, partitions int) (parts []found, missing error) {
	var unknown []place
	for len(topic.known) < partitions {
		topic.known = append(topic.known, false)
	}
	for p, known := range topic.known {
		if !known {
			unknown = append(unknown, place{name, int32(p)})
		}
	}
	if len(unknown) == 0 {
		return nil, nil
	}
	low, err := d.cluster.offsets(ctx, unknown, earliest)
	if err != nil {
		return nil, err
	}
	var end, recent []answer
	if topic.atStart > 0 {
		if end, err = d.cluster.offsets(ctx, unknown, latestCommitted); err != nil {
			return nil, err
		}
		if recent, err = d.cluster.offsets(ctx, unknown, since(d.began.Add(-d.c.cfg.Window))); err != nil {
			return nil, err
		}
	}
	for i, at := range unknown {
		p := found{partition: at.partition, start: low[i].offset, end: -1}
		err := low[i].err
		if int(at.partition) < topic.atStart {
			if err == nil {
				err = end[i].err
			}
			if err == nil {
				err = recent[i].err
			}
			p.start, p.end = begin(low[i].offset, end[i].offset, recent[i].offset), end[i].offset
		}
		if err != nil {
			missing = err
			continue
		}
		topic.known[at.partition] = true
		parts = append(parts, p)
	}
	return parts, missing
}

// begin is where a partition found at the start is read from: the earlier of
// the window's first record and a fixed number before the end (protocol.md
// section 5). recent is negative when the window has no record.
func begin(low, end, recent int64) int64 {
	if recent < 0 {
		recent = end
	}
	return max(low, min(recent, end-tail))
}

// check answers the reader's doubt about its positions.
func (d *discovery) check(ctx context.Context) error {
	var asked []checkpoint
	var places []place
	for _, a := range d.asked {
		if !d.topics[a.event].gone {
			asked, places = append(asked, a), append(places, a.place)
		}
	}
	low, err := d.cluster.offsets(ctx, places, earliest)
	if err != nil {
		return err
	}
	high, err := d.cluster.offsets(ctx, places, latest)
	if err != nil {
		return err
	}
	u := update{checked: true}
	for i, a := range asked {
		if low[i].err == nil && high[i].err == nil {
			u.bounds = append(u.bounds, bounds{a, low[i].offset, high[i].offset})
		}
	}
	d.asked = nil
	d.tell(ctx, u)
	return nil
}

func (d *discovery) tell(ctx context.Context, u update) {
	select {
	case d.c.updates <- u:
		d.c.wake()
	case <-ctx.Done():
	}
}
