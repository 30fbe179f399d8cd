package load

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// Each fault of a server is found, and is counted as what it is.
func TestFaults(t *testing.T) {
	inTurn := func(n ...int64) func(*peer, string) {
		return func(p *peer, dialect string) {
			for _, n := range n {
				p.message(dialect, n)
			}
		}
	}
	tests := []struct {
		name     string
		dialects []string
		script   func(*peer, string)
		received int64
		want     Faults
	}{
		{"none", dialects, inTurn(7, 8, 9, 10), 4, Faults{}},
		{"drops one", dialects, inTurn(7, 8, 10, 11), 4, Faults{Lost: 1}},
		{"doubles one", dialects, inTurn(7, 8, 8, 9), 4, Faults{Doubled: 1}},
		{"swaps two", dialects, inTurn(7, 9, 8, 10), 4, Faults{Reordered: 1}},
		{"hole in seq", []string{WS}, func(p *peer, dialect string) {
			p.message(dialect, 1)
			p.seq++
			p.message(dialect, 2)
			p.message(dialect, 3)
		}, 3, Faults{BadSeq: 1}},
		{"pos goes back", []string{WS}, func(p *peer, dialect string) {
			p.message(dialect, 1)
			p.pos -= 2
			p.message(dialect, 2)
			p.pos++
			p.message(dialect, 3)
		}, 3, Faults{BadPos: 1}},
		{"byte by byte", dialects, func(p *peer, dialect string) {
			p.bytes = true
			for n := range int64(5) {
				p.message(dialect, n+1)
			}
		}, 5, Faults{}},
		{"other bytes between", dialects, func(p *peer, dialect string) {
			p.message(dialect, 1)
			p.text("what?")
			p.message(dialect, 2)
		}, 2, Faults{Malformed: 1}},
		{"not WebSocket any more", dialects, func(p *peer, dialect string) {
			p.message(dialect, 1)
			_, _ = p.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			p.wait()
		}, 1, Faults{Malformed: 1, Closed: 1, Codes: map[int]int64{1002: 1}}},
		{"close frame", dialects, func(p *peer, dialect string) {
			p.message(dialect, 1)
			_, _ = p.Write(serverFrame(opClose, append([]byte{4001 >> 8, 4001 & 0xff}, "slow"...)))
			if op, payload, err := p.next(); err != nil || op != opClose || string(payload) != "\x0f\xa1" {
				p.t.Errorf("the close frame was answered with opcode %d, % x, %v", op, payload, err)
			}
		}, 1, Faults{Closed: 1, Codes: map[int]int64{4001: 1}}},
		{"close frame without a code", dialects, func(p *peer, dialect string) {
			p.message(dialect, 1)
			_, _ = p.Write(serverFrame(opClose, nil))
			_, _, _ = p.next()
		}, 1, Faults{Closed: 1, Codes: map[int]int64{1005: 1}}},
		{"closes without a word", dialects, func(p *peer, dialect string) {
			p.message(dialect, 1)
			p.Close()
		}, 1, Faults{Closed: 1, Codes: map[int]int64{1006: 1}}},
		{"resets", dialects, func(p *peer, dialect string) {
			p.message(dialect, 1)
			time.Sleep(100 * time.Millisecond) // or the message goes with it
			p.rst()
			p.Close()
		}, 1, Faults{Closed: 1, Codes: map[int]int64{1006: 1}}},
	}
	for _, test := range tests {
		for _, dialect := range test.dialects {
			t.Run(test.name+"/"+dialect, func(t *testing.T) {
				t.Parallel()
				begun := make(chan struct{})
				s := serve(t, func(p *peer, _ int) {
					if _, err := p.subscribed(dialect); err != nil {
						t.Error(err)
						return
					}
					<-begun
					test.script(p, dialect)
					p.wait()
				})
				f := fleet(t, Spec{Addr: s.Addr, Dialect: dialect, Scenario: few(1, 1, 1)})
				if _, err := f.Connect(within(t), 1, nil); err != nil {
					t.Fatal(err)
				}
				if err := f.Begin(within(t)); err != nil {
					t.Fatal(err)
				}
				close(begun)
				eventually(t, "the close to be seen", func() bool {
					c, err := f.Counts(within(t))
					if err != nil {
						t.Fatal(err)
					}
					return c.Closed == test.want.Closed
				})
				i := counted(t, f, test.received)
				i.Example = ""
				if i.Received != test.received || !reflect.DeepEqual(i.Faults, test.want) {
					t.Errorf("got %d messages, %+v, want %d, %+v", i.Received, i.Faults, test.received, test.want)
				}
				if i.Latency.TotalCount() != test.received || i.Latency.Max() > patience.Microseconds() {
					t.Errorf("%d latencies, the longest %d µs", i.Latency.TotalCount(), i.Latency.Max())
				}
				if i.Connections != int(1-test.want.Closed) {
					t.Errorf("%d connections", i.Connections)
				}
			})
		}
	}
}

