package parity

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Kind is what is wrong with a message.
type Kind string

// The kinds of differences. Each is told of one record and one client.
const (
	Missing   Kind = "missing"   // the log has it, and it has not come
	Double    Kind = "double"    // it came again
	Reordered Kind = "reordered" // it came after one with a higher offset of its partition
	Changed   Kind = "changed"   // it came, and not as the log has it
	Unknown   Kind = "unknown"   // the log has nothing there, or nothing that the client asked for
	Late      Kind = "late"      // it came later than from the other variant by more than the limit
)

// Kinds are all of them, in the order of a page.
var Kinds = []Kind{Missing, Double, Reordered, Changed, Unknown, Late}

// mostExamples is how many differences of a kind and a variant are told one by one; all are counted.
const mostExamples = 5

// findings are the differences found so far. Its methods may be called from any goroutine.
type findings struct {
	sides [2]string // the variants' names

	mu       sync.Mutex // guards what follows
	counts   [2]map[Kind]int64
	byClient map[string]int64
	examples []Difference
	wrong    []string // what is wrong besides, each once
	more     int      // that is not told
}

func newFindings(sides [2]string) *findings {
	return &findings{sides: sides, counts: [2]map[Kind]int64{{}, {}}, byClient: map[string]int64{}}
}

func (f *findings) add(d Difference) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d.On = f.sides[d.on]
	f.counts[d.on][d.Kind]++
	f.byClient[d.Client]++
	if f.counts[d.on][d.Kind] <= mostExamples {
		f.examples = append(f.examples, d)
	}
}

// complain notes what is wrong and is no difference of a record.
func (f *findings) complain(what string) {
	const most = 20
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case slices.Contains(f.wrong, what):
	case len(f.wrong) < most:
		f.wrong = append(f.wrong, what)
	default:
		f.more++
	}
}

// told are the examples, by variant, kind and place in their order.
func (f *findings) told() []Difference {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := slices.Clone(f.examples)
	slices.SortStableFunc(all, func(a, b Difference) int {
		if a.on != b.on {
			return a.on - b.on
		}
		return slices.Index(Kinds, a.Kind) - slices.Index(Kinds, b.Kind)
	})
	return all
}

func (f *findings) countsOf(side int) map[Kind]int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.counts[side])
}

func (f *findings) ofClient(name string) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.byClient[name]
}

// lateness is how much later one variant brought a record than the other. Its methods may be called from any goroutine.
type lateness struct {
	limit time.Duration // 0: none

	mu sync.Mutex
	by [2]*hdrhistogram.Histogram // µs, of what the variant brought later
}

func newLateness(limit time.Duration) *lateness {
	h := func() *hdrhistogram.Histogram { return hdrhistogram.New(1, time.Hour.Microseconds(), 3) }
	return &lateness{limit: limit, by: [2]*hdrhistogram.Histogram{h(), h()}}
}

// note takes a record that a variant brought later; it says whether that was beyond the limit.
func (l *lateness) note(side int, by time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.by[side].RecordValue(min(max(by.Microseconds(), 1), time.Hour.Microseconds())) // within its bounds
	return l.limit > 0 && by > l.limit
}

func (l *lateness) of(side int) Later {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.by[side]
	ms := func(us int64) float64 { return float64(us) / 1000 }
	return Later{Records: h.TotalCount(), P50: ms(h.ValueAtQuantile(50)), P99: ms(h.ValueAtQuantile(99)), Max: ms(h.Max())}
}

// sentence joins what is wrong.
func sentence(list []string) string { return strings.Join(list, "; ") }
