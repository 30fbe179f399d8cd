package router

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
)

func (p *parts) wakes() (n []int64) {
	for _, r := range p.readers {
		n = append(n, r.wakes.Swap(0))
	}
	return n
}

func TestAFlushPublishesOnceAndWakesEachOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParts(1<<20, 1<<40)
		p.flush(t)
		p.wakes()
		before := p.log.View()
		p.record(`{"a":1}`)
		p.Passed(0, 0, 1)
		p.offset = 2
		p.record(`2`)
		p.Lost(0, 0, 3, 9, 10)
		p.offset = 10
		p.record(`3`)
		p.Remade(0, "another")
		p.Opened(1, "log-book")
		p.Started(0, 0, 0)
		if p.log.View() != before || p.wakes()[0] != 0 {
			t.Error("something was told before the flush")
		}
		p.flush(t)
		if n := p.wakes(); n[0] != 1 || n[1] != 1 {
			t.Errorf("a flush woke them %v times", n)
		}
		v := p.log.View()
		if v.End != 5 || v.Gap(2) != (history.Gap{From: 3, To: 9}) || v.Gap(4) != (history.Gap{Log: "another"}) {
			t.Errorf("published: %+v", v)
		}
		if want := []byte(`"pos":"trade/0:2","ts":1,"data":2}`); !bytes.HasSuffix(v.Body(1), want) {
			t.Errorf("a message is %s", v.Body(1))
		}
		if pos := v.Position(0, v.End); pos.Log != "another" || len(pos.At) != 1 || pos.At[0] != -1 {
			t.Errorf("the end is at %+v", pos)
		}
		if pos := v.Position(0, 1); pos.Log != "log-trade" || pos.At[0] != 0 {
			t.Errorf("behind the first message it is at %+v", pos)
		}
		p.flush(t) // of nothing
		if n := p.wakes(); n[0] != 0 || p.log.View() != v {
			t.Error("a flush of nothing was told")
		}
	})
}

func TestLoadedIsToldWithWhatWasRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParts(1<<20, 1<<40)
		p.record(`1`)
		p.Loaded()
		if p.IsLoaded() {
			t.Error("loaded before it was published")
		}
		p.flush(t)
		if !p.IsLoaded() || p.log.View().End != 1 {
			t.Error("it is not told")
		}
	})
}

// writing runs f as the consumer does, and returns what tells of its end.
func writing(f func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	return done
}

func isDone(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

func TestItWaitsWhileTheHistoryIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParts(3<<20, 1<<40)
		done := writing(func() {
			for range 8000 {
				p.record(kilobyte)
			}
			p.flush(t)
		})
		time.Sleep(time.Minute)
		if isDone(done) {
			t.Fatal("it did not wait")
		}
		s := p.Snapshot()
		if !s.Waiting || s.HistoryBytes < 3<<20 || s.HistoryBytes > 5<<20 || time.Since(s.At) > time.Second {
			t.Errorf("while it waits: %+v", s)
		}
		v := p.log.View()
		if v.First != 0 || v.End != p.readers[0].Needs() || int(v.End) != s.HistoryRecords {
			t.Errorf("published %d to %d of %d, the quick reader has dealt with %d", v.First, v.End, s.HistoryRecords, p.readers[0].Needs())
		}
		// A little room lets it go on, and wait again, with what it needs kept.
		waits := 0
		for !isDone(done) {
			at := p.log.View().End
			p.slow().deal((p.slow().Needs() + at) / 2)
			synctest.Wait()
			if v := p.log.View(); v.First > p.slow().Needs() {
				t.Fatalf("what the reader needs from %d on is gone up to %d", p.slow().Needs(), v.First)
			}
			p.slow().deal(at)
			synctest.Wait()
			waits++
		}
		if waits < 2 || waits > 8 {
			t.Errorf("it has waited %d times", waits)
		}
		if p.log.View().End != 8000 || p.log.Bytes() > 5<<20 {
			t.Errorf("in the end: %d messages published, %d bytes kept", p.log.View().End, p.log.Bytes())
		}
	})
}

// The room of a large record is that of thousands of small ones.
func TestItWaitsForNobodyWhenAllHaveDealtWithEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParts(8<<20, 1<<40)
		for !p.log.Full() {
			p.record(`1`)
		}
		p.flush(t)
		p.slow().deal(p.log.Next())
		done := writing(func() {
			p.record(`"` + strings.Repeat("x", 6<<20) + `"`)
			p.flush(t)
			p.slow().deal(p.log.Next())
			p.record(`1`)
			p.flush(t)
		})
		synctest.Wait()
		if !isDone(done) {
			t.Fatal("it waits")
		}
		if n := p.log.Len(); n < 100 || p.log.Bytes() > 9<<20 {
			t.Errorf("%d records of %d bytes are left", n, p.log.Bytes())
		}
	})
}

