//go:build full

package e2e

import (
	"errors"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

const (
	loadConns = 1000
	loadTime  = 60 * time.Second
	stalled   = 50
)

// A thousand connections, five messages a second each, for a minute: every
// message on every channel, once and in order.
func TestLoad(t *testing.T) {
	for _, v := range suite.variants {
		t.Run(v.Name, func(t *testing.T) { load(t, v, 0) })
	}
}

// The same with fifty that do not read, and whose sockets do fill: they are
// closed, and the others do not feel it.
func TestLoadWithStalled(t *testing.T) {
	for _, v := range suite.variants {
		t.Run(v.Name, func(t *testing.T) { load(t, v, stalled) })
	}
}

// loader is one connection of the load.
type loader struct {
	*check.Client
	stream   *check.Stream
	channels []string
	answered chan string // types of frames that are no messages
}

func load(t *testing.T, v variant.Variant, stalled int) {
	tp := stage.MakeTopics(t, suite.brokers, 12, "trade", "social")
	// A pong may take longer than a stalled socket needs to fill: otherwise some
	// of the stalled are closed for their silence, with 4002, before.
	s := start(t, v, tp, stage.Settings{"WS_STALL_TIMEOUT": "5s", "WS_PING_INTERVAL": "60s", "WS_PONG_TIMEOUT": "40s"})
	t.Cleanup(func() {
		if t.Failed() {
			for _, code := range []string{"4001", "4002", "1006"} {
				t.Logf("closed with %s: %v", code, s.Metric(t, "ws_connections_closed_total", "code", code))
			}
		}
	})
	// Half of the connections hold five of fifty channels with a message a
	// second each; the other half one pattern with five messages a second.
	var groups [10][]string
	for i := range groups {
		groups[i] = fiveSymbols()
	}
	var loaders []*loader
	for i := range loadConns {
		l := &loader{answered: make(chan string, 64)}
		loaders = append(loaders, l)
		o := check.Options{LocalIP: net.IPv4(127, 0, 1, byte(1+i%250))}
		if i < stalled {
			o.ReadBuffer = 4096
		}
		l.connect(t, s, o, groups[i%len(groups)], i%2 == 0)
		if i < stalled {
			l.Stall()
		}
	}

	ends := loadFeed(t, tp, groups[:])
	var wait sync.WaitGroup
	for _, l := range loaders[stalled:] {
		wait.Go(func() { l.finish(t, ends) })
	}
	wait.Wait()
	stage.Eventually(t, "the stalled to be closed", func() bool {
		return s.Metric(t, "ws_connections_closed_total", "code", "4001") == float64(stalled)
	})
	for _, l := range loaders[:stalled] {
		// Who sleeps on for longer than the server waits finds a reset.
		l.Unstall()
		if err := l.Ended(stage.Within(t)); !stage.IsClose(err, wire.CloseSlowConsumer) && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("a stalled client ended with %v", err)
		}
		if err := l.stream.Err(nil); err != nil {
			t.Errorf("a stalled client got: %v", err)
		}
	}
}

func (l *loader) connect(t *testing.T, s *stage.Server, o check.Options, symbols []string, own bool) {
	t.Helper()
	l.stream = check.NewStream()
	o.Handle = func(f *check.Frame) {
		if f.Type == "message" {
			l.stream.Take(f)
			return
		}
		l.answered <- f.Type
	}
	var err error
	if l.Client, err = check.Dial(stage.Within(t), s.URL(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Abort)
	l.channels = []string{"*.social"}
	if own {
		l.channels = nil
		for _, x := range symbols {
			l.channels = append(l.channels, x+".trade")
		}
	}
	if _, err := l.Subscribe(check.Subscription{Channels: l.channels}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"welcome", "subscription_ack"} {
		select {
		case got := <-l.answered:
			if got != want {
				t.Fatalf("got a %s, want a %s", got, want)
			}
		case <-l.Done():
			t.Fatalf("ended with %v", l.Ended(stage.Within(t)))
		case <-time.After(stage.Patience):
			t.Fatalf("waited %v for a %s", stage.Patience, want)
		}
	}
}

// loadFeed keeps its schedule, whatever the server does, and returns how far
// each channel has come. A second has five steps: each publishes ten of the
// fifty trades, and one social message.
func loadFeed(t *testing.T, tp *stage.Topics, groups [][]string) map[string]int64 {
	t.Helper()
	const steps = 5
	ends := map[string]int64{}
	crowd := stage.Symbol() + ".social"
	began := time.Now()
	for step := 0; time.Duration(step)*time.Second/steps < loadTime; step++ {
		time.Sleep(time.Until(began.Add(time.Duration(step) * time.Second / steps)))
		var records []stage.Record
		for _, group := range groups {
			x := group[step%steps]
			ends[x+".trade"]++
			records = append(records, stage.Padded("trade", x, int(ends[x+".trade"]), 400))
		}
		ends[crowd]++
		records = append(records, stage.Padded("social", crowd[:len(crowd)-len(".social")], int(ends[crowd]), 400))
		tp.Publish(t, records...)
	}
	return ends
}

// finish waits until the connection has come to the end of its channels, and
// judges it.
func (l *loader) finish(t *testing.T, all map[string]int64) {
	ends := map[string]int64{}
	for channel, n := range all {
		for _, own := range l.channels {
			if pattern, err := wire.ParsePattern(own); err == nil && covers(pattern, channel) {
				ends[channel] = n
			}
		}
	}
	for end := time.Now().Add(stage.Patience); l.stream.Err(ends) != nil && time.Now().Before(end); {
		select {
		case <-l.Done():
			t.Errorf("the connection ended: %v; %v", l.Ended(t.Context()), l.stream.Err(ends))
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
	if err := l.stream.Err(ends); err != nil {
		t.Error(err)
		return
	}
	if got, want := l.stream.Tally().Received, int64(loadTime/time.Second)*5; got != want {
		t.Errorf("%d messages came, want %d", got, want)
	}
	if _, err := l.Command("heartbeat", nil); err != nil {
		t.Error(err)
		return
	}
	select {
	case <-l.answered:
	case <-time.After(stage.Patience):
		t.Error("no pong came")
	}
	for _, broken := range l.Broken() {
		t.Error(broken)
	}
}

func covers(p wire.Pattern, channel string) bool {
	symbol, event, _ := strings.Cut(channel, ".")
	return p.Matches(symbol, event)
}
