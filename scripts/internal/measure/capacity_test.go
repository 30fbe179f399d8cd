package measure

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

func TestClassify(t *testing.T) {
	const bound, proven = 100, 50_000
	late := func(change func(*result.Slice)) result.Slice {
		s := result.Slice{Seconds: 2, Expected: 1000, Received: 1000, Reads: 1000, P99MS: 101, AckP99MS: 5, LoadBusy: 0.3}
		change(&s)
		return s
	}
	tests := []struct {
		name  string
		slice result.Slice
		held  bool
		code  string // "": the server's
	}{
		{"it held", late(func(s *result.Slice) { s.P99MS = 100 }), true, ""},
		{"it held in spite of all", late(func(s *result.Slice) {
			s.P99MS, s.LoadBusy, s.LoadWait, s.AckP99MS, s.BehindMS, s.Disturbed = 99, 1, 1, 1000, 1000, "others"
		}), true, ""},
		{"late", late(func(s *result.Slice) {}), false, ""},
		{"one missing", late(func(s *result.Slice) { s.P99MS, s.Received = 1, 999 }), false, ""},
		{"one lost", late(func(s *result.Slice) { s.P99MS, s.Lost = 1, 1 }), false, ""},
		{"a connection ended", late(func(s *result.Slice) { s.P99MS, s.Closed = 1, 1 }), false, ""},
		{"generator busy", late(func(s *result.Slice) { s.LoadBusy = 0.95 }), false, result.Starved},
		{"generator without a core", late(func(s *result.Slice) { s.LoadWait = 0.2 }), false, result.Starved},
		{"clients closed that the generator did not read from", late(func(s *result.Slice) { s.LoadBusy, s.Closed, s.Received = 0.99, 10, 900 }), false, result.Starved},
		{"acknowledgements take most of the bound", late(func(s *result.Slice) { s.AckP99MS = 51 }), false, result.SlowBroker},
		{"acknowledgements take half of it", late(func(s *result.Slice) { s.AckP99MS = 50 }), false, ""},
		{"late schedule", late(func(s *result.Slice) { s.BehindMS = 101 }), false, result.SlowBroker},
		{"near to the proof", late(func(s *result.Slice) { s.Reads, s.Expected, s.Received = 90_000, 90_000, 90_000 }), false, result.Unproven},
		{"others on the core", late(func(s *result.Slice) { s.Disturbed, s.LoadBusy = "others used 20% of the server's core", 0.95 }), false, result.Foreigners},
		{"out of order, whoever was late", late(func(s *result.Slice) { s.Reordered, s.LoadBusy, s.Disturbed = 1, 0.95, "others" }), false, ""},
		{"malformed", late(func(s *result.Slice) { s.P99MS, s.Malformed = 1, 1 }), false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := classify(tt.slice, bound, proven)
			if f.held() != tt.held || f.code != tt.code || f.excused() != (tt.code != "") || (f.String() == "") != tt.held {
				t.Errorf("held %v, %q, %q; want %v, %q", f.held(), f.code, f, tt.held, tt.code)
			}
		})
	}
	// A wide bound leaves the broker no more than any run does.
	if f := classify(late(func(s *result.Slice) { s.P99MS, s.AckP99MS = 2001, ackLimitMS+1 }), 2000, proven); f.code != result.SlowBroker {
		t.Errorf("acknowledgements after %d ms are %q", ackLimitMS+1, f.code)
	}
}

var (
	itHeld      = finding{}
	itFailed    = finding{why: "p99 was 300 ms"}
	starved     = finding{why: "p99 was 300 ms", code: result.Starved, others: "the load generator was short of CPU"}
	inItsWay    = finding{why: "p99 was 300 ms", code: result.Foreigners, others: "others used 9% of the server's core"}
	errBrokenIn = errors.New("broken")
)

// twoEnds is a server and a generator that each hold rates up to their own.
type twoEnds struct{ server, generator float64 }

