package fault

import (
	"maps"
	"net/http"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/adred-codev/ws_poc/scripts/internal/audience"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// hall is a server with a crowd of one channel each and a feed for it, on a topic of its own.
type hall struct {
	t        *T
	topics   *stage.Topics
	server   *stage.Server
	channels []audience.Channel
	members  int
	crowd    *audience.Crowd
	feed     *audience.Feed
}

// hallPartitions has a hall's topic. Its channels have records in each.
const hallPartitions = 3

// recovers is how long a server may take after a fault of its link to be as before, in seconds.
const recovers = 5

// hall opens one and fills it with 1,000 clients, for 50 records/s.
func (t *T) hall(brokers, servers string) *hall {
	h := t.open(brokers, servers, nil)
	h.fill(h.server.URL(), t.Count(1000), oneOf(h.channels), 50, 100)
	return h
}

// open starts the server. It comes to the brokers by an address of its own; everybody else by another, so that harm to the
// server's link stops no record.
func (t *T) open(brokers, servers string, set stage.Settings) *hall {
	h := &hall{t: t, topics: stage.MakeTopics(t, brokers, hallPartitions, "trade")}
	h.channels = t.spread(h.topics, 10)
	all := stage.Settings{"KAFKA_BROKERS": servers}
	maps.Copy(all, set)
	h.server = t.Start(h.topics, all)
	return h
}

// spread are n channels of trade with records in each partition: in a random choice one may have none, and then nobody would
// see that it is silent. The broker is asked where a record of each goes, which is before anybody subscribes.
func (t *T) spread(tp *stage.Topics, n int) []audience.Channel {
	for {
		channels := crowdChannels("trade", n)
		var records []stage.Record
		for _, ch := range channels {
			records = append(records, stage.Counted("trade", ch.Symbol, 0))
		}
		has := map[int32]bool{}
		for _, place := range tp.Publish(t, records...) {
			has[place.Partition] = true
		}
		if len(has) == hallPartitions {
			return channels
		}
	}
}

// fill gathers the crowd, whose members come by url, starts the feed, and sees how it is without a fault.
func (h *hall) fill(url string, members int, channels func(int) []string, rate float64, size int) {
	h.members = members
	h.crowd = h.t.Gather(audience.Options{URLs: []string{url}, Stay: true, Members: members, Channels: channels})
	h.feed = audience.StartFeed(h.t, h.topics, h.channels, rate, size)
	h.settle()
	h.look("before")
}

// settle lets the first deliveries pass, which are slower, or those that waited for the end of a fault.
func (h *hall) settle() {
	if h.t.Small {
		h.t.Sleep(time.Second)
	} else {
		h.t.Sleep(3 * time.Second)
	}
	h.crowd.Latency()
}

// look tells how long records take from their producer to the clients for a while.
func (h *hall) look(when string) {
	if h.t.Small {
		h.t.Sleep(time.Second)
	} else {
		h.t.Sleep(5 * time.Second)
	}
	h.t.delivery(when, h.crowd.Latency())
}

// outage lets the server be without its broker, and holds what operators and clients see of it to the limits. In the ordinary
// tests it ends as soon as the server has said that it is not ready.
func (h *hall) outage(lasts time.Duration, begin, end func() error) {
	t := h.t
	if err := begin(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	h.server.WaitStatus(t, "/readyz", http.StatusServiceUnavailable)
	t.Most("not ready after the fault began", Since(began), 15, "s")
	if !t.Small {
		t.Sleep(time.Until(began.Add(lasts)))
	}
	t.Saw("%d of %d clients were connected at the end of the outage", h.crowd.Subscribed(), h.members)
	if err := end(); err != nil {
		t.Fatal(err)
	}
	h.recovered(recovers)
}

// recovered is called at the end of a fault, and waits until all is as before: the server is ready, and records flow to each
// client. The limit on each is in seconds from now.
func (h *hall) recovered(limit float64) {
	t := h.t
	ended, sent := time.Now(), h.feed.Sent()
	prompt := h.prompt(ended)
	ready, flow := time.Time{}, time.Time{}
	stage.Eventually(t, "the server to be ready, and records to flow again to each client", func() bool {
		// A channel's records come in order: who has one of these has all that waited, too.
		if flow.IsZero() && h.crowd.Behind(sent) == 0 {
			flow = time.Now()
		}
		if ready.IsZero() && h.server.Get(t, "/readyz").StatusCode == http.StatusOK {
			ready = time.Now()
		}
		return !flow.IsZero() && !ready.IsZero()
	})
	t.Most("ready again after the fault ended", ready.Sub(ended).Seconds(), limit, "s")
	t.Most("each client has records that were sent after the fault ended", flow.Sub(ended).Seconds(), limit, "s")
	// A partition that is silent is not late: before each has come again, promptness is none.
	caughtUp := max(prompt(), flow.Sub(ended).Seconds())
	t.held("records come within 1 s of being sent again, after the fault ended", caughtUp, limit, "s")
	h.look("after")
}

// prompt looks at how late records are from now on. What it returns waits until in five tenths of a second, one after the other,
// 99 of 100 records came within a second, and says how long after the fault the first of these began; half a minute at most.
func (h *hall) prompt(ended time.Time) (wait func() float64) {
	const window, enough, patience = 100 * time.Millisecond, 5, 30 * time.Second
	h.crowd.Latency()
	found := make(chan time.Time, 1)
	first, good, began := time.Time{}, 0, time.Now()
	stop := h.t.every(window, func() {
		took := h.crowd.Latency()
		switch {
		case took.TotalCount() == 0 || took.ValueAtQuantile(99) > 1_000_000:
			good = 0
		case good == 0:
			good, first = 1, began
		default:
			good++
		}
		began = time.Now()
		if good == enough {
			select {
			case found <- first:
			default: // one was found before
			}
		}
	})
	return func() float64 {
		defer stop()
		select {
		case at := <-found:
			return max(at.Sub(ended).Seconds(), 0)
		case <-time.After(time.Until(ended.Add(patience))):
			return patience.Seconds()
		}
	}
}

// hardship is a time in which a link is bad but there, and what must come through it all the same.
type hardship struct {
	lasts    time.Duration
	small    time.Duration // how long in the ordinary tests
	share    float64       // of the messages that are due meanwhile, how many must come meanwhile
	notReady float64       // the seconds that the server may be not ready
	late     time.Duration // how long half of the messages take at least, which shows that the harm acts
}

// endure is a hardship that was begun.
func (h *hall) endure(x hardship) {
	t := h.t
	if t.Small {
		x.lasts = x.small
	}
	h.crowd.Latency()
	before, from := h.crowd.Report().Received, h.feed.Sent()
	notReady := time.Duration(0)
	const look = 100 * time.Millisecond
	for began, last := time.Now(), time.Now(); time.Since(began) < x.lasts; t.Sleep(look) {
		if h.server.Get(t, "/readyz").StatusCode != http.StatusOK {
			notReady += time.Since(last)
		}
		last = time.Now()
	}
	came, due := h.crowd.Report().Received-before, h.crowd.Due(from, h.feed.Sent())
	took := h.crowd.Latency()
	if t.Small { // where a busy machine may be what is slow, and the hardship goes on meanwhile
		t.until("", time.Now().Add(stage.Patience), func() bool { return h.crowd.Behind(from) == 0 })
	}
	t.None("clients that got no record meanwhile that was sent meanwhile", h.crowd.Behind(from))
	t.heldLeast("of the messages due meanwhile, the share that came meanwhile", float64(came)/float64(max(due, 1)), x.share, "")
	t.held("the server was not ready meanwhile, in all", notReady.Seconds(), x.notReady, "s")
	if x.late > 0 {
		t.Least("half of the messages took meanwhile", float64(took.ValueAtQuantile(50))/1000, float64(x.late.Milliseconds()), "ms")
	}
	t.delivery("meanwhile", took)
}

// whole ends it: nothing was lost, and nobody's connection ended.
func (h *hall) whole() {
	if r := h.t.Whole(h.crowd, h.feed); len(r.Ends) > 0 {
		h.t.Saw("connections ended: %s; refused: %s", tally(r.Closes), tally(r.Refused))
	}
}

// delivery tells how long records took from their producer to the clients.
func (t *T) delivery(when string, took *hdrhistogram.Histogram) {
	t.Saw("delivery %s: p50 %.3g ms, p99 %.3g ms, longest %.3g ms, of %d messages", when,
		float64(took.ValueAtQuantile(50))/1000, float64(took.ValueAtQuantile(99))/1000, float64(took.Max())/1000, took.TotalCount())
}