// What happens between two intervals is not forgotten.
func TestFaultsBetweenIntervals(t *testing.T) {
	more := make(chan struct{})
	s := serve(t, func(p *peer, _ int) {
		if _, err := p.subscribed(Hub); err != nil {
			t.Error(err)
		}
		p.message(Hub, 1)
		<-more
		p.message(Hub, 1)
		p.Close()
	})
	f := fleet(t, Spec{Addr: s.Addr, Dialect: Hub, Scenario: few(1, 1, 1)})
	if err := f.Begin(within(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Connect(within(t), 1, nil); err != nil {
		t.Fatal(err)
	}
	if i := counted(t, f, 1); !reflect.DeepEqual(i.Faults, Faults{}) {
		t.Errorf("got %+v", i.Faults)
	}
	close(more)
	eventually(t, "the end", func() bool {
		c, err := f.Counts(within(t))
		return err != nil || c.Connections == 0
	})
	if err := f.Begin(within(t)); err != nil {
		t.Fatal(err)
	}
	if i := counted(t, f, 0); i.Doubled != 1 || i.Closed != 1 || i.Received != 0 {
		t.Errorf("got %+v", i.Counts)
	}
}

// What a frame has that is longer than the buffer is kept until it is whole.
func TestLongFrames(t *testing.T) {
	const size = 3 * readBuffer
	s := serve(t, func(p *peer, _ int) {
		if _, err := p.subscribed(Hub); err != nil {
			t.Error(err)
		}
		for n := range int64(5) {
			m := message{channel: 0, n: n + 1, sent: time.Now().UnixMicro()}
			_, _ = p.Write(text(strings.Replace(hubPayload(m), "xxx", strings.Repeat("x", size), 1)))
		}
		p.wait()
	})
	f := fleet(t, Spec{Addr: s.Addr, Dialect: Hub, Scenario: few(2, 1, 1)})
	if err := f.Begin(within(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Connect(within(t), 2, nil); err != nil {
		t.Fatal(err)
	}
	i := counted(t, f, 10)
	if i.Received != 10 || i.Bytes < 10*size || i.Reads > 10 || !reflect.DeepEqual(i.Faults, Faults{}) {
		t.Errorf("got %+v", i.Counts)
	}
}

// The moment of the last read of each record is noted, and the usage of the processes.
func TestInterval(t *testing.T) {
	begun := make(chan struct{})
	s := serve(t, func(p *peer, conn int) {
		if _, err := p.subscribed(Hub); err != nil {
			t.Error(err)
		}
		<-begun
		for n := range int64(3) {
			p.message(Hub, n+1)
			time.Sleep(time.Duration(conn) * 50 * time.Millisecond)
		}
		p.wait()
	})
	f := fleet(t, Spec{Addr: s.Addr, Dialect: Hub, Scenario: few(2, 1, 1), PerWorker: 1, Last: true})
	if _, err := f.Connect(within(t), 2, nil); err != nil {
		t.Fatal(err)
	}
	if err := f.Begin(within(t)); err != nil {
		t.Fatal(err)
	}
	began := time.Now().UnixMicro()
	close(begun)
	i := counted(t, f, 6)
	if len(i.Last) != 3 {
		t.Fatalf("got %v", i.Last)
	}
	for n, at := range i.Last {
		if after := at.Last - began; after < 50_000*(n-1)-5000 || after > patience.Microseconds() {
			t.Errorf("record %d was read last %d µs after the beginning", n, after)
		}
		if n == 3 && at.Last-at.First < 50_000 { // the second connection is later than the first
			t.Errorf("record 3 was read from %d to %d µs after the beginning", at.First-began, at.Last-began)
		}
	}
	if i.Seconds < 0.1 || i.Busy <= 0 || i.Busy > 2 || i.Wait < 0 {
		t.Errorf("got %v s, busy %v, wait %v", i.Seconds, i.Busy, i.Wait)
	}
	// The next interval begins with nothing.
	if err := f.Begin(within(t)); err != nil {
		t.Fatal(err)
	}
	i = counted(t, f, 0)
	if i.Received != 0 || len(i.Last) != 0 || i.Latency.TotalCount() != 0 {
		t.Errorf("got %+v, %v", i.Counts, i.Last)
	}
}