func (m twoEnds) at(rate float64) finding {
	switch {
	case rate > m.generator:
		return starved
	case rate > m.server:
		return itFailed
	}
	return itHeld
}

// searchOf is a search of what say says, and notes what was tried.
func searchOf(say func(n int, one spell) finding) (*search, *[]spell) {
	s, tried := &search{short: time.Second, long: 2 * time.Second}, &[]spell{}
	s.try = func(_ context.Context, one spell) (finding, error) {
		*tried = append(*tried, one)
		return say(len(*tried)-1, one), nil
	}
	return s, tried
}

func TestTrialSearch(t *testing.T) {
	never := math.Inf(1)
	tests := []struct {
		name      string
		of        twoEnds
		start     float64
		low, high float64 // what may be found
		code      string  // of the refusal
	}{
		{"the server's, from below", twoEnds{1000, never}, 16, 1000 / precision, 1000, ""},
		{"the server's, from above", twoEnds{3, never}, 16, 3 / precision, 3, ""},
		{"the server's, just below the generator's", twoEnds{1000, 1001}, 16, 1000 / step, 1000, result.Starved},
		{"the generator's", twoEnds{1000, 500}, 16, 500 / step, 500, result.Starved},
		{"the generator's, from above", twoEnds{1000, 5}, 16, 5 / step, 5, result.Starved},
		{"the server's, from above the generator's", twoEnds{5, 12}, 16, 5 / precision, 5, ""},
		{"nothing but the generator's", twoEnds{1000, 0}, 16, 0, 0, result.Starved},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, tried := searchOf(func(_ int, one spell) finding { return tt.of.at(one.rate) })
			got, err := s.run(t.Context(), tt.start)
			if err != nil {
				t.Fatal(err)
			}
			if got < tt.low || got > tt.high || s.limit.code != tt.code {
				t.Errorf("found %g, ended by %q; want %g to %g and %q", got, s.limit.code, tt.low, tt.high, tt.code)
			}
			for _, one := range (*tried)[max(0, len(*tried)-confirms):] {
				if got > 0 && one != (spell{got, s.long}) {
					t.Errorf("%g was not confirmed, but %v", got, one)
				}
			}
			if short, long := s.trialsLeft(); short+long != 0 {
				t.Errorf("%d and %d trials left at the end", short, long)
			}
			// Once it is beyond the generator, nothing is learned of the server.
			beyond := slices.IndexFunc(*tried, func(one spell) bool { return one.rate > tt.of.generator })
			if tt.code != "" && got > 0 && tt.start < tt.of.generator && len(*tried) != beyond+1+confirms {
				t.Errorf("it went on beyond the generator: %v", *tried)
			}
		})
	}
	t.Run("nothing holds", func(t *testing.T) {
		s, _ := searchOf(func(int, spell) finding { return itFailed })
		if _, err := s.run(t.Context(), 16); err == nil || !strings.Contains(err.Error(), "p99 was 300 ms") {
			t.Errorf("%v", err)
		}
	})
	t.Run("everything holds", func(t *testing.T) {
		s, _ := searchOf(func(int, spell) finding { return itHeld })
		if _, err := s.run(t.Context(), 16); err == nil {
			t.Error("found an end where there was none")
		}
	})
	t.Run("broken off", func(t *testing.T) {
		s := &search{try: func(context.Context, spell) (finding, error) { return finding{}, errBrokenIn }}
		if _, err := s.run(t.Context(), 16); !errors.Is(err, errBrokenIn) {
			t.Errorf("%v", err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errBrokenIn)
		s, tried := searchOf(func(int, spell) finding { return itHeld })
		if _, err := s.run(ctx, 16); !errors.Is(err, errBrokenIn) || len(*tried) > 0 {
			t.Errorf("%v after %d trials", err, len(*tried))
		}
	})
}

