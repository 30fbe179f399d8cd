package checklist

import (
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestList(t *testing.T) {
	var l List
	var seen []string
	l.Watch(func(line string) { seen = append(seen, line) })
	if l.Met() {
		t.Error("met without a condition")
	}
	l.Holds("%d of %d", 2, 2)
	if !l.Met() || l.Unmet() != 0 {
		t.Error("not met though all hold")
	}
	l.Fails("two\nlines")
	l.Open("later")
	const want = "  ok  2 of 2\n  NO  two\n      lines\n  --  later\n"
	if l.Met() || l.Unmet() != 2 || l.String() != want || strings.Join(seen, "\n")+"\n" != want || !slices.Equal(l.Held(), []string{"2 of 2"}) {
		t.Errorf("met %v, unmet %d, held %q, seen %q\n%s", l.Met(), l.Unmet(), l.Held(), seen, l.String())
	}
}

func TestOpenIsNotMet(t *testing.T) {
	var l List
	l.Open("nobody looked")
	if l.Met() {
		t.Error("what was not looked at counts as met")
	}
}
