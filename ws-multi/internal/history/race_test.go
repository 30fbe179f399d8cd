package history

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const raceTime = 1500 * time.Millisecond

// One writer at full speed, readers that compare each list they pull from a View
// with what going through all of it brings.
func TestReadersNeverRaceWithTheWriter(t *testing.T) {
	const events, partitions, channels = 3, 4, 40
	l := New(Options{Events: []string{"e0", "e1", "e2"}, Window: never, Bytes: 1 << 20})
	for e := range events {
		l.Opened(e, "one")
		for p := range partitions {
			l.Started(e, int32(p), 0)
		}
	}
	l.Publish(0)
	symbol := func(i int) string { return fmt.Sprintf("S%d", i) }
	var stop atomic.Bool
	var positions [3]atomic.Uint64 // of the readers
	var g sync.WaitGroup

	g.Go(func() { // the router
		random := rand.New(rand.NewPCG(1, 1))
		offsets := [events][partitions]int64{}
		quiet := 0 // channels die and come back
		for i := int64(0); !stop.Load(); i++ {
			keep := uint64(math.MaxUint64)
			for p := range positions {
				keep = min(keep, positions[p].Load())
			}
			for range random.IntN(60) {
				if l.Full() && l.Next()-keep > 2000 {
					break
				}
				e, c := random.IntN(events), (quiet+random.IntN(channels/2))%channels
				p := c % partitions
				if random.IntN(200) == 0 {
					p = (p + 1) % partitions // the key's partition has changed
				}
				if random.IntN(500) == 0 {
					l.Lost(e, int32(p), offsets[e][p], offsets[e][p], offsets[e][p]+1, i)
					offsets[e][p]++
				}
				offsets[e][p] += int64(random.IntN(2))
				l.Append(&Record{
					Event: e, Partition: int32(p), Offset: offsets[e][p], Timestamp: int64(c), Symbol: []byte(symbol(c)),
					Value: bytes.Repeat([]byte("7"), 1+random.IntN(300)),
				}, i)
				offsets[e][p]++
			}
			if i%500 == 0 {
				quiet++
			}
			for l.Evict(i, keep, 50) {
			}
			l.Publish(i)
		}
	})
	var looks atomic.Int64
	for who := range positions {
		g.Go(func() { // a shard
			random := rand.New(rand.NewPCG(uint64(who), 2))
			var r Reader
			for !stop.Load() {
				v := l.View()
				for range random.IntN(4) {
					if err := lookAt(v, &r, random, symbol(random.IntN(channels)), random.IntN(events)); err != nil {
						t.Error(err)
						stop.Store(true)
						return
					}
					looks.Add(1)
				}
				for n := max(positions[who].Load(), v.First); n < v.End; n++ {
					e := v.Entry(n)
					if e.Kind == GapEntry {
						continue
					}
					// Nothing from the position on is evicted: the number is the channel's.
					if ch := v.Channels.ByID(e.Channel); ch == nil || ch.Symbol != symbol(int(e.Timestamp)) || ch.Event != int(e.Event) {
						t.Errorf("the channel of %d is %+v", n, ch)
						stop.Store(true)
						return
					}
				}
				if positions[who].Load() > v.End {
					t.Errorf("end went back to %d", v.End)
				}
				positions[who].Store(v.End)
			}
		})
	}
	time.Sleep(raceTime)
	stop.Store(true)
	g.Wait()
	t.Logf("%d entries, %d looks", l.Next(), looks.Load())
	if looks.Load() < 100 || l.Next() < 2_000 {
		t.Error("too few to have shown anything")
	}
}

