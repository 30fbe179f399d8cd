package check

import (
	"fmt"
	"strings"
	"testing"
)

func message(channel, pos string, n int) *Frame {
	return &Frame{Type: "message", Channel: channel, Pos: pos, Data: fmt.Appendf(nil, `{"n":%d}`, n)}
}

func TestStream(t *testing.T) {
	type step struct {
		pos string
		n   int
	}
	tests := []struct {
		name  string
		after int64
		steps []step
		end   int64
		want  Tally // Received apart
		says  string
	}{
		{name: "complete", steps: []step{{"t/0:7", 1}, {"t/0:8", 2}, {"t/0:10", 3}}, end: 3},
		{name: "two partitions", steps: []step{{"t/0:7", 1}, {"t/1:2", 2}, {"t/0:8", 3}}, end: 3},
		{name: "from the middle", after: 5, steps: []step{{"t/0:7", 6}}, end: 6},
		{name: "a hole", steps: []step{{"t/0:7", 1}, {"t/0:8", 4}}, end: 4, want: Tally{Lost: 2}, says: "n 4 came after 1"},
		{name: "the end missing", steps: []step{{"t/0:7", 1}}, end: 3, want: Tally{Lost: 2}, says: "3 was expected"},
		{name: "the beginning missing", steps: []step{{"t/0:7", 2}}, end: 2, want: Tally{Lost: 1}, says: "n 2 came after 0"},
		{name: "twice", steps: []step{{"t/0:7", 1}, {"t/0:7", 1}}, end: 1, want: Tally{Duplicated: 1}, says: "came again"},
		{name: "swapped", steps: []step{{"t/0:8", 2}, {"t/0:7", 1}}, end: 2, want: Tally{Reordered: 1}, says: "n 2 came after 0"},
		{name: "offsets go back", steps: []step{{"t/0:8", 1}, {"t/0:7", 2}}, end: 2, want: Tally{Reordered: 1}, says: "came after offset 8"},
		{name: "no counter", steps: []step{{"t/0:8", 0}}, end: 0, want: Tally{Lost: 1}, says: "no counter"},
		{name: "no position", steps: []step{{"t/0", 1}}, end: 0, want: Tally{Lost: 1}, says: "no counter or position"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := NewStream()
			s.After("A.t", test.after)
			for _, step := range test.steps {
				s.Take(message("A.t", step.pos, step.n))
			}
			s.Take(&Frame{Type: "pong"})
			err := s.Err(map[string]int64{"A.t": test.end})
			bad := test.want != Tally{}
			if (err != nil) != bad || bad && !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want an error %t that says %q", err, bad, test.says)
			}
			got := s.Tally()
			if got.Received != int64(len(test.steps)) {
				t.Errorf("%d received, want %d", got.Received, len(test.steps))
			}
			if test.says != "3 was expected" { // what did not come at all is Err's to tell
				got.Received = 0
				if got != test.want {
					t.Errorf("got %+v, want %+v", got, test.want)
				}
			}
		})
	}
}
