package parity

import (
	"crypto/sha256"
	"slices"
	"testing"

	"github.com/adred-codev/ws_poc/kit/wire"
)

// Messages are found by their bytes, whatever was done to them.
func TestParts(t *testing.T) {
	symbol := `"q\,"pos":"x/1:2","ts":7`
	body := wire.AppendBody(nil, wire.Record{Symbol: []byte(symbol), Event: "trade", Partition: 11, Offset: 4711, Timestamp: -1, Value: []byte(`"pos"`)})
	said, ok := partsOf(body)
	at, ok2 := readPlace(said.pos)
	if !ok || !ok2 || at != (place{"trade", 11, 4711}) || string(said.ts) != "-1" {
		t.Errorf("%s: %+v, %+v", body, said, at)
	}
	chans, err := newChannels([]Watch{{"all", []string{"*.trade"}}})
	if err != nil {
		t.Fatal(err)
	}
	if ch := chans.of(said.channel); ch.name != symbol+".trade" || !ch.in(0) {
		t.Errorf("%+v", ch)
	}
	for _, bad := range []string{"", `"type":"message","channel":"A.trade"}`, `"type":"message","channel":"A.trade","pos":"trade`} {
		if _, ok := partsOf([]byte(bad)); ok {
			t.Errorf("%s was taken for a message", bad)
		}
	}
	for _, bad := range []string{"", "trade", "trade/1", "trade/-1:2", "trade/1:-2", "trade/x:2", "trade/1:", "trade/99999999999:2"} {
		if p, ok := readPlace([]byte(bad)); ok {
			t.Errorf("%s was taken for %v", bad, p)
		}
	}
}

// The digests of several partitions do not depend on which was first, and on all else they do.
func TestChain(t *testing.T) {
	var a, b chain
	one, two := sum{1}, sum{2}
	a.add(1, one)
	a.add(2, two)
	b.add(2, two)
	b.add(1, one)
	if a.sum == b.sum {
		t.Error("the order does not count")
	}
	if digest(map[int32]sum{0: one, 1: two}) == digest(map[int32]sum{0: two, 1: one}) || digest(map[int32]sum{0: one}) == digest(map[int32]sum{1: one}) {
		t.Error("the partition does not count")
	}
	if digestOfAll(map[string]sum{"a": one}) == digestOfAll(map[string]sum{"b": one}) {
		t.Error("the channel's name does not count")
	}
	// By hand, as chain and digest are documented.
	sha := func(parts ...[]byte) []byte {
		h := sha256.Sum256(slices.Concat(parts...))
		return h[:]
	}
	first := sha(make([]byte, 32), []byte{0, 0, 0, 0, 0, 0, 0, 1}, one[:])
	second := sha(first, []byte{0, 0, 0, 0, 0, 0, 0, 2}, two[:])
	if got := digest(map[int32]sum{9: a.sum}); !slices.Equal(got[:], sha([]byte{0, 0, 0, 9}, second)) {
		t.Errorf("got %v", got)
	}
}
