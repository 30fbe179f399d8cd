package parity

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/broker"
	"github.com/adred-codev/ws_poc/scripts/internal/produce"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

var brokers string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		stop := func() error { return nil }
		if brokers = os.Getenv("KAFKA_TEST_BROKERS"); brokers == "" {
			ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
			defer cancel()
			b, err := broker.Start(ctx, broker.Options{})
			if err != nil {
				fmt.Fprintln(os.Stderr, "parity:", err)
				return 1
			}
			brokers, stop = b.Addr(), b.Stop
		}
		code := m.Run()
		if err := errors.Join(stop(), goleak.Find()); err != nil && code == 0 {
			fmt.Fprintln(os.Stderr, "parity:", err)
			return 1
		}
		return code
	}())
}

// serve starts both variants on topics of their own.
func serve(t *testing.T, events ...string) (topics []wire.Topic, sides [2]Side) {
	t.Helper()
	tp := stage.MakeTopics(t, brokers, 4, events...)
	for _, event := range events {
		topics = append(topics, wire.Topic{Name: tp.Name(event), Event: event})
	}
	all, err := variant.All()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 {
		t.Fatalf("%d variants", len(all))
	}
	for i, v := range all {
		binary, err := v.Binary(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		settings := stage.Settings{}
		if v.Name == "ws-multi" {
			settings["WS_SHARDS"] = "3"
		}
		s := stage.Start(t, binary, tp, settings)
		sides[i] = Side{v.Name, s.URL()}
	}
	return topics, sides
}

// before puts a liar before one of the sides.
func before(t *testing.T, sides [2]Side, which int, lie func(*lied, []byte) [][]byte) ([2]Side, *liar) {
	t.Helper()
	l := newLiar(t, sides[which].URL, lie)
	sides[which].URL = l.url()
	return sides, l
}

// session is a comparison that runs beside others over one log, published by the test.
type session struct {
	name    string
	sides   [2]Side
	which   int // the side with the liar; -1: none
	liar    *liar
	o       Options
	want    Kind                   // that must be found, and no other; "": none
	count   func(lies int64) int64 // how many there must be; nil: at least one
	clients string                 // part of the name of those on whom it is told; "": any

	report *Report
	err    error
}

// runAll runs sessions side by side over as many records, published at a rate.
func runAll(t *testing.T, topics []wire.Topic, sessions []*session, records int, rate float64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	enough := make(chan struct{})
	ready := make(chan struct{}, len(sessions))
	var all sync.WaitGroup
	for _, s := range sessions {
		s.o.Brokers, s.o.Topics, s.o.Sides, s.o.Enough, s.o.For = brokers, topics, s.sides, enough, 4*time.Minute
		s.o.Log = func(line string) {
			if strings.Contains(line, "are subscribed") {
				ready <- struct{}{}
			}
		}
		all.Go(func() {
			if s.report, s.err = Run(ctx, s.o); s.err != nil {
				cancel()
			}
		})
	}
	for range sessions {
		select {
		case <-ready:
		case <-ctx.Done():
		}
	}
	if ctx.Err() == nil {
		publish(ctx, t, topics, records, rate)
	}
	close(enough)
	all.Wait()
	for _, s := range sessions {
		if s.err != nil {
			t.Fatalf("%s: %v", s.name, s.err)
		}
	}
}

func publish(ctx context.Context, t *testing.T, topics []wire.Topic, records int, rate float64) {
	t.Helper()
	l, err := newLoad(topics, "", 20, 1)
	if err != nil {
		t.Fatal(err)
	}
	p, err := produce.New(produce.Config{Brokers: brokers, Rate: rate})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	summary, err := p.RunAt(ctx, produce.Pace{Rate: rate, Duration: time.Duration(float64(records) / rate * float64(time.Second))}, l)
	if err != nil || summary.Acked != summary.Sent {
		t.Errorf("publish: %+v, %v", summary, err)
	}
}

// judge holds what a session found to what it had to.
func (s *session) judge(t *testing.T) {
	t.Helper()
	r := s.report
	if s.want == "" {
		if !r.Passed {
			t.Errorf("it is honest, and: %s", sentence(r.Why))
		}
		return
	}
	if r.Passed {
		t.Fatalf("%d lies were not found", s.liar.lies.Load())
	}
	lies := s.liar.lies.Load()
	if lies == 0 {
		t.Fatal("the liar had no chance to lie")
	}
	for i, v := range r.Variants {
		for _, k := range Kinds {
			n := v.Counts[k]
			switch {
			case i == s.which && k == s.want && s.count != nil && n != s.count(lies):
				t.Errorf("%d %s on %s after %d lies, want %d", n, k, v.Name, lies, s.count(lies))
			case i == s.which && k == s.want && n == 0:
				t.Errorf("no %s on %s after %d lies: %s", k, v.Name, lies, sentence(r.Why))
			case (i != s.which || k != s.want) && n > 0 && !(k == Late && s.want == Late):
				t.Errorf("%d %s on %s", n, k, v.Name)
			}
		}
	}
	if s.want != Late && r.Variants[s.which].Digest == r.Digest && s.clients == "" {
		t.Error("the digest is the log's all the same")
	}
	for _, d := range r.Differences {
		if d.Kind == s.want && !strings.Contains(d.Client, s.clients) {
			t.Errorf("told of the client %q, and those that %q alone can see it", d.Client, s.clients)
		}
	}
	if !slices.ContainsFunc(r.Why, func(why string) bool {
		return strings.Contains(why, string(s.want)) && strings.HasPrefix(why, r.Variants[s.which].Name+":")
	}) {
		t.Errorf("the report does not name it: %s", sentence(r.Why))
	}
	if len(r.Wrong) > 0 {
		t.Errorf("the liar counts well, and it was found by %q", r.Wrong)
	}
}

// One message in ten thousand left out, two swapped, one repeated, one byte changed: each is found, named as what it is, and told
// of the variant that did it, also when both do the same. Nothing is found where there is no lie.
func TestLiars(t *testing.T) {
	topics, sides := serve(t, "trade", "liquidity")
	whole := []Watch{{"every event", []string{"*.trade", "*.liquidity"}}}
	var sessions []*session
	add := func(name string, which int, lie func(*lied, []byte) [][]byte, want Kind) {
		s := &session{name: name, which: which, want: want, o: Options{Watches: whole}}
		s.sides, s.liar = before(t, sides, which, lie)
		s.count = func(lies int64) int64 { return lies }
		sessions = append(sessions, s)
	}
	add("honest", 1, honest, "")
	add("drops one in ten thousand", 1, dropOneIn(10_000), Missing)
	add("swaps two", 0, swapFrom(5_000), Reordered)
	add("repeats one", 1, nth(7_000, repeat), Double)
	add("changes a byte", 0, nth(9_000, changeByte), Changed)
	// What both leave out would be missed by whoever compares the two alone.
	both := &session{name: "both drop the same ones", o: Options{Watches: whole}}
	someOf := dropAt(func(p place) bool { return p.offset%1500 == 7 })
	var liars [2]*liar
	both.sides, liars[0] = before(t, sides, 0, someOf)
	both.sides, liars[1] = before(t, both.sides, 1, someOf)
	const records = 13_000 // more than the one in ten thousand that is left out
	runAll(t, topics, append(slices.Clone(sessions), both), records, 4_000)
	t.Run(both.name, func(t *testing.T) {
		r := both.report
		for i, l := range liars {
			if lies := l.lies.Load(); lies == 0 || r.Variants[i].Counts[Missing] != lies {
				t.Errorf("%d missing on %s after %d lies", r.Variants[i].Counts[Missing], r.Variants[i].Name, lies)
			}
		}
		if r.Passed || r.Variants[0].Digest != r.Variants[1].Digest || r.Variants[0].Digest == r.Digest {
			t.Errorf("passed %t, digests %s and %s, the log's %s", r.Passed, r.Variants[0].Digest, r.Variants[1].Digest, r.Digest)
		}
	})
	for _, s := range sessions {
		t.Run(s.name, func(t *testing.T) {
			s.judge(t)
			if r := s.report; r.Records < records*9/10 || r.Messages < 2*r.Records-10 {
				t.Errorf("%d records, %d messages", r.Records, r.Messages)
			}
		})
	}
}

// What happens to clients that move is seen, and so is a variant that is slow; and honest ones are alike however clients ask,
// are cut and move.
func TestMoves(t *testing.T) {
	topics, sides := serve(t, "trade", "social")
	load, err := newLoad(topics, "", 20, 1)
	if err != nil {
		t.Fatal(err)
	}
	ways := watches(topics, load.symbols())
	honestly := &session{name: "honest", which: -1, sides: sides, o: Options{Watches: ways, Moving: 2 * len(ways), Stay: 700 * time.Millisecond}}
	loses := &session{name: "loses in a replay", which: 1, want: Missing, clients: "moving", o: Options{Watches: ways[:1], Moving: 2, Stay: 700 * time.Millisecond}}
	loses.sides, loses.liar = before(t, sides, 1, loseInReplay())
	late := &session{name: "late", which: 0, want: Late, o: Options{Watches: []Watch{{"one", []string{load.symbols()[19] + ".trade"}}}, LateLimit: 150 * time.Millisecond}}
	late.sides, late.liar = before(t, sides, 0, slow(300*time.Millisecond))
	sessions := []*session{honestly, loses, late}
	runAll(t, topics, sessions, 1_500, 300)
	for _, s := range sessions {
		t.Run(s.name, func(t *testing.T) { s.judge(t) })
	}
	moves, cuts := 0, 0
	for _, c := range honestly.report.Clients {
		moves += c.Moves
		cuts += c.Cuts
		if c.Moving && c.Moves == 0 {
			t.Errorf("%s has not moved", c.Name)
		}
	}
	if moves < 8 || cuts < 4 {
		t.Errorf("%d moves, %d cuts", moves, cuts)
	}
	if later := late.report.Variants[0].Later; later.Max < 150 || later.P50 < 50 {
		t.Errorf("a variant that is 300 ms slower is later by %+v", later)
	}
}

// Servers that do not read one log are not compared.
func TestNotComparable(t *testing.T) {
	topics, sides := serve(t, "trade")
	_, others := serve(t, "trade")
	o := Options{Brokers: brokers, Topics: topics, For: time.Second, Rate: 10}
	for want, s := range map[string][2]Side{
		"different logs of trade":    {sides[0], others[1]},
		"says that it is ws-multi":   {sides[0], {Name: "ws-triple", URL: sides[1].URL}},
		"connection refused":         {sides[0], {Name: "ws-multi", URL: "ws://127.0.0.1:1/ws"}},
		"refused with 404":           {sides[0], {Name: "ws-multi", URL: sides[1].URL + "/nowhere"}},
		"the broker has no topic no": {},
	} {
		o.Sides = s
		if s == [2]Side{} {
			o.Topics, o.Sides = []wire.Topic{{Name: "no-such-topic", Event: "trade"}}, sides
		} else {
			o.Topics = topics
		}
		if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	o.Topics, o.Sides, o.Rate = topics, sides, 0
	o.For = time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	o.Log = func(string) { cancel() }
	if _, err := Run(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
