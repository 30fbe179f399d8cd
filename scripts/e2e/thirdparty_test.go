package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// leastCases is how many cases each client program has, at least: one that
// ends early must not pass.
const leastCases = 10

// Clients that other people wrote, against the real servers. scripts/test
// third-party installs what they need.
func TestThirdPartyClients(t *testing.T) {
	clients := map[string][]string{
		"npm ws":            {"node", "client.mjs"},
		"Python websockets": {"python", "client.py"},
	}
	each(t, func(t *testing.T, v variant.Variant) {
		s := shared(t, v)
		for name, program := range clients {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				x := stage.Symbol()
				feed(t, s.Topics, x, "trade")
				for _, c := range runClient(t, program, s.URL(), x) {
					t.Run(c.Case, func(t *testing.T) {
						if c.Error != "" {
							t.Error(c.Error)
						}
					})
				}
			})
		}
	})
}

// clientCase is a line that a client program prints.
type clientCase struct {
	Case  string `json:"case"`
	Error string `json:"error"`
}

func runClient(t *testing.T, program []string, args ...string) (cases []clientCase) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program[0], append(program[1:], args...)...)
	cmd.Dir = filepath.Join("clients", map[string]string{"node": "node", "python": "python"}[program[0]])
	var trouble bytes.Buffer
	cmd.Stderr = &trouble
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s\nscripts/test third-party installs what it needs", program, err, out, trouble.String())
	}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c clientCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatalf("%v: %s", err, lines.Text())
		}
		cases = append(cases, c)
	}
	if len(cases) < leastCases {
		t.Errorf("%v ran %d cases: %s%s", program, len(cases), out, trouble.String())
	}
	return cases
}

// feed publishes n = 1, 2, 3 … on the symbol's channels of the events, 50 a
// second on each, until the test ends.
func feed(t *testing.T, tp *stage.Topics, x string, events ...string) {
	t.Helper()
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for n := 1; ; n++ {
			select {
			case <-done:
				return
			case <-tick.C:
				var records []stage.Record
				for _, event := range events {
					records = append(records, stage.Counted(event, x, n))
				}
				tp.Publish(t, records...)
			}
		}
	}()
	t.Cleanup(func() {
		close(done)
		<-ended
	})
}
