package kafka

import (
	"runtime"
	"sync"
	"testing"
	"time"
)

var noTime time.Time

func newTestAlarm(t *testing.T) *alarm {
	t.Helper()
	a, err := newAlarm()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.close)
	return a
}

// Each ring is heard, before the sleep or in it, by one processor or by many.
func TestAlarm(t *testing.T) {
	for _, procs := range []int{1, 2, 4} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		a, b := newTestAlarm(t), newTestAlarm(t)
		var other sync.WaitGroup
		const turns = 2000
		other.Go(func() {
			for range turns {
				a.sleep(noTime)
				b.ring()
			}
		})
		for range turns { // or it hangs
			a.ring()
			b.sleep(noTime)
		}
		other.Wait()
	}
}

func TestAlarmByTime(t *testing.T) {
	a := newTestAlarm(t)
	began := time.Now()
	a.sleep(began.Add(30 * time.Millisecond))
	if took := time.Since(began); took < 30*time.Millisecond {
		t.Errorf("woken after %v", took)
	}
	a.sleep(began) // is over at once
	time.AfterFunc(50*time.Millisecond, a.ring)
	began = time.Now()
	a.sleep(noTime) // the time before does not count any more
	if took := time.Since(began); took < 40*time.Millisecond {
		t.Errorf("woken after %v", took)
	}
}

// By the clock only while records are many, and no longer.
func TestPace(t *testing.T) {
	for _, c := range []struct {
		name  string
		read  int
		every time.Duration
		most  int // sleeps by the clock, of 1,000
		least int
	}{
		{"1,000/s, one by one", 1, time.Millisecond, 0, 0},
		{"10,000/s, one by one", 1, 100 * time.Microsecond, 1000, 950},
		{"10,000/s, taken together", 10, time.Millisecond, 1000, 990},
		{"a burst every second", 500, time.Second, 0, 0},
		{"nothing", 0, time.Millisecond, 0, 0},
	} {
		p, now, clock := pace{}, time.Now(), 0
		for range 1000 {
			now = now.Add(c.every)
			if p.after(c.read, now) {
				clock++
			}
		}
		if clock < c.least || clock > c.most {
			t.Errorf("%s: %d sleeps of 1,000 by the clock, want %d to %d", c.name, clock, c.least, c.most)
		}
		for n := range 10 {
			now = now.Add(doze)
			if p.after(0, now) && n > 4 {
				t.Errorf("%s: still by the clock %d ms after the last record", c.name, n+1)
			}
		}
	}
}

// librdkafka itself rings: for a record, with nobody looking.
func TestARecordWakesTheReader(t *testing.T) {
	t.Parallel()
	k := realCluster(t)
	topic := k.topic("wakes", 1)
	r := reading(t, configOf(k.address, topic))
	r.await("Loaded", 1)
	best := time.Hour
	for n := range 20 {
		before := r.flushCount()
		time.Sleep(20 * time.Millisecond)
		began := time.Now()
		k.count(topic, 0, n, n)
		r.within(long, "record with a Flush", func() bool { return len(r.of("Record")) > n && r.flushCount() > before })
		best = min(best, time.Since(began))
	}
	if best > 50*time.Millisecond {
		t.Errorf("the fastest of 20 records took %v", best)
	}
	// And nothing wakes it but what there is: librdkafka, discovery's findings.
	time.Sleep(time.Second)
	before := r.flushCount()
	time.Sleep(2 * time.Second)
	if n := r.flushCount() - before; n > 4 {
		t.Errorf("%d awakenings in 2 s without records", n)
	}
}

func (s *pushes) flushCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.flushes
}
