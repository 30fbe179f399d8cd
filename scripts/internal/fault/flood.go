package fault

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	dto "github.com/prometheus/client_model/go"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

var floodFaults = []Fault{{
	Name: "flood-frames", Short: true,
	Did:  "frames over the limit, whole, claimed and in fragments; invalid UTF-8, opcodes, masks and lengths",
	Load: fmt.Sprintf("50 connections for each of %d kinds", frameKinds),
	Run:  floodFrames,
}, {
	Name: "flood-pings", Short: true,
	Did:  "10,000 pings a second, by clients that come again when they are closed",
	Load: "300 clients, 20 records/s to each",
	Run:  floodPings,
}, {
	Name: "flood-commands", Short: true,
	Did:  "1,000 commands a second by each of ten clients, half of them of types that there are not",
	Load: "300 clients, 20 records/s to each",
	Run:  floodCommands,
}, {
	Name: "flood-names",
	Did:  "subscribes of 10,000 names, nine a second by each of five clients, which come again when they are closed",
	Load: "300 clients, 20 records/s to each",
	Run:  floodNames,
}, {
	Name: "flood-churn",
	Did:  "subscribes and unsubscribes of 250 names in turn, each client's its own, as fast as allowed by ten clients and ten times as fast by ten",
	Load: "300 clients, 20 records/s to each",
	Run:  floodChurn,
}}

// halfCore is the most CPU time in a second that what a flood makes a server do may take: what it is spared is its work.
const halfCore = 0.5