func TestItWaitsForWhoLags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParts(1<<40, 1<<40)
		done := writing(func() {
			for range maxLag + 1000 {
				p.Remade(1, "x") // an entry without a body
			}
			p.flush(t)
		})
		synctest.Wait()
		if isDone(done) {
			t.Fatal("it did not wait")
		}
		if n := p.log.View().End; n < maxLag || n > maxLag+lagCheck {
			t.Errorf("it waits behind %d entries", n)
		}
		p.slow().deal(5000)
		<-done
	})
}

// A reader's word may get lost where others take it: the router looks for itself.
func TestItLooksForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParts(2<<20, 1<<40)
		done := writing(func() {
			for range 3000 {
				p.record(kilobyte)
			}
			p.flush(t)
		})
		synctest.Wait()
		p.slow().needs.Store(1500)
		time.Sleep(lookAgain + time.Millisecond)
		if !isDone(done) {
			t.Error("it waits for ever")
		}
	})
}

func TestStopEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParts(2<<20, 1<<40)
		done := writing(func() {
			for range 3000 {
				p.record(kilobyte)
			}
			p.Lost(0, 0, 3000, 3001, 3002)
			p.flush(t)
		})
		synctest.Wait()
		if isDone(done) {
			t.Fatal("it did not wait")
		}
		close(p.stop)
		<-done
		if p.log.View().End != 3001 {
			t.Error("what was read was not published")
		}
	})
}

func TestTendForgetsByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParts(1<<30, 60_000)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- p.Tend(ctx) }()
		for range 100 {
			p.record(kilobyte)
		}
		p.flush(t)
		p.wakes()
		time.Sleep(30 * time.Second)
		for range 10 {
			p.record(kilobyte)
		}
		p.flush(t)
		p.wakes()
		time.Sleep(25 * time.Second)
		if s := p.Snapshot(); s.HistoryRecords != 110 || s.HistoryAge < 54*time.Second || s.HistoryAge > 56*time.Second {
			t.Errorf("after 55 s: %+v", s)
		}
		if n := p.wakes(); n[0] != 0 {
			t.Errorf("they were woken %v times for nothing", n)
		}
		time.Sleep(7 * time.Second)
		if n := p.log.View().First; n != 0 {
			t.Errorf("what the slow reader needs is gone up to %d", n)
		}
		p.slow().deal(105)
		time.Sleep(1500 * time.Millisecond)
		if v := p.log.View(); v.First != 100 {
			t.Errorf("the history begins at %d", v.First)
		}
		if n := p.wakes(); n[0] != 1 {
			t.Errorf("they were woken %v times", n)
		}
		time.Sleep(40 * time.Second)
		if v := p.log.View(); v.First != 105 {
			t.Errorf("the history begins at %d", v.First)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// The consumer may hold the history at every tick of Tend: the snapshot is
// as new all the same.
func TestTheSnapshotIsNewUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParts(1<<30, 1<<40)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _ = p.Tend(ctx) }()
		time.Sleep(50 * time.Millisecond) // not in step with Tend
		for i := range 100 {
			p.record(`1`)
			time.Sleep(100 * time.Millisecond)
			p.flush(t)
			if age := time.Since(p.Snapshot().At); age > 1200*time.Millisecond {
				t.Fatalf("after %d batches the snapshot is %v old", i, age)
			}
		}
		p.flush(t)
	})
}

// TestAllAtOnce has the consumer, Tend, the readers and whoever asks for a
// snapshot at work at once, for the race detector.
func TestAllAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParts(2<<20, 5000)
		p.slow().quick = true
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { _ = p.Tend(ctx) })
		all.Go(func() {
			for ctx.Err() == nil {
				time.Sleep(time.Second) // as Tend does, and at once with it
				if s := p.Snapshot(); s.HistoryRecords < 0 || p.IsLoaded() {
					t.Error("a snapshot is wrong")
				}
				if v := p.log.View(); v.First < v.End && len(v.Body(v.First)) == 0 {
					t.Error("what is published is not there")
				}
			}
		})
		for i := range 300 {
			time.Sleep(time.Second)
			for range i % 20 {
				p.record(kilobyte)
			}
			p.flush(t)
		}
		time.Sleep(10 * time.Second)
		cancel()
		all.Wait()
		if v := p.log.View(); v.First != v.End || v.End != uint64(p.offset) {
			t.Errorf("in the end %d to %d are kept of %d", v.First, v.End, p.offset)
		}
	})
}