// Of a trial with others on the server's core nothing follows; one that stays so ends the search, and not as the server's.
func TestTrialRepeatedWhileDisturbed(t *testing.T) {
	real := twoEnds{server: 100, generator: math.Inf(1)}
	disturbed := map[int]bool{1: true, 2: true, 6: true, 7: true}
	s, tried := searchOf(func(n int, one spell) finding {
		if disturbed[n] {
			return inItsWay
		}
		return real.at(one.rate)
	})
	got, err := s.run(t.Context(), 16)
	if err != nil || got < 100/precision || got > 100 || s.limit.excused() {
		t.Errorf("%v: found %g, ended by %q", err, got, s.limit)
	}
	for n := range disturbed {
		if (*tried)[n+1] != (*tried)[n] {
			t.Errorf("trial %d was not repeated: %v, then %v", n, (*tried)[n], (*tried)[n+1])
		}
	}
	s, tried = searchOf(func(_ int, one spell) finding {
		if one.rate > 50 {
			return inItsWay
		}
		return itHeld
	})
	if got, err = s.run(t.Context(), 16); err != nil || got != 36 || s.limit.code != result.Foreigners {
		t.Errorf("%v: found %g, ended by %q", err, got, s.limit)
	}
	if want := 3 + repeats + confirms; len(*tried) != want {
		t.Errorf("%d trials, want %d: %v", len(*tried), want, *tried)
	}
}

func TestTrialConfirmed(t *testing.T) {
	// Of the climb: 10, 15 and 22.5 hold, what is above does not.
	climb := func(one spell) finding { return twoEnds{server: 22.5, generator: math.Inf(1)}.at(one.rate) }
	tests := []struct {
		name  string
		say   []finding // of the long trials
		lower int       // so many times was the rate lowered
		want  float64   // 0: what was confirmed last
		code  string
	}{
		{"held", []finding{itHeld, itHeld, itHeld}, 0, 0, ""},
		{"failed once", []finding{itHeld, itFailed, itHeld, itHeld, itHeld}, 1, 0, ""},
		{"others', in between", []finding{itHeld, starved, itHeld, starved, itHeld}, 0, 0, ""},
		{"others', again and again", []finding{starved, itHeld, starved, starved}, 0, 22.5, result.Starved},
		{"others', when it was lowered to what was never tried", []finding{itFailed, starved, starved, starved}, 1, 15, result.Starved},
		{"others on the core", []finding{inItsWay, inItsWay, inItsWay}, 0, 22.5, result.Foreigners},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var long []spell
			s, _ := searchOf(func(_ int, one spell) finding {
				if one.length == time.Second {
					return climb(one)
				}
				long = append(long, one)
				return tt.say[min(len(long), len(tt.say))-1]
			})
			got, err := s.run(t.Context(), 10)
			if err != nil {
				t.Fatal(err)
			}
			last := 22.5 / math.Pow(precision, float64(tt.lower))
			want := tt.want
			if want == 0 {
				want = last
			}
			if len(long) != len(tt.say) || math.Abs(long[len(long)-1].rate-last) > 1e-9 || math.Abs(got-want) > 1e-9 || s.limit.code != tt.code {
				t.Errorf("found %g, ended by %q, after %v; want %g and %q", got, s.limit.code, long, want, tt.code)
			}
		})
	}
	t.Run("not for ever", func(t *testing.T) {
		n := 0
		s, tried := searchOf(func(_ int, one spell) finding {
			if one.length == time.Second {
				return climb(one)
			}
			if n++; n%confirms == 0 {
				return itFailed
			}
			return itHeld
		})
		if got, err := s.run(t.Context(), 10); err == nil || len(*tried) != 2*mostTries {
			t.Errorf("found %g after %d trials", got, len(*tried))
		}
	})
}

