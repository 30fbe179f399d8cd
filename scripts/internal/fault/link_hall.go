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

// hall opens one and fills it with 1,000 clients, for 50 records/s.
func (t *T) hall(brokers, servers string) *hall {
	h := t.open(brokers, servers, nil)
	h.fill(h.server.URL(), t.Count(1000), oneOf(h.channels), 50, 100)
	return h
}

// open starts the server. It comes to the brokers by an address of its own; everybody else by another, so that harm to the
// server's link stops no record.
func (t *T) open(brokers, servers string, set stage.Settings) *hall {
	h := &hall{t: t, topics: stage.MakeTopics(t, brokers, 3, "trade"), channels: crowdChannels("trade", 10)}
	all := stage.Settings{"KAFKA_BROKERS": servers}
	maps.Copy(all, set)
	h.server = t.Start(h.topics, all)
	return h
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
	before := h.crowd.Report().Received
	if err := end(); err != nil {
		t.Fatal(err)
	}
	ended := time.Now()
	h.recovered(ended, before)
}

// recovered waits until the server is ready and records flow again. The limit on both is 5 s from when the fault ended.
func (h *hall) recovered(ended time.Time, before int64) {
	t := h.t
	ready, flow := time.Time{}, time.Time{}
	stage.Eventually(t, "the server to be ready, and records to flow again", func() bool {
		if flow.IsZero() && h.crowd.Report().Received > before {
			flow = time.Now()
		}
		if ready.IsZero() && h.server.Get(t, "/readyz").StatusCode == http.StatusOK {
			ready = time.Now()
		}
		return !flow.IsZero() && !ready.IsZero()
	})
	t.Most("ready again after the fault ended", ready.Sub(ended).Seconds(), 5, "s")
	t.Most("records flow again after the fault ended", flow.Sub(ended).Seconds(), 5, "s")
	// What waited meanwhile comes late, and how long that goes on is a matter of the machine.
	h.crowd.Latency()
	for late := true; late && time.Since(ended) < 30*time.Second; {
		t.Sleep(500 * time.Millisecond)
		took := h.crowd.Latency()
		late = took.TotalCount() == 0 || took.ValueAtQuantile(99) > 1_000_000
	}
	t.Saw("records came within 1 s again %.0f s after the fault", Since(ended))
	h.look("after")
}

// hardship is a time in which the link is bad but there. The server may be not ready meanwhile, which is told, and how late
// records were.
func (h *hall) hardship(lasts, small time.Duration) {
	t := h.t
	if t.Small {
		lasts = small
	}
	h.crowd.Latency()
	notReady := time.Duration(0)
	const look = 100 * time.Millisecond
	for began := time.Now(); time.Since(began) < lasts; t.Sleep(look) {
		if h.server.Get(t, "/readyz").StatusCode != http.StatusOK {
			notReady += look
		}
	}
	t.Saw("not ready for %.1f s of %.0f s", notReady.Seconds(), lasts.Seconds())
	t.delivery("meanwhile", h.crowd.Latency())
}

// relief is after it: the server is ready, or is soon.
func (h *hall) relief() { h.recovered(time.Now(), h.crowd.Report().Received) }

// whole ends it: nothing was lost, and nobody's connection ended.
func (h *hall) whole() {
	if r := h.t.Whole(h.crowd, h.feed); len(r.Ends) > 0 {
		h.t.Saw("connections ended %v, refused %v", r.Closes, r.Refused)
	}
}

// delivery tells how long records took from their producer to the clients.
func (t *T) delivery(when string, took *hdrhistogram.Histogram) {
	t.Saw("delivery %s: p50 %.3g ms, p99 %.3g ms, longest %.3g ms, of %d messages", when,
		float64(took.ValueAtQuantile(50))/1000, float64(took.ValueAtQuantile(99))/1000, float64(took.Max())/1000, took.TotalCount())
}
