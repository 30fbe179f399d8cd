package fault

import (
	"fmt"
	"net"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/adred-codev/ws_poc/scripts/internal/audience"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

var slowFaults = []Fault{{
	Name: "slow-readers", Short: true, Alone: true,
	Did:  "5% of the clients stop reading until they are closed, and come back; again and again",
	Load: "600 clients, 20 records/s of 1 KB to each",
	Run:  slowReaders,
}, {
	Name: "slow-handshakes", Short: true,
	Did:  "330 connections begin a handshake and do not end it, which servers have room for; then 2,000 do, and of 200 more it comes a byte a second",
	Load: "300 clients, 20 records/s to each",
	Run:  slowHandshakes,
}, {
	Name: "slow-messages", Short: true,
	Did:  "messages come a byte a second, in fragments, and in fragments with pongs between",
	Load: "300 clients, 20 records/s to each",
	Run:  slowMessages,
}}

// alike is how much later than without them the others' 99th percentile may be: 10%. Where the harm is done from the
// clients' own machine, on their cores, twice is what cannot be told from that.
const (
	alike  = 1.1
	shared = 2
)

// bounded is how much more memory a server may take at most while harm is done: a Go program takes twice what it keeps.
const bounded = 2

func slowReaders(t *T) {
	const stall = 10 * time.Second
	rounds, window := 5, 10*time.Second
	if t.Small {
		rounds, window = 1, 2*time.Second
	}
	tp := stage.MakeTopics(t, t.Brokers, 3, "trade")
	// A pong may take longer than a socket needs to fill: then the stalled would be closed for their silence.
	s := t.Start(tp, stage.Settings{"WS_STALL_TIMEOUT": stall.String(), "WS_PING_INTERVAL": "60s", "WS_PONG_TIMEOUT": "40s"})
	channels := crowdChannels("trade", 5)
	clients := t.Count(600)
	stalling := max(clients/20, 1)
	others := t.Gather(audience.Options{URLs: []string{s.URL()}, Members: clients - stalling, Channels: allOf(channels)})
	readers := t.Gather(audience.Options{
		URLs: []string{s.URL()}, Members: stalling, Channels: allOf(channels), ReadBuffer: 4096, Local: stalledIP,
	})
	feed := audience.StartFeed(t, tp, channels, 20, 1000)
	behind := func() int { return t.scraped(s, "ws_connections_behind") }
	evictions := func() int { return t.scraped(s, "ws_connections_closed_total", "code", "4001") }
	t.Sleep(3 * time.Second)

	without, with := newTimes(), newTimes()
	evicted, full, leastBlocked := 0, 0, stalling
	var slowest time.Duration
	resting, history := t.rss(s), t.scraped(s, "ws_history_bytes")
	memory := t.watchRSS(s)
	for round := range rounds {
		// Both times are looked at alike.
		sockets := t.watchSockets(s, stalledNet)
		others.Latency()
		before, blocked, atRest := evictions(), 0, behind()
		t.until("", time.Now().Add(window), func() bool { return behind() < 0 || evictions() < 0 })
		without.Merge(others.Latency())
		sockets()

		sockets = t.watchSockets(s, stalledNet)
		readers.Stall(0, stalling)
		others.Latency()
		t.until("the stalled to be closed", time.Time{}, func() bool {
			blocked = max(blocked, behind()-atRest)
			return evictions() >= before+stalling
		})
		with.Merge(others.Latency())
		leastBlocked = min(leastBlocked, blocked)
		seen := sockets()
		evicted, full, slowest = evicted+seen.closed, full+seen.full, max(slowest, seen.slowest)
		readers.Unstall(0, stalling)
		resumed := (round + 1) * stalling
		t.until("the stalled to be back", time.Time{}, func() bool {
			// One that has not seen its end yet counts as subscribed; the server's side tells.
			return readers.Report().Resumes >= resumed && readers.Subscribed() == stalling && t.established(s, stalledNet) == stalling
		})
		t.until("", time.Now().Add(30*time.Second), func() bool { return behind() == 0 })
	}
	peak := memory()
	most := float64(peak) - float64(t.scraped(s, "ws_history_bytes")-history)
	t.held("others' p99 with / without", p99(with)/p99(without), alike, "")
	t.All("stalled clients seen blocked (ws_connections_behind), in the worst round", leastBlocked, stalling)
	t.All("of all that stalled, closed while they did", evicted, rounds*stalling)
	t.All("of those, closed with bytes that the client did not take in the socket", full, rounds*stalling)
	t.None("clients closed with 4001 beyond those", evictions()-rounds*stalling)
	t.Most("slowest close after the socket's last byte", slowest.Seconds(), stall.Seconds()+1, "s")
	t.held("most memory less what the history grew / before", most/float64(resting), bounded, "")
	t.Saw("%d rounds; others' p50 and p99 without: %s, with: %s; memory %d MiB, at most %d MiB",
		rounds, inMS(without), inMS(with), resting>>20, peak>>20)
	t.Whole(others, feed)
	r := t.Complete(readers, feed)
	t.Saw("when they woke, connections of the stalled had ended: %s", tally(r.Closes))
}

// until looks at ok every half second until it says so, or a time has come; without one, what is waited for must come.
func (t *T) until(what string, at time.Time, ok func() bool) {
	limit := at
	if at.IsZero() {
		limit = time.Now().Add(stage.Patience)
	}
	for !ok() {
		left := time.Until(limit)
		if left <= 0 {
			if at.IsZero() {
				t.Fatalf("waited %v for %s", stage.Patience, what)
			}
			return
		}
		t.Sleep(min(lookEvery, left))
	}
}

// The stalled have addresses of their own, by which the kernel's table tells them from the others.
var stalledNet = net.IPNet{IP: net.IPv4(127, 0, 9, 0).To4(), Mask: net.CIDRMask(24, 32)}

func stalledIP(i int) net.IP { return net.IPv4(127, 0, 9, byte(1+i%250)) }

func newTimes() *hdrhistogram.Histogram { return hdrhistogram.New(1, 600_000_000, 3) }

func p99(h *hdrhistogram.Histogram) float64 { return float64(h.ValueAtQuantile(99)) }

func inMS(h *hdrhistogram.Histogram) string {
	return fmt.Sprintf("%.2f and %.2f ms of %d", float64(h.ValueAtQuantile(50))/1000, p99(h)/1000, h.TotalCount())
}
