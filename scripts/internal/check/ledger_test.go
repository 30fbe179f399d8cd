package check

import (
	"fmt"
	"strings"
	"testing"
)

func data(seq int, pos string) string {
	return fmt.Sprintf(`{"seq":%-16d,"type":"message","channel":"A.t","pos":"%s","ts":1,"data":{"n":1}}`, seq, pos)
}

func TestLedger(t *testing.T) {
	const ack = `{"type":"subscription_ack","subscribed":["A.t"],"count":1,"cursor":{"t":{"log":"x","at":[4]}}}`
	tests := []struct {
		name   string
		frames []string
		broken string // part of what is found; "" where all is right
		at     int64  // the cursor's partition 0 in the end
	}{
		{"all right", []string{ack, data(1, "t/0:5"), data(2, "t/0:9"),
			`{"type":"pong","ts":1,"cursor":{"t":{"log":"x","at":[9]}},"sent":2,"merged":0,"replayed":0}`}, "", 9},
		{"last moves nothing", []string{ack, data(1, "t/0:3")}, "", 4},
		{"a frame's cursor is taken as it is", []string{ack, data(1, "t/0:5"),
			`{"type":"pong","ts":1,"cursor":{"t":{"log":"x","at":[12]}},"sent":1,"merged":0,"replayed":0}`}, "", 12},
		{"passed over where nothing may be", []string{ack, data(1, "t/0:5"),
			`{"type":"pong","ts":1,"cursor":{"t":{"log":"x","at":[12]}},"sent":1,"merged":6,"replayed":0}`}, "merged 6", 12},
		{"replayed", []string{ack, data(1, "t/0:5"), `{"type":"replay_complete","replayed":1,"cursor":{"t":{"log":"x","at":[5]}}}`,
			`{"type":"bye","code":4000,"cursor":{"t":{"log":"x","at":[5]}},"sent":1,"merged":0,"replayed":1}`}, "", 5},
		{"a hole in seq", []string{ack, data(1, "t/0:5"), data(3, "t/0:6")}, "seq 3 came as message 2", 6},
		{"a narrow seq", []string{ack, strings.Replace(data(1, "t/0:5"), "  ,", ",", 1)}, "does not begin", 5},
		{"a message before any ack", []string{data(1, "t/0:5")}, "no cursor has come", 0},
		{"another event's position", []string{ack, data(1, "u/0:5")}, "has pos u/0:5", 4},
		{"sent disagrees", []string{ack, data(1, "t/0:5"),
			`{"type":"pong","ts":1,"cursor":{"t":{"log":"x","at":[9]}},"sent":2,"merged":0,"replayed":0}`}, "sent 2, 1 came", 9},
		{"replayed disagrees", []string{ack, data(1, "t/0:5"),
			`{"type":"pong","ts":1,"cursor":{"t":{"log":"x","at":[5]}},"sent":1,"merged":0,"replayed":1}`}, "says replayed 1", 5},
		{"no cursor", []string{`{"type":"pong","ts":1,"sent":0,"merged":0,"replayed":0}`}, "without a cursor", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var l ledger
			for _, raw := range test.frames {
				f, err := decode([]byte(raw))
				if err != nil {
					t.Fatal(err)
				}
				l.take(f)
			}
			broken := strings.Join(l.broken, "; ")
			if (test.broken == "") != (broken == "") || !strings.Contains(broken, test.broken) {
				t.Errorf("got %q, want %q", broken, test.broken)
			}
			if got := l.cursor["t"].Last(0); l.cursor != nil && got != test.at {
				t.Errorf("the cursor is at %d, want %d", got, test.at)
			}
		})
	}
}

func TestLedgerOfConflatedEvents(t *testing.T) {
	l := ledger{conflated: true}
	f, err := decode([]byte(`{"type":"pong","ts":1,"cursor":{"t":{"log":"x","at":[12]}},"sent":0,"merged":6,"replayed":0}`))
	if err != nil {
		t.Fatal(err)
	}
	if l.take(f); len(l.broken) > 0 {
		t.Errorf("broken: %q", l.broken)
	}
}

func TestDecode(t *testing.T) {
	for _, bad := range []string{``, `[]`, `{"type":"pong","sentt":1}`, `{"type":1}`} {
		if _, err := decode([]byte(bad)); err == nil {
			t.Errorf("%q passed", bad)
		}
	}
}
