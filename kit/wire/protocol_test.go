package wire_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/kit/wire"
)

func protocol(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Every line of JSON in PROTOCOL.md is a golden file.
func TestProtocolExamplesAreGoldens(t *testing.T) {
	known := map[string]string{}
	for _, name := range goldenNames(t) {
		known[string(golden(t, name))] = name
	}
	examples, inside := 0, false
	for line := range strings.Lines(protocol(t)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "```"):
			inside = line == "```json"
		case inside:
			examples++
			if known[line] == "" {
				t.Errorf("no golden file: %s", line)
			}
		case strings.HasPrefix(strings.TrimSpace(line), `{"`):
			t.Errorf("JSON outside of a block of json: %s", line)
		}
	}
	if examples < 20 {
		t.Errorf("%d examples", examples)
	}
}

// A conformance test cites clauses by number: each stands once, in order, and
// what the text refers to exists.
func TestProtocolClausesAreNumbered(t *testing.T) {
	text := protocol(t)
	section, clause := 0, 0
	known := map[string]bool{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "## ") {
			section, clause = section+1, 0
			if !strings.HasPrefix(line, fmt.Sprintf("## P%d ", section)) {
				t.Errorf("section %d is called %s", section, line)
			}
			known[fmt.Sprintf("P%d", section)] = true
		}
		if strings.HasPrefix(line, "**P") {
			clause++
			want := fmt.Sprintf("P%d.%d", section, clause)
			known[want] = true
			if !strings.HasPrefix(line, "**"+want+"** ") {
				t.Errorf("clause %s begins with %.40s", want, line)
			}
		}
	}
	for _, cited := range regexp.MustCompile(`\bP\d+(\.\d+)?\b`).FindAllString(text, -1) {
		if !known[cited] {
			t.Errorf("there is no clause %s", cited)
		}
	}
	if len(known) < 60 {
		t.Errorf("%d clauses", len(known))
	}
}

// The tables of codes say what the code does.
func TestProtocolTablesAreTheCodes(t *testing.T) {
	text := protocol(t)
	yes := map[bool]string{true: "yes", false: "no"}
	for _, code := range wire.ErrorCodes() {
		if row := fmt.Sprintf("| `%s` | %s | ", code, yes[code.Temporary()]); !strings.Contains(text, row) {
			t.Errorf("no row %s", row)
		}
	}
	if got := len(regexp.MustCompile("(?m)^\\| `[A-Z_]+` \\| (yes|no) \\|").FindAllString(text, -1)); got != len(wire.ErrorCodes()) {
		t.Errorf("%d error codes, want %d", got, len(wire.ErrorCodes()))
	}
	rows := regexp.MustCompile(`(?m)^\| ([14]\d{3}) \| .* \| (.*) \|$`).FindAllStringSubmatch(text, -1)
	if len(rows) != len(wire.CloseCodes()) {
		t.Fatalf("%d close codes, want %d", len(rows), len(wire.CloseCodes()))
	}
	for i, code := range wire.CloseCodes() {
		if rows[i][1] != fmt.Sprint(code) || rows[i][2] != string(code.Reconnect()) {
			t.Errorf("row %v, want %d %s", rows[i][1:], code, code.Reconnect())
		}
	}
	if flat := strings.Join(strings.Fields(text), " "); !strings.Contains(flat, "`"+wire.DefaultTopics+"`") {
		t.Errorf("the default topics are not %s", wire.DefaultTopics)
	}
}
