package load

import (
	"math"
	"reflect"
	"testing"
)

func TestHolding(t *testing.T) {
	far := []int64{1}
	for n := int64(3); n < 60; n++ {
		far = append(far, n)
	}
	tests := []struct {
		name string
		n    []int64
		want Faults
	}{
		{"in order", []int64{1, 2, 3}, Faults{}},
		{"from the middle", []int64{100, 101}, Faults{}},
		{"one lost", []int64{1, 2, 4, 5}, Faults{Lost: 1}},
		{"many lost", []int64{1, 100}, Faults{Lost: 98}},
		{"one twice", []int64{1, 2, 2, 3}, Faults{Doubled: 1}},
		{"an earlier one again", []int64{1, 2, 3, 1, 4}, Faults{Doubled: 1}},
		{"two swapped", []int64{1, 3, 2, 4}, Faults{Reordered: 1}},
		{"swapped and twice", []int64{1, 3, 2, 2, 4}, Faults{Reordered: 1, Doubled: 1}},
		{"before the first", []int64{5, 4, 6}, Faults{Reordered: 1}},
		{"far too late", append(far, 2), Faults{Lost: 1, Doubled: 1}},
		{"late, but in the window", append(far[:20:20], 2), Faults{Reordered: 1}},
	}
	for _, test := range tests {
		var h holding
		var got Faults
		for _, n := range test.n {
			if !h.take(n, &got) {
				t.Errorf("%s: %d was not taken", test.name, n)
			}
		}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
	for _, n := range []int64{0, -1, math.MaxUint32 + 1} {
		var h holding
		if h.take(n, &Faults{}) {
			t.Errorf("%d was taken", n)
		}
	}
}

func TestFind(t *testing.T) {
	for size := range 6 {
		var held []holding
		for i := range size {
			held = append(held, holding{channel: int32(2 * i)})
		}
		for channel := int32(-1); channel <= int32(2*size); channel++ {
			want := -1
			if channel >= 0 && channel%2 == 0 && int(channel) < 2*size {
				want = int(channel) / 2
			}
			if got := find(held, channel); got != want {
				t.Errorf("%d of %d: got %d, want %d", channel, size, got, want)
			}
		}
	}
}