// A trial's figures are the lane's when it held, and nowhere else.
func TestTrialKept(t *testing.T) {
	of := func(us int64, slice result.Slice, l *lane) {
		trial := *l
		trial.latency, trial.out.LastMS = merged{}, nil
		h := hdrhistogram.New(1, 1_000_000, 3)
		if err := h.RecordValue(us); err != nil {
			t.Fatal(err)
		}
		trial.latency.add(h)
		trial.out.LastMS = append(trial.out.LastMS, result.Broadcast{Last: float64(us) / 1000})
		if classify(slice, 250, 1e6).held() {
			l.keep(&trial, slice)
		}
	}
	l := &lane{}
	of(1000, result.Slice{Round: 1, P99MS: 1}, l)
	of(900_000, result.Slice{Round: 2, P99MS: 900}, l)
	of(2000, result.Slice{Round: 3, P99MS: 2}, l)
	of(3000, result.Slice{Round: 4, P99MS: 3, Disturbed: "others"}, l)
	l.summarize(nil)
	var rounds []int
	for _, s := range l.out.Slices {
		rounds = append(rounds, s.Round)
	}
	if !slices.Equal(rounds, []int{1, 3}) || len(l.out.LastMS) != 2 {
		t.Errorf("rounds %v, %d broadcasts", rounds, len(l.out.LastMS))
	}
	if d := l.out.Latency; d == nil || d.Count != 2 || d.MaxMS > 2.1 {
		t.Errorf("latency %+v", d)
	}
}

// found is a result of a search that something else than the server ended.
func found(refusals ...result.Refusal) *result.Result {
	return &result.Result{
		Floor: result.Floor{CPUMicros: 4.04}, Host: result.Host{Fingerprint: "amd64/2/6.18/test"},
		Capacity: &result.Capacity{Rate: 60, Connections: 12000, Headroom: 0.2, Settings: map[string]string{}},
		Refusals: refusals,
	}
}

func TestTrialRefusedOnce(t *testing.T) {
	s := &search{limit: starved, limitRate: 90, confirmed: confirms}
	mine := s.refusal("ws-single", 60)
	if mine.Code != result.Starved || strings.Count(mine.Text, "at least") != 1 {
		t.Errorf("%+v", mine)
	}
	for _, want := range []string{"90 records/s", "60 records/s", "short of CPU", "more cores"} {
		if !strings.Contains(mine.Text, want) {
			t.Errorf("%q does not say %q", mine.Text, want)
		}
	}
	all := once([]result.Refusal{
		mine, {Code: result.Starved, Text: "the load generator of ws-single was short"}, {Code: result.Starved, Text: "the load generator of the floor was short"},
		{Code: result.Lossy, Text: "one"}, {Code: result.Lossy, Text: "two"}, {Code: result.Lossy, Text: "two"},
	})
	if len(all) != 3 || all[0] != mine || all[2].Text != "two" {
		t.Errorf("%+v", all)
	}
	if unknown := s.refusal("ws-single", 0); strings.Contains(unknown.Text, "at least") || !strings.Contains(unknown.Text, "nothing is known") {
		t.Errorf("%q", unknown.Text)
	}
	for code := range remedies {
		s.limit.code = code
		if f := s.refusal("ws-single", 60); !strings.HasSuffix(f.Text, remedies[code]) {
			t.Errorf("%q does not say what helps", f.Text)
		}
	}
}

