package conformance

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// Site is where a case's servers come from. Its methods may be called from any goroutine.
type Site interface {
	// Name is the server's name in the report.
	Name() string
	// Version is the server's answer to /version, nil when no server has run.
	Version() json.RawMessage
	// Brokers is the Kafka its servers read.
	Brokers() string
	// Server is a shared server with the settings over the usual ones.
	Server(t *T, set stage.Settings) *stage.Server
	// Start starts a server that is the case's own; it ends with the case.
	Start(t *T, tp *stage.Topics, set stage.Settings) *stage.Server
	// Other is Start for a server of another variant.
	Other(t *T, tp *stage.Topics, set stage.Settings) *stage.Server
}

// Events are those that a shared server has: KAFKA_TOPICS' default (P1.2).
var Events = []string{"trade", "liquidity", "metadata", "social", "favorites", "creation", "analytics", "balances"}

// Program is a site that starts a binary as often as cases need it. Close ends the shared ones.
type Program struct {
	name, binary, brokers string
	other                 string // the binary of another variant, or ""

	mu      sync.Mutex // what follows
	shared  map[string]*sharing
	version json.RawMessage
}

// sharing is a shared server, which the first case that needs it starts.
type sharing struct {
	once   sync.Once
	life   *T // what it stands on, until Close
	server *stage.Server
	failed string // why there is none
}

// NewProgram makes the site of a variant's binary on a Kafka.
func NewProgram(name, binary, brokers string) *Program {
	return &Program{name: name, binary: binary, brokers: brokers, shared: map[string]*sharing{}}
}

// WithOther gives the site the binary of another variant, for clients that move.
func (p *Program) WithOther(binary string) *Program {
	p.other = binary
	return p
}

// Name is the variant's.
func (p *Program) Name() string { return p.name }

// Version is what the first shared server said.
func (p *Program) Version() json.RawMessage {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.version
}

// Brokers is the Kafka its servers read.
func (p *Program) Brokers() string { return p.brokers }

// Server is one for all cases with the same settings. A case that had it fails when it has ended by itself meanwhile, and
// has its log of that time when it fails for whatever else.
func (p *Program) Server(t *T, set stage.Settings) *stage.Server {
	p.mu.Lock()
	key := settingsKey(set)
	s := p.shared[key]
	if s == nil {
		s = &sharing{life: &T{site: p, Scope: stage.Scope{Called: "the shared server with " + cmp.Or(key, "the usual settings")}}}
		p.shared[key] = s
	}
	p.mu.Unlock()
	s.once.Do(func() { s.start(p, set) })
	if s.failed != "" {
		t.Fatalf("%s did not start: %s", s.life.Called, s.failed)
	}
	process := s.server.Process
	select {
	case <-process.Done():
		t.Fatalf("%s had ended before this case began", s.life.Called)
	default:
	}
	before := len(process.Logs())
	t.Cleanup(func() {
		select {
		case <-process.Done():
			t.Errorf("%s ended by itself during this case or one beside it; it wrote\n%s", s.life.Called, lastWords(process.Logs(), 6000))
		default:
			if t.Failed() {
				t.Logf("what %s wrote meanwhile, for all cases\n%s", s.life.Called, logTail(process.Logs()[before:], 6000))
			}
		}
	})
	return s.server
}

// start leaves a server, or why there is none.
func (s *sharing) start(p *Program, set stage.Settings) {
	s.life.Do(func() {
		partitions := 12
		if len(set) > 0 {
			partitions = 3 // a broker of tests has little memory, and there are many settings
		}
		tp := stage.MakeTopics(s.life, p.brokers, partitions, Events...)
		server := stage.Start(s.life, p.binary, tp, set)
		version := server.Get(s.life, "/version").Body
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.version == nil && json.Valid(version) {
			p.version = version
		}
		s.server = server
	})
	if s.server != nil {
		return
	}
	// What did start goes now; each case that needs it tells why it is not there, and Close does not once more.
	s.failed = cmp.Or(strings.Join(s.life.end().Why, "; "), "nobody knows why")
}

// Start starts one for the case alone.
func (p *Program) Start(t *T, tp *stage.Topics, set stage.Settings) *stage.Server {
	return stage.StartCold(t, p.binary, tp, set)
}

