package scenario

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"
)

// popularity is Zipf's law over channels: the one numbered r is wanted in proportion to 1/(r+1)^exponent.
type popularity struct {
	upTo []float64 // upTo[r]: weights of the channels before r; one longer than there are channels
}

func newPopularity(channels int, exponent float64) popularity {
	upTo := make([]float64, channels+1)
	for r := range channels {
		upTo[r+1] = upTo[r] + math.Pow(float64(r+1), -exponent)
	}
	return popularity{upTo}
}

func (p popularity) channels() int        { return len(p.upTo) - 1 }
func (p popularity) weight(r int) float64 { return p.upTo[r+1] - p.upTo[r] }
func (p popularity) sum() float64         { return p.upTo[len(p.upTo)-1] }
func (p popularity) share(r int) float64  { return p.weight(r) / p.sum() }
func (p popularity) at(x float64) int {
	r := sort.Search(p.channels(), func(r int) bool { return p.upTo[r+1] > x })
	return min(r, p.channels()-1)
}

func (p popularity) draw(from *rand.PCG) int { return p.at(unit(from) * p.sum()) }

// drawDistinct draws n channels one after the other, none twice, and appends them sorted. What is drawn already is cut
// out of the line that x is laid on, so no draw is in vain however steep the popularity is.
func (p popularity) drawDistinct(from *rand.PCG, n int, into []int32) []int32 {
	drawn := into[:0]
	left := p.sum()
	for range n {
		x := unit(from) * left
		for _, taken := range drawn {
			if x < p.upTo[taken] {
				break
			}
			x += p.weight(int(taken))
		}
		r := int32(p.at(x))
		at, taken := slices.BinarySearch(drawn, r)
		for taken { // rounding laid x on its neighbour
			r = (r + 1) % int32(p.channels())
			at, taken = slices.BinarySearch(drawn, r)
		}
		drawn = slices.Insert(drawn, at, r)
		left -= p.weight(int(r))
	}
	return drawn
}

// unit is evenly spread over [0, 1).
func unit(from *rand.PCG) float64 { return float64(from.Uint64()>>11) / (1 << 53) }
