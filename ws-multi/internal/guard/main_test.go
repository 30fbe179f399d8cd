package guard

import (
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// limited is a guard of one core and these limits, whose clock stands at *now.
func limited(t testing.TB, l Limits, now *time.Time) *Guard {
	t.Helper()
	o := Options{Cores: 1, Limits: l}
	if now != nil {
		o.Now = func() time.Time { return *now }
	}
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// knock is Admit, told by the reason: "" with a slot.
func knock(t testing.TB, g *Guard, addr string) (*Slot, string) {
	t.Helper()
	slot, refused := g.Admit(netip.MustParseAddr(addr))
	switch {
	case slot != nil && refused == nil:
		return slot, ""
	case slot == nil && refused != nil:
		return nil, refused.Reason
	}
	t.Fatalf("both or neither: %v, %v", slot, refused)
	return nil, ""
}