// flood has attackers at work for a time, each again and again on a connection of its own, and holds the server to what it
// promises others meanwhile, and to no new series of metrics. Each attack is done once before the time begins.
func (t *T) flood(s *stage.Server, tp *stage.Topics, attackers int, attack func(i int) error) {
	length := 10 * time.Second
	if t.Small {
		attackers, length = attackers/5, 2*time.Second
	}
	for i := range attackers {
		if err := attack(i); err != nil {
			t.Fatalf("attack %d, alone: %v", i, err)
		}
	}
	o := t.others(tp, s)
	// What a client does that behaves makes the series of that.
	if err := o.crowd.Settle(stage.Within(t)); err != nil {
		t.Fatal(err)
	}
	t.Sleep(1100 * time.Millisecond) // the metrics are of the last second
	before := t.series(s)
	time1, cpu1 := time.Now(), t.cpu(s)
	t.rest()
	quiet := (t.cpu(s) - cpu1).Seconds() / Since(time1)

	o.disturbed()
	memory, resting := t.watchRSS(s), t.rss(s)
	time2, cpu2 := time.Now(), t.cpu(s)
	var mu sync.Mutex
	var wrong []string
	attacks := 0
	var wait sync.WaitGroup
	for i := range attackers {
		wait.Go(func() {
			for round := 1; Since(time2) < length.Seconds(); round++ {
				err := attack(i + round*attackers)
				mu.Lock()
				attacks++
				if err != nil {
					wrong = append(wrong, err.Error())
				}
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	flooded := (t.cpu(s) - cpu2).Seconds() / Since(time2)
	late := o.crowd.Latency()
	t.None("clients that were not closed as they are to be", len(wrong))
	if len(wrong) > 0 {
		t.Errorf("such as %s", wrong[0])
	}
	t.held("the server's CPU for it, cores", flooded-quiet, halfCore, "")
	t.Sleep(1100 * time.Millisecond)
	more := t.series(s)
	more = slices.DeleteFunc(more, func(name string) bool { return slices.Contains(before, name) || slices.Contains(commandSeries(), name) })
	t.None("new series of metrics, but of known commands' known results", len(more))
	if len(more) > 0 {
		t.Errorf("new series: %q", more)
	}
	t.Saw("%d attacks in %v; the server's CPU %.2f cores without, %.2f with; memory %d MiB before, at most %d",
		attacks, length, quiet, flooded, resting>>20, memory()>>20)
	// How late others' messages were is only told: the flood comes from their own process, and costs that more than the server.
	o.ledgers(late)
}

// series are the names and labels of all that /metrics shows.
func (t *T) series(s *stage.Server) (all []string) {
	families, err := s.Process.Metrics(stage.Within(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, family := range families {
		for _, m := range family.GetMetric() {
			labels := slices.Collect(func(yield func(string) bool) {
				for _, l := range m.GetLabel() {
					if !yield(l.GetName() + "=" + l.GetValue()) {
						return
					}
				}
			})
			all = append(all, name+"{"+strings.Join(labels, ",")+"}")
			if family.GetType() == dto.MetricType_HISTOGRAM {
				all = append(all, fmt.Sprintf("%s of %d buckets", all[len(all)-1], len(m.GetHistogram().GetBucket())))
			}
		}
	}
	slices.Sort(all)
	return all
}

// commandSeries are all that commands can make, whatever a client sends: one comes with the first command of its kind.
func commandSeries() (all []string) {
	for _, kind := range []wire.Type{wire.TypeSubscribe, wire.TypeUnsubscribe, wire.TypeHeartbeat, wire.TypeAuth, "other"} {
		all = append(all, fmt.Sprintf("ws_commands_total{result=ok,type=%s}", kind))
		for _, code := range wire.ErrorCodes() {
			all = append(all, fmt.Sprintf("ws_commands_total{result=%s,type=%s}", code, kind))
		}
	}
	return all
}

// attacker is a client that goes too far until it is closed.
type attacker struct {
	*check.Client
	t      *T
	began  time.Time
	answer chan *check.Frame // the newest one

	mu     sync.Mutex     // guards what follows
	errors map[string]int // by code
	last   string         // type of the last frame
}

func (t *T) attacker(s *stage.Server) (*attacker, error) {
	a := &attacker{t: t, began: time.Now(), errors: map[string]int{}, answer: make(chan *check.Frame, 1)}
	var err error
	a.Client, err = check.Dial(stage.Within(t), s.URL(), check.Options{Handle: a.take})
	return a, err
}

func (a *attacker) take(f *check.Frame) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = f.Type
	if f.Type == "error" {
		a.errors[f.ErrorCode()]++
	}
	if len(f.ID) > 0 {
		select {
		case <-a.answer:
		default:
		}
		a.answer <- f
	}
}

// answered waits for the answer to a command, which must not be an error.
func (a *attacker) answered(id string) error {
	select {
	case f := <-a.answer:
		if string(f.ID) != id || f.Type == "error" {
			return fmt.Errorf("got %s for %s", f, id)
		}
		return nil
	case <-a.Done():
		return fmt.Errorf("closed: %w", a.Ended(stage.Within(a.t)))
	case <-time.After(stage.Patience):
		return fmt.Errorf("%s was not answered", id)
	}
}

// paced does something so often a second until the connection is closed, in steps of 10 ms, or for 20 s at most.
func (a *attacker) paced(perSecond int, do func() error) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for done := 0; Since(a.began) < 20; {
		for ; done < int(Since(a.began)*float64(perSecond)); done++ {
			if do() != nil { // closed: its end tells how
				return nil
			}
		}
		select {
		case <-a.Done():
			return nil
		case <-tick.C:
		}
	}
	return errors.New("was not closed in 20 s")
}

// closed holds the end to the code, which a bye must announce, after at least one error of each of the codes.
func (a *attacker) closed(code wire.CloseCode, codes ...wire.ErrorCode) error {
	defer a.Abort()
	if err := a.Ended(stage.Within(a.t)); !stage.IsClose(err, code) {
		return fmt.Errorf("ended with %w, want close %d", err, code)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, want := range codes {
		if a.errors[string(want)] == 0 {
			return fmt.Errorf("closed with %d without an error %s before; errors %v", code, want, a.errors)
		}
	}
	if a.last != "bye" {
		return fmt.Errorf("closed with %d after a %s, not a bye", code, a.last)
	}
	if broken := a.Broken(); len(broken) > 0 {
		return fmt.Errorf("broken: %q", broken)
	}
	return nil
}

func floodPings(t *T) {
	const attackers = 10
	tp := stage.MakeTopics(t, t.Brokers, 3, "trade")
	s := t.Start(tp, nil)
	t.flood(s, tp, attackers, func(int) error {
		a, err := t.attacker(s)
		if err != nil {
			return err
		}
		if err := a.paced(10_000/attackers, func() error { return a.Send(websocket.PingMessage, []byte("are you there?")) }); err != nil {
			return err
		}
		return a.closed(wire.CloseTooManyRequests)
	})
}

func floodCommands(t *T) {
	const attackers = 10
	tp := stage.MakeTopics(t, t.Brokers, 3, "trade")
	s := t.Start(tp, nil)
	t.flood(s, tp, attackers, func(i int) error {
		a, err := t.attacker(s)
		if err != nil {
			return err
		}
		n := 0
		err = a.paced(1000, func() error {
			n++
			kind := "unsubscribe"
			if i%2 == 1 {
				kind = fmt.Sprintf("type%d-%d", i, n)
			}
			_, err := a.Command(kind, nil)
			return err
		})
		switch {
		case err != nil:
			return err
		case i%2 == 1:
			return a.closed(wire.CloseTooManyErrors, wire.UnknownType)
		default:
			return a.closed(wire.CloseTooManyRequests, wire.RateLimitExceeded)
		}
	})
}

// subscribes are so many commands, each of so many names that no other has. They are made before the clients are looked at: to
// make them costs more than to send them.
func subscribes(n, names int) (payloads [][]byte) {
	for i := range n {
		p := fmt.Appendf(nil, `{"type":"subscribe","id":%d,"data":{"channels":[`, i)
		for k := range names {
			if k > 0 {
				p = append(p, ',')
			}
			p = fmt.Appendf(p, `"N%d-%d.trade"`, i, k)
		}
		payloads = append(payloads, append(p, "]}}"...))
	}
	return payloads
}

func floodNames(t *T) {
	const attackers, names = 5, 10_000
	tp := stage.MakeTopics(t, t.Brokers, 3, "trade")
	// With the usual limit of a message they would be over that.
	s := t.Start(tp, stage.Settings{"WS_MESSAGE_BYTES": "1MiB"})
	payloads := subscribes(50, names)
	t.flood(s, tp, attackers, func(i int) error {
		a, err := t.attacker(s)
		if err != nil {
			return err
		}
		n := i
		if err := a.paced(9, func() error {
			n++
			return a.Send(websocket.TextMessage, payloads[n%len(payloads)])
		}); err != nil {
			return err
		}
		return a.closed(wire.CloseTooManyErrors, wire.ChannelLimit)
	})
}

func floodChurn(t *T) {
	const attackers, names = 20, 250
	tp := stage.MakeTopics(t, t.Brokers, 3, "trade")
	s := t.Start(tp, nil)
	payloads := subscribes(500, names)
	t.flood(s, tp, attackers, func(i int) error {
		a, err := t.attacker(s)
		if err != nil {
			return err
		}
		if i%2 == 0 {
			n := i
			if err := a.paced(100, func() error {
				if n++; n%2 == 0 {
					return a.Send(websocket.TextMessage, []byte(`{"type":"unsubscribe"}`))
				}
				return a.Send(websocket.TextMessage, payloads[i%len(payloads)])
			}); err != nil {
				return err
			}
			// One that sends faster than it reads may be closed for that first (P9.4).
			if stage.IsClose(a.Ended(stage.Within(t)), wire.CloseSlowConsumer) {
				a.Abort()
				return nil
			}
			return a.closed(wire.CloseTooManyRequests, wire.RateLimitExceeded)
		}
		defer a.Close()
		for n := i; Since(a.began) < 5; n++ {
			id, err := a.turn(n, names)
			if err == nil {
				err = a.answered(id)
			}
			if err != nil {
				return fmt.Errorf("a client that kept to the rate: %w", err)
			}
			t.Sleep(120 * time.Millisecond)
		}
		return nil
	})
}

// turn subscribes to names that are new, and the next time gives all up.
func (a *attacker) turn(n, names int) (id string, err error) {
	if n%2 == 0 {
		return a.Command("unsubscribe", nil)
	}
	channels := make([]string, names)
	for k := range channels {
		channels[k] = fmt.Sprintf("C%d-%d.trade", n, k)
	}
	return a.Subscribe(check.Subscription{Channels: channels})
}
