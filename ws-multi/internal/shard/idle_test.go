package shard

import (
	"bytes"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
)

// crowd is so many clients with one channel each, all the same; what they are
// sent is dropped in the kernel by drop.
func crowd(tb testing.TB, n int) *stepped {
	tb.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < uint64(2*n+100) {
		tb.Skipf("this needs %d descriptors", 2*n+100)
	}
	o := testOptions()
	o.PingInterval = 0
	w := newStepped(tb, o, history.Options{})
	for range n {
		m := w.join(0)
		m.say(`{"type":"subscribe","data":{"channels":["A.trade"]}}`)
		m.expect("subscription_ack")
	}
	w.drop()
	return w
}

// drop throws away what the clients were sent, and returns how many bytes.
func (w *stepped) drop() (n int) {
	var scratch [64 << 10]byte
	for _, m := range w.mates {
		for {
			k, _, err := unix.Recvfrom(m.fd, scratch[:], unix.MSG_TRUNC)
			if n += max(k, 0); err != nil || k < len(scratch) {
				break
			}
		}
	}
	return n
}

func heap() int64 {
	var m runtime.MemStats
	for range 2 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestAnIdleConnection(t *testing.T) {
	const n = 2000
	goroutines := runtime.NumGoroutine()
	few := crowd(t, 1) // what a shard has in any case
	before := heap()
	w := crowd(t, n)
	for _, m := range w.mates {
		m.in = bytes.Buffer{}
	}
	client := float64(unsafe.Sizeof(mate{})) + 8 // and its place in mates
	each := float64(heap()-before)/n - client
	runtime.KeepAlive(few)
	runtime.KeepAlive(w)
	t.Logf("an idle connection holds %.0f bytes", each)
	if each > 1024 {
		t.Errorf("an idle connection holds %.0f bytes", each)
	}
	if more := runtime.NumGoroutine() - goroutines; more > 5 {
		t.Errorf("%d goroutines more", more)
	}
}

func TestADeliveryAllocatesNothing(t *testing.T) {
	const n, records = 2000, 20
	w := crowd(t, n)
	send := func() {
		for range records {
			w.record("A", 0, 0, `{"price":1}`)
		}
	}
	send() // buffers grow
	w.drop()
	sent := w.counts.Sent
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	send()
	runtime.ReadMemStats(&after)
	if sent = w.counts.Sent - sent; sent != n*records {
		t.Fatalf("%d were sent", sent)
	}
	each := float64(after.Mallocs-before.Mallocs) / (n * records)
	t.Logf("%.5f allocations a delivery", each)
	if each >= 0.01 {
		t.Errorf("%.5f allocations a delivery", each)
	}
}
