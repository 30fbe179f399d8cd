package program

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// What there is to do. A client's step needs a connection, but for connect; one that has none, because it was cut or the server
// closed it, first comes back with its cursor, as clients do. So each part of a program is a program, and it can be shrunk.
const (
	Connect     = "connect"     // a new connection to Server, without what was held before; Thin: its socket takes little
	Resume      = "resume"      // a new connection to Server, with all that was held and the client's cursor
	Cut         = "cut"         // end the connection by a reset
	Subscribe   = "subscribe"   // Channels; with Last, or with the client's Cursor
	Unsubscribe = "unsubscribe" // Channels; none: all
	Heartbeat   = "heartbeat"
	Stall       = "stall" // read nothing, until go on
	GoOn        = "go on"

	Publish  = "publish"  // N records of Kind; Symbol "": of all symbols in turn
	Transact = "transact" // Publish in a transaction that is open for MS and then ends by Commit, or not
	Trim     = "trim"     // delete what both servers have read of Event, as retention does

	Pause = "pause" // hand out no step for MS
	Meet  = "meet"  // wait until all that was handed out is done
)

// Kinds of records.
const (
	Plain     = "plain"     // key and JSON
	Odd       = "odd"       // JSON that is not what one expects: white space, escapes, numbers, null
	Raw       = "raw"       // no JSON
	Tombstone = "tombstone" // no value
	NoSymbol  = "nosymbol"  // no channel: to be skipped
	Spread    = "spread"    // symbol in the header, the keys differ: a channel over all partitions
)

// Step is one thing that one of a program's actors does. Each actor does its steps in their order, beside the others.
type Step struct {
	Who      string   `json:"who"` // c0, c1, …: a client; pub, txn: a publisher; all: who hands out the steps
	Do       string   `json:"do"`
	Server   int      `json:"server,omitempty"`
	Thin     bool     `json:"thin,omitempty"`
	Channels []string `json:"channels,omitempty"` // symbols are A to D, and the program's own when it runs
	Last     int      `json:"last,omitempty"`
	Cursor   string   `json:"cursor,omitempty"` // free: of the events of which nothing is held; all: an error where something is
	Rush     bool     `json:"rush,omitempty"`   // do not wait for the answer
	Event    string   `json:"event,omitempty"`
	Symbol   string   `json:"symbol,omitempty"`
	Kind     string   `json:"kind,omitempty"`
	N        int      `json:"n,omitempty"`
	Size     int      `json:"size,omitempty"` // bytes of a value, about
	MS       int      `json:"ms,omitempty"`
	Commit   bool     `json:"commit,omitempty"`
}

// Program is what clients and publishers do: data that can be written down, cut to pieces and run again.
type Program struct {
	Steps []Step `json:"steps"`
}

// Symbols of a program; when it runs each gets a prefix of the run's own.
var symbols = []string{"A", "B", "C", "D"}

const (
	mostClients = 8
	mostRecords = 5_000
	mostMS      = 60_000
)

// Read reads a program from a file and checks it.
func Read(path string) (Program, error) {
	var p Program
	b, err := os.ReadFile(path)
	if err != nil {
		return p, fmt.Errorf("read program: %w", err)
	}
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return p, fmt.Errorf("read program %s: %w", path, err)
	}
	if err := p.valid(); err != nil {
		return p, fmt.Errorf("read program %s: %w", path, err)
	}
	return p, nil
}

// Write writes a program to a file that [Read] reads.
func (p Program) Write(path string) error {
	if err := os.WriteFile(path, []byte(p.String()), 0o644); err != nil {
		return fmt.Errorf("write program: %w", err)
	}
	return nil
}

// String is the program as JSON, a step a line.
func (p Program) String() string {
	var b strings.Builder
	b.WriteString("{\"steps\":[\n")
	for i, s := range p.Steps {
		line, _ := json.Marshal(s) // strings and numbers: it cannot fail
		b.WriteString("  ")
		b.Write(line)
		if i < len(p.Steps)-1 {
			b.WriteByte(',')
		}
		b.WriteByte('\n')
	}
	b.WriteString("]}\n")
	return b.String()
}

// clients is the number of clients that the steps name.
func (p Program) clients() int {
	n := 0
	for _, s := range p.Steps {
		if k, ok := s.client(); ok {
			n = max(n, k+1)
		}
	}
	return n
}

// client is the number of the client that does the step.
func (s Step) client() (int, bool) {
	if len(s.Who) != 2 || s.Who[0] != 'c' || s.Who[1] < '0' || s.Who[1] > '9' {
		return 0, false
	}
	return int(s.Who[1] - '0'), true
}

func (p Program) valid() error {
	for i, s := range p.Steps {
		if err := s.valid(); err != nil {
			return fmt.Errorf("step %d, %s %s: %w", i+1, s.Who, s.Do, err)
		}
	}
	return nil
}

func (s Step) valid() error {
	var may []string
	k, client := s.client()
	switch {
	case client && k < mostClients:
		may = []string{Connect, Resume, Cut, Subscribe, Unsubscribe, Heartbeat, Stall, GoOn}
	case s.Who == "pub":
		may = []string{Publish, Trim}
	case s.Who == "txn":
		may = []string{Transact}
	case s.Who == "all":
		may = []string{Pause, Meet}
	default:
		return fmt.Errorf("there is no actor %q: write c0 to c%d, pub, txn or all", s.Who, mostClients-1)
	}
	if !slices.Contains(may, s.Do) {
		return fmt.Errorf("%s cannot do that: write one of %s", s.Who, strings.Join(may, ", "))
	}
	if s.N < 0 || s.N > mostRecords || s.MS < 0 || s.MS > mostMS || s.Size < 0 || s.Size > 1<<18 || s.Last < 0 || s.Last > 100 {
		return fmt.Errorf("a number is out of bounds: n 0 to %d, ms to %d, size to 256 KiB, last to 100", mostRecords, mostMS)
	}
	if s.Server != 0 && s.Server != 1 {
		return fmt.Errorf("server %d: write 0 or 1", s.Server)
	}
	if s.Cursor != "" && s.Cursor != "free" && s.Cursor != "all" {
		return fmt.Errorf("cursor %q: write free or all", s.Cursor)
	}
	for _, c := range s.Channels {
		symbol, event, ok := strings.Cut(c, ".")
		if !ok || symbol != "*" && !slices.Contains(symbols, symbol) || event != "*" && !slices.Contains(Events, event) || c == "*.*" {
			return fmt.Errorf("channel %q: write one of %v or *, a dot, and one of %v or *", c, symbols, Events)
		}
	}
	if s.Do == Subscribe && len(s.Channels) == 0 {
		return fmt.Errorf("it names no channel")
	}
	if s.Do == Publish || s.Do == Transact || s.Do == Trim {
		if !slices.Contains(Events, s.Event) {
			return fmt.Errorf("event %q: write one of %v", s.Event, Events)
		}
	}
	if s.Do == Publish || s.Do == Transact {
		if s.Symbol != "" && !slices.Contains(symbols, s.Symbol) {
			return fmt.Errorf("symbol %q: write one of %v", s.Symbol, symbols)
		}
		if !slices.Contains([]string{Plain, Odd, Raw, Tombstone, NoSymbol, Spread}, s.Kind) {
			return fmt.Errorf("there is no kind %q of records", s.Kind)
		}
	}
	return nil
}
