package shard

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
)

// block keeps the shard in one call for so long.
func (w *stepped) block(d time.Duration) {
	w.call(func() { time.Sleep(d) })
	w.run()
}

// A shard that was kept from running must not hold that against its clients.

func TestATardyShardWaitsForPongs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newStepped(t, testOptions(), history.Options{}) // 5 s for a pong
		m := w.join(0)
		if f := m.until(time.Minute + time.Second); f.op != socket.OpPing {
			t.Fatalf("heard %s", f.payload)
		}
		for range 3 {
			w.block(time.Minute)
		}
		w.elapse(time.Second)
		m.raw(masked(nil, socket.OpPong, nil))
		w.elapse(20 * time.Second)
		m.say(`{"type":"heartbeat"}`)
		m.expect("pong")
	})
}

func TestATardyShardReadsBeforeItJudges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newStepped(t, unpinged(), history.Options{})
		m := w.join(0)
		b := saying(nil, `{"type":"heartbeat"}`)
		m.raw(b[:10])
		w.elapse(4900 * time.Millisecond)
		w.call(func() {
			time.Sleep(time.Minute)
			m.write(b[10:]) // it lies in the kernel when the time is up
		})
		w.run()
		m.expect("pong")
	})
}

func TestATardyShardLeavesTimeToTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := unpinged()
		o.StallTimeout, o.MaxBehind = 10*time.Second, 30*time.Second
		w := newStepped(t, o, history.Options{})
		m := w.join(4096)
		m.say(`{"type":"subscribe","data":{"channels":["S.trade"]}}`)
		m.expect("subscription_ack")
		n := w.stuff(kilobyte)
		w.elapse(2 * time.Second)
		for range 4 {
			w.block(25 * time.Second)
		}
		w.elapse(2 * time.Second)
		for i := range n {
			if f := m.expect("message"); f.Seq != uint64(i+1) {
				t.Fatalf("message %d instead of %d", f.Seq, i+1)
			}
		}
		m.say(`{"type":"heartbeat"}`)
		m.expect("pong")
	})
}

func TestTheClockStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock()
		began := c.now
		time.Sleep(300 * time.Microsecond)
		c.step()
		time.Sleep(900 * time.Microsecond)
		c.step() // parts of a ms add up
		if c.now != began+1 {
			t.Errorf("after 1.2 ms it is at %d", c.now-began)
		}
		read := Since(time.Now())
		time.Sleep(time.Hour)
		c.step()
		if c.now != began+1001 {
			t.Errorf("an hour took it to %d", c.now-began)
		}
		if age := c.age(read); age != 1000 {
			t.Errorf("what was read before the hour is %d ms old", age)
		}
		if age := c.age(Since(time.Now())); age != 0 {
			t.Errorf("what was read now is %d ms old", age)
		}
		time.Sleep(time.Hour)
		c.step()
		time.Sleep(500 * time.Millisecond)
		c.step()
		if age := c.age(read); age != 2500 {
			t.Errorf("what was read before two hours is %d ms old", age)
		}
	})
}