func lookAt(v *View, r *Reader, random *rand.Rand, symbol string, event int) error {
	ch := v.Channels.Hold(symbol, fmt.Sprintf("e%d", event), event)
	defer v.Channels.Release(ch)
	from := v.First
	if random.IntN(2) == 0 && v.First < v.End {
		from += random.Uint64N(v.End - v.First)
	}
	head := fmt.Appendf(nil, `"type":"message","channel":"%s.e%d",`, symbol, event)
	var mine, all []uint64
	for n := from; n < v.End; n++ {
		if int(v.Entry(n).Event) != event {
			continue
		}
		all = append(all, n)
		if bytes.HasPrefix(v.Body(n), head) {
			mine = append(mine, n)
		}
	}
	r.Reset(v.End)
	r.Channel(v, ch, from, nil)
	if got := drain(r); !slices.Equal(got, mine) {
		return fmt.Errorf("%s of [%d,%d) from %d: %v, want %v", ch.Name, v.First, v.End, from, got, mine)
	}
	r.Reset(v.End)
	r.Event(v, event, from, nil)
	r.Gaps(v, event, from)
	if got := drain(r); !slices.Equal(got, all) {
		return fmt.Errorf("event %d of [%d,%d) from %d: %v, want %v", event, v.First, v.End, from, got, all)
	}
	for i, n := range mine {
		if want := i < len(mine)-1; v.Superseded(n) != want {
			return fmt.Errorf("%d of %v superseded: %v", n, mine, !want)
		}
	}
	if k := random.IntN(8) + 1; len(mine) >= k {
		if got := v.NewestFrom(ch, k, v.End); got != mine[len(mine)-k] {
			return fmt.Errorf("newest %d of %v from %d", k, mine, got)
		}
	}
	if v.First < v.End {
		// The client's cursor brings it to where it stood.
		pos := v.Position(event, from)
		if verdict, _ := v.Recoverable(event, pos); verdict == Recovered {
			r.Reset(v.End)
			r.Event(v, event, v.First, v.Starts(event, pos))
			want := slices.DeleteFunc(all, func(n uint64) bool { return v.Entry(n).Kind == GapEntry })
			if got := drain(r); !slices.Equal(got, want) {
				return fmt.Errorf("after %+v: %v, want %v", pos, got, want)
			}
		}
	}
	return nil
}

// Numbers are used again, and never by two channels at once.
func TestChannelNumbers(t *testing.T) {
	l := testLog(64<<10, 1, 1)
	c := l.Channels()
	const names = 2000
	var stop atomic.Bool
	var owners [2 * names]atomic.Pointer[Channel]
	var g sync.WaitGroup
	for who := range 3 {
		g.Go(func() {
			random := rand.New(rand.NewPCG(uint64(who), 3))
			held := map[int]*Channel{}
			for !stop.Load() {
				i := random.IntN(names)
				name := fmt.Sprintf("S%d", i)
				if ch := held[i]; ch != nil {
					if c.Find(name, "e0") != ch || c.ByID(ch.ID) != ch || ch.Name != name+".e0" || ch.Symbol != name {
						t.Errorf("%s is %+v", name, ch)
					}
					delete(held, i)
					owners[ch.ID].CompareAndSwap(ch, nil)
					c.Release(ch)
					continue
				}
				ch := c.Hold(name, "e0", 0)
				held[i] = ch
				if was := owners[ch.ID].Swap(ch); was != nil && was != ch && c.ByID(was.ID) == was {
					t.Errorf("%s and %s have number %d", was.Name, ch.Name, ch.ID)
				}
			}
			for _, ch := range held {
				c.Release(ch)
			}
		})
	}
	g.Go(func() {
		for i := int64(0); !stop.Load(); i++ {
			n := put(l, fmt.Sprintf("S%d", i*7%names), 0, i)
			if ch := c.ByID(l.shelf.entry(n).Channel); ch == nil || ch.Symbol != fmt.Sprintf("S%d", i*7%names) {
				t.Errorf("entry %d is of %+v", n, ch)
			}
			l.Evict(0, math.MaxUint64, 10)
			l.Publish(0)
		}
	})
	time.Sleep(raceTime)
	stop.Store(true)
	g.Wait()
	l.options.Window = -1
	l.Evict(0, math.MaxUint64, math.MaxInt)
	if c.Len() != 0 {
		t.Errorf("%d channels are left", c.Len())
	}
	if c.made > names+1 {
		t.Errorf("%d numbers for %d names", c.made, names)
	}
	if c.Find("S1", "e0") != nil || c.ByID(1) != nil || c.ByID(math.MaxUint32) != nil {
		t.Error("found what nobody holds")
	}
}

func TestReleaseOnceTooOften(t *testing.T) {
	c := newChannels()
	ch := c.Hold("A", "e", 0)
	c.Release(ch)
	defer func() {
		if recover() == nil {
			t.Error("nobody noticed")
		}
	}()
	c.Release(ch)
}
