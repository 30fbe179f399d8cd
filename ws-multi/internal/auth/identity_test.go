package auth

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

func patterns(t testing.TB, list string) (all []wire.Pattern) {
	t.Helper()
	for _, text := range strings.Fields(list) {
		p, err := wire.ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func TestAllows(t *testing.T) {
	whole := NewIdentity("ann", time.Now())
	for _, test := range []struct {
		name    string
		id      Identity
		yes, no string
	}{
		{"anybody", *Anybody, "BTC.trade BTC.* *.trade", ""},
		{"no claim", whole, "BTC.trade BTC.* *.trade", ""},
		{"an empty claim", whole.Limited(nil), "", "BTC.trade BTC.* *.trade"},
		{"one channel", whole.Limited(patterns(t, "BTC.trade")), "BTC.trade", "BTC.* *.trade BTC.social ETH.trade btc.trade BTC.Trade"},
		{"a symbol", whole.Limited(patterns(t, "BTC.*")), "BTC.trade BTC.social BTC.*", "ETH.trade *.trade ETH.*"},
		{"an event", whole.Limited(patterns(t, "*.trade")), "BTC.trade ETH.trade *.trade", "BTC.social BTC.* *.social"},
		{"several", whole.Limited(patterns(t, "ETH.trade BTC.* *.social ETH.trade")), "ETH.trade BTC.trade BTC.* X.social *.social", "ETH.* X.trade *.trade"},
	} {
		for _, p := range patterns(t, test.yes) {
			if !test.id.Allows(p) {
				t.Errorf("%s does not allow %s", test.name, p)
			}
		}
		for _, p := range patterns(t, test.no) {
			if test.id.Allows(p) {
				t.Errorf("%s allows %s", test.name, p)
			}
		}
	}
}

// The look-up answers as the rule of the protocol does, which tries each pattern.
func TestAllowsIsTheRule(t *testing.T) {
	part := rapid.SampledFrom([]string{"*", "A", "B", "C", "D"})
	pattern := rapid.Custom(func(t *rapid.T) wire.Pattern {
		return wire.Pattern{Symbol: part.Draw(t, "symbol"), Event: part.Draw(t, "event")}
	}).Filter(func(p wire.Pattern) bool { return p != wire.Pattern{Symbol: "*", Event: "*"} })
	rapid.Check(t, func(t *rapid.T) {
		claims := rapid.SliceOfN(pattern, 0, 8).Draw(t, "claims")
		given := slices.Clone(claims)
		p := pattern.Draw(t, "asked")
		id := NewIdentity("ann", time.Now()).Limited(claims)
		want := slices.ContainsFunc(claims, func(c wire.Pattern) bool { return c.Covers(p) })
		if id.Allows(p) != want {
			t.Fatalf("%v allows %v: %v, want %v", claims, p, !want, want)
		}
		if !slices.Equal(claims, given) {
			t.Fatal("Limited changed the caller's list")
		}
	})
}

func BenchmarkAllows(b *testing.B) {
	var claims []wire.Pattern
	for i := range 500 {
		claims = append(claims, wire.Pattern{Symbol: "S" + time.Duration(i).String(), Event: "trade"})
	}
	id := NewIdentity("ann", time.Now()).Limited(claims)
	p := wire.Pattern{Symbol: "S9", Event: "social"}
	b.ReportAllocs()
	for b.Loop() {
		if id.Allows(p) {
			b.Fatal()
		}
	}
}