// Other starts one of the other variant's.
func (p *Program) Other(t *T, tp *stage.Topics, set stage.Settings) *stage.Server {
	if p.other == "" {
		t.NotRun("it needs a server of another variant")
	}
	return stage.StartCold(t, p.other, tp, set)
}

// Close ends the shared servers and says what went wrong with them: ended by themselves, raced, or panicked. No case may
// be under way.
func (p *Program) Close() (wrong []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(p.shared)) {
		s := p.shared[key]
		if s.failed != "" {
			continue
		}
		select {
		case <-s.server.Process.Done():
			wrong = append(wrong, fmt.Sprintf("%s ended by itself; it wrote\n%s", s.life.Called, lastWords(s.server.Process.Logs(), 6000)))
		default:
		}
		for _, why := range s.life.end().Why {
			wrong = append(wrong, s.life.Called+": "+why)
		}
	}
	p.shared = map[string]*sharing{}
	return wrong
}

// settingsKey is NAME=value by name.
func settingsKey(set stage.Settings) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(set)) {
		all = append(all, fmt.Sprintf("%s=%s", name, set[name]))
	}
	return strings.Join(all, " ")
}

// lastWords are where a log begins to tell of the end, where it does, else its last bytes.
func lastWords(log string, most int) string {
	at := -1
	for _, word := range []string{"WARNING: DATA RACE", "panic: ", "fatal error: ", "SIG"} {
		if i := strings.Index(log, word); i >= 0 && (at < 0 || i < at) {
			at = i
		}
	}
	if at < 0 {
		return logTail(log, most)
	}
	return log[at:min(at+most, len(log))]
}

// logTail is the last bytes of a log, from a line's beginning.
func logTail(log string, most int) string {
	if len(log) <= most {
		return log
	}
	_, whole, _ := strings.Cut(log[len(log)-most:], "\n")
	return "…\n" + whole
}

// Running is a site of one server that runs already. What needs other settings or another server, or would harm it, is
// not run. It starts nothing and ends nothing.
type Running struct {
	addr, admin, kafka string
	topics             map[string]string // by event

	name    string
	version json.RawMessage
}

// NewRunning looks whether a ready server answers at the addresses (host:port); topics are its KAFKA_TOPICS, by event, on
// the Kafka that it reads. All of [Events] must be among them.
func NewRunning(ctx context.Context, addr, admin, kafka string, topics map[string]string) (*Running, error) {
	for _, event := range Events {
		if topics[event] == "" {
			return nil, fmt.Errorf("no topic for the event %s: the cases need all of %v", event, Events)
		}
	}
	r := &Running{addr: addr, admin: admin, kafka: kafka, topics: topics}
	resp, err := variant.Do(ctx, http.MethodGet, "http://"+admin+"/readyz", nil)
	if err != nil {
		return nil, fmt.Errorf("look for the server: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server at %s is not ready: /readyz says %d %s", admin, resp.StatusCode, resp.Body)
	}
	if resp, err = variant.Do(ctx, http.MethodGet, "http://"+admin+"/version", nil); err != nil {
		return nil, fmt.Errorf("ask for the server's version: %w", err)
	}
	var body struct{ Name string }
	if err := json.Unmarshal(resp.Body, &body); err != nil {
		return nil, fmt.Errorf("read /version: %w", err)
	}
	if body.Name == "" {
		return nil, errors.New("read /version: it has no name")
	}
	r.name, r.version = body.Name, resp.Body
	return r, nil
}

// Name is what /version calls it.
func (r *Running) Name() string { return r.name }

// Version is its answer to /version.
func (r *Running) Version() json.RawMessage { return r.version }

// Brokers is the Kafka it reads.
func (r *Running) Brokers() string { return r.kafka }

// Server is the one.
func (r *Running) Server(t *T, set stage.Settings) *stage.Server {
	if len(set) > 0 {
		t.NotRun("it needs a server with " + settingsKey(set))
	}
	return &stage.Server{Addr: r.addr, AdminAddr: r.admin, Topics: stage.TheseTopics(t, r.kafka, r.topics)}
}

// Start is not possible here.
func (r *Running) Start(t *T, _ *stage.Topics, _ stage.Settings) *stage.Server {
	t.NotRun("it needs a server of its own")
	return nil
}

// Other is not possible here.
func (r *Running) Other(t *T, _ *stage.Topics, _ stage.Settings) *stage.Server {
	t.NotRun("it needs a server of another variant")
	return nil
}