func TestTrialSettings(t *testing.T) {
	tests := []struct {
		name string
		res  *result.Result
		want string // in why there are no settings; "": there are
	}{
		{"found", found(), ""},
		{"at least", found(result.Refusal{Code: result.Starved}, result.Refusal{Code: result.SlowBroker}, result.Refusal{Code: result.Unproven}), ""},
		{"at least, with others on the core", found(result.Refusal{Code: result.Foreigners}), ""},
		{"the floor moved", found(result.Refusal{Code: result.Starved}, result.Refusal{Code: result.FloorMoved}), result.FloorMoved},
		{"lossy", found(result.Refusal{Code: result.Lossy}, result.Refusal{Code: result.Lossy}), "refused for " + result.Lossy},
		{"interrupted", found(result.Refusal{Code: result.Incomplete}), result.Incomplete},
		{"nothing held", func() *result.Result { r := found(); r.Capacity.Rate = 0; return r }(), "no rate"},
		{"not begun", &result.Result{}, "no rate"},
		{"no floor", func() *result.Result { r := found(); r.Floor = result.Floor{}; return r }(), "floor"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := NoSettings(tt.res)
			if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
	for _, tt := range []struct {
		rate float64
		want string
	}{{60, "48"}, {1.5, "1"}, {1, ""}, {0.8, ""}} {
		res := found()
		res.Capacity.Rate = tt.rate
		settle(res)
		want := map[string]string{"WS_MAX_CONNECTIONS": "12000", "WS_MEASURED_ON": "4.0us@amd64/2/6.18/test"}
		if tt.want != "" {
			want["KAFKA_MAX_RATE"] = tt.want
		}
		if got := res.Capacity.Settings; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%g records/s: %v, want %v", tt.rate, got, want)
		}
	}
}

// What a server was named with is part of what held.
func TestSettleOwnSettings(t *testing.T) {
	res := found()
	res.Servers = []string{"ws-multi@shards=2,WS_FLUSH_INTERVAL=10ms,WS_MAX_CONNECTIONS=5"}
	settle(res)
	want := map[string]string{"WS_SHARDS": "2", "WS_FLUSH_INTERVAL": "10ms", "WS_MAX_CONNECTIONS": "12000", "KAFKA_MAX_RATE": "48", "WS_MEASURED_ON": "4.0us@amd64/2/6.18/test"}
	if got := res.Capacity.Settings; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// A search is about nothing but how late messages are: it has no limit that would say so.
func TestCapacityRefusesSharedCores(t *testing.T) {
	res := found()
	res.Lanes = []result.Lane{{Name: "floor", Baseline: true, Shared: []int{1}}, {Name: "ws-multi@shards=2", Server: "ws-multi@shards=2", Cores: []int{0, 1}, Shared: []int{1}}}
	var codes []string
	for _, f := range refusals(res) {
		if f.Code == result.SharedCores {
			codes = append(codes, f.Text)
		}
	}
	if len(codes) != 1 || !strings.Contains(codes[0], "core 1") {
		t.Errorf("refused %q", codes)
	}
	if res.Refusals = append(res.Refusals, result.Refusal{Code: result.SharedCores}); NoSettings(res) == "" {
		t.Error("settings follow from it")
	}
}

// Who watches is told how many trials there will be, and a time that gets shorter.
func TestTrialProgress(t *testing.T) {
	var seen []Progress
	s, _ := searchOf(nil)
	s.turns, s.turnsLeft = 20, 10
	show := s.watch(func(p Progress) { seen = append(seen, p) })
	real := twoEnds{server: 100, generator: math.Inf(1)}
	s.try = func(_ context.Context, one spell) (finding, error) {
		show(Progress{Phase: "measure", Lane: "ws-single", Round: 21, Rounds: 15, Left: time.Hour})
		return real.at(one.rate), nil
	}
	if _, err := s.run(t.Context(), 80); err != nil {
		t.Fatal(err)
	}
	for i, p := range seen {
		if p.Round != i+1 || p.Rounds < p.Round || p.Left < 10*floorSlice || p.Left > 10*floorSlice+20*time.Second {
			t.Errorf("trial %d: %d of %d, %v left", i+1, p.Round, p.Rounds, p.Left)
		}
	}
	if last := seen[len(seen)-1]; last.Rounds != last.Round {
		t.Errorf("the last is %d of %d", last.Round, last.Rounds)
	}
	s.turnsLeft = 10
	s.mark()
	show(Progress{Phase: "measure", Lane: scenario.Floor, Round: 11, Rounds: 15})
	if p := seen[len(seen)-1]; p.Round != 11 || p.Rounds != 20 || p.Left > 10*floorSlice || p.Left < 9*floorSlice {
		t.Errorf("the floor's turn %d of %d, %v left", p.Round, p.Rounds, p.Left)
	}
	show(Progress{Phase: "connect", Left: time.Hour})
	if p := seen[len(seen)-1]; p.Left != time.Hour {
		t.Errorf("connecting has %v left", p.Left)
	}
	if (&search{}).watch(nil) != nil {
		t.Error("watched for nobody")
	}
}
