package load

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

var dialects = []string{WS, Hub, Centrifuge}

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

// Whatever a server does to a handshake that may pass is tried again, and counted by what it was.
func TestRefusals(t *testing.T) {
	tests := []struct {
		name   string
		refuse func(p *peer)
		want   string
	}{
		{"503", func(p *peer) { p.refuse(503, "") }, "503"},
		{"429", func(p *peer) { p.refuse(429, "Retry-After: 0\r\n") }, "429"},
		{"reset", func(p *peer) {
			_ = p.readRequest()
			p.rst()
		}, "reset"},
		{"closed before the answer", func(p *peer) { _ = p.readRequest() }, "closed"},
		{"closed in the answer", func(p *peer) {
			_ = p.readRequest()
			_, _ = p.Write([]byte("HTTP/1.1 101 Switch"))
		}, "closed"},
		{"closed after the upgrade", func(p *peer) {
			_ = p.upgrade()
			_, _ = p.Write(serverFrame(opClose, []byte{4503 >> 8, 4503 & 0xff}))
			_, _, _ = p.next()
		}, "close 4503"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(p *peer, conn int) {
				if conn < 3 {
					test.refuse(p)
					return
				}
				if _, err := p.subscribed(WS); err != nil {
					t.Error(err)
				}
				p.wait()
			})
			f := fleet(t, Spec{Addr: s.Addr, Dialect: WS, Scenario: few(2, 1, 1)})
			var seen []int
			c, err := f.Connect(within(t), 2, func(n int) { seen = append(seen, n) })
			if err != nil {
				t.Fatal(err)
			}
			if want := map[string]int{test.want: 3}; !maps.Equal(c.Refused, want) {
				t.Errorf("refused: %v, want %v", c.Refused, want)
			}
			if c.Seconds <= 0 || c.PerSecond <= 0 || c.P50MS <= 0 || c.MaxMS < c.P99MS || c.P99MS < c.P50MS {
				t.Errorf("got %+v", c)
			}
			if len(seen) == 0 || seen[len(seen)-1] != 2 || !slices.IsSorted(seen) {
				t.Errorf("progress was %v", seen)
			}
		})
	}
}

// A command that may succeed later is sent again, on the same connection.
func TestTemporaryError(t *testing.T) {
	s := serve(t, func(p *peer, _ int) {
		_ = p.upgrade()
		p.text(welcome)
		c, err := p.readCommand()
		if err != nil {
			t.Error(err)
			return
		}
		p.text(`{"type":"error","id":%d,"code":"UNAVAILABLE","message":"soon","temporary":true}`, c.ID)
		again, err := p.readCommand()
		if err != nil || !slices.Equal(again.Data.Channels, c.Data.Channels) {
			t.Errorf("got %+v, %v, after %+v", again, err, c)
		}
		p.text(`{"type":"subscription_ack","id":%d,"count":1,"cursor":{"trade":{"log":"x","at":[]}}}`, again.ID)
		p.wait()
	})
	f := fleet(t, Spec{Addr: s.Addr, Dialect: WS, Scenario: few(1, 3, 3)})
	c, err := f.Connect(within(t), 1, nil)
	if err != nil || s.accepted.Load() != 1 || !maps.Equal(c.Refused, map[string]int{"error UNAVAILABLE": 1}) {
		t.Errorf("got %+v, %v", c, err)
	}
}

// A server that is not there is tried again until nobody wants to wait any more.
func TestConnectionRefused(t *testing.T) {
	f := fleet(t, Spec{Addr: "127.0.0.1:1", Dialect: WS, Scenario: few(3, 1, 1)})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	c, err := f.Connect(ctx, 3, nil)
	if err == nil || !strings.Contains(err.Error(), "connect 3 clients, of which 0 came (refused: connection refused ") {
		t.Errorf("got %v", err)
	}
	if c.Refused["connection refused"] < 3 {
		t.Errorf("refused: %v", c.Refused)
	}
}

// What will not pass is an error at once, and says what to do.
func TestRefusedForGood(t *testing.T) {
	tests := []struct {
		name, dialect, says string
		script              func(p *peer)
	}{
		{"no such path", Hub, "/ws: the server answers 404 busy", func(p *peer) { p.refuse(404, "") }},
		{"wrong accept", Hub, "wrong Sec-WebSocket-Accept", func(p *peer) {
			_ = p.readRequest()
			_, _ = p.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n"))
		}},
		{"no upgrade", Hub, "without Upgrade", func(p *peer) {
			_ = p.readRequest()
			_, _ = p.Write([]byte("HTTP/1.1 101 Switching Protocols\r\n\r\n"))
		}},
		{"extension", Hub, "which was not offered", func(p *peer) {
			_ = p.readRequest()
			_, _ = p.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"))
		}},
		{"not HTTP", Hub, "not HTTP", func(p *peer) {
			_ = p.readRequest()
			_, _ = p.Write([]byte("SSH-2.0\r\n\r\n"))
		}},
		{"endless head", Hub, "a head of more than", func(p *peer) {
			_ = p.readRequest()
			_, _ = p.Write([]byte("HTTP/1.1 101 " + strings.Repeat("x", 40<<10)))
		}},
		{"channel limit", WS, "set WS_CHANNELS", func(p *peer) {
			_ = p.upgrade()
			p.text(`{"type":"welcome","limits":{"message_bytes":null,"channels":2,"commands_per_s":null}}`)
		}},
		{"error", WS, "the server answers CHANNEL_INVALID: no such event", func(p *peer) {
			_ = p.upgrade()
			p.text(welcome)
			c, _ := p.readCommand()
			p.text(`{"type":"error","id":%d,"code":"CHANNEL_INVALID","message":"no such event","temporary":false}`, c.ID)
		}},
		{"error", Centrifuge, "error 102: unknown channel", func(p *peer) {
			_ = p.upgrade()
			_, _, _ = p.next()
			p.text(`{"id":2,"error":{"code":102,"message":"unknown channel"}}`)
		}},
	}
	for _, test := range tests {
		t.Run(test.name+"/"+test.dialect, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(p *peer, _ int) {
				test.script(p)
				p.wait()
			})
			f := fleet(t, Spec{Addr: s.Addr, Dialect: test.dialect, Scenario: few(20, 3, 3)})
			_, err := f.Connect(within(t), 20, nil)
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want …%s…", err, test.says)
			}
			// The fleet can still be used.
			if c, err := f.Counts(within(t)); err != nil || c.Connections != 0 {
				t.Errorf("got %+v, %v", c, err)
			}
		})
	}
}

// Two processes share the connections; each gets the channels of the plan, in one command, from several addresses.
func TestConnect(t *testing.T) {
	for _, dialect := range dialects {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			const clients, each = 50, 20
			scen := &scenario.Scenario{Connections: clients, Channels: 100, Subscribe: scenario.Subscribe{Each: each, Zipf: 1}}
			got := make(chan []string, clients)
			from := make(chan string, clients)
			s := serve(t, func(p *peer, _ int) {
				channels, err := p.subscribed(dialect)
				if err != nil {
					t.Error(err)
				}
				got <- channels
				host, _, _ := strings.Cut(p.RemoteAddr().String(), ":")
				from <- host
				p.wait()
			})
			f := fleet(t, Spec{Addr: s.Addr, Dialect: dialect, Scenario: scen, PerWorker: 30, CPUs: []int{0}})
			if n := len(f.PIDs()); n != 2 {
				t.Fatalf("%d processes", n)
			}
			for _, pid := range f.PIDs() {
				var set unix.CPUSet
				if err := unix.SchedGetaffinity(pid, &set); err != nil || set.Count() != 1 || !set.IsSet(0) {
					t.Errorf("process %d may run on %d CPUs, %v", pid, set.Count(), err)
				}
			}
			for _, n := range []int{10, clients, clients} {
				c, err := f.Connect(within(t), n, nil)
				if err != nil {
					t.Fatal(err)
				}
				if counts, err := f.Counts(within(t)); err != nil || counts.Connections != n || len(c.Refused) > 0 {
					t.Fatalf("%d: got %+v, %+v, %v", n, c, counts, err)
				}
			}
			if n := s.accepted.Load(); n != clients {
				t.Errorf("%d connections came", n)
			}
			plan := scenario.NewPlan(scen, 0)
			var want, have []string
			addrs := map[string]bool{}
			for conn := range clients {
				var names []string
				for _, ch := range plan.ChannelsOf(conn, nil) {
					names = append(names, plan.Channel(int(ch)))
				}
				want = append(want, fmt.Sprint(names))
				have = append(have, fmt.Sprint(<-got))
				addrs[<-from] = true
			}
			slices.Sort(want)
			slices.Sort(have)
			if !slices.Equal(want, have) {
				t.Errorf("got  %v\nwant %v", have, want)
			}
			if len(addrs) != 2*sources {
				t.Errorf("clients came from %v", slices.Sorted(maps.Keys(addrs)))
			}
			if _, err := f.Connect(within(t), 61, nil); err == nil {
				t.Error("more connections than there are processes for")
			}
		})
	}
}

// Connections that have ended are replaced by the next Connect, and begin anew.
func TestReconnect(t *testing.T) {
	come := make(chan struct{})
	s := serve(t, func(p *peer, conn int) {
		if _, err := p.subscribed(WS); err != nil {
			t.Error(err)
		}
		p.message(WS, int64(100-50*conn))
		if conn == 0 {
			<-come
			_, _ = p.Write(serverFrame(opClose, []byte{4000 >> 8, 4000 & 0xff}))
			_, _, _ = p.next()
			time.Sleep(time.Second) // does not hang up
		}
		p.wait()
	})
	f := fleet(t, Spec{Addr: s.Addr, Dialect: WS, Scenario: few(1, 1, 1)})
	if _, err := f.Connect(within(t), 1, nil); err != nil {
		t.Fatal(err)
	}
	close(come)
	eventually(t, "the close", func() bool {
		c, err := f.Counts(within(t))
		return err != nil || c.Connections == 0
	})
	if c, err := f.Connect(within(t), 1, nil); err != nil || len(c.Refused) > 0 {
		t.Fatal(c, err)
	}
	i := counted(t, f, 2)
	if want := (Faults{Closed: 1, Codes: map[int]int64{4000: 1}}); i.Connections != 1 || !reflect.DeepEqual(i.Faults, want) {
		t.Errorf("got %+v", i.Counts)
	}
}

// Pings are answered, in the dialect's way.
func TestPings(t *testing.T) {
	for _, dialect := range dialects {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			answers := make(chan string, 2)
			s := serve(t, func(p *peer, _ int) {
				if _, err := p.subscribed(dialect); err != nil {
					t.Error(err)
				}
				_, _ = p.Write(serverFrame(opPing, []byte("are you there")))
				op, payload, err := p.next()
				answers <- fmt.Sprint(op, string(payload), err)
				if dialect == Centrifuge {
					p.text("{}")
					op, payload, err := p.next()
					answers <- fmt.Sprint(op, string(payload), err)
				}
				p.wait()
			})
			f := fleet(t, Spec{Addr: s.Addr, Dialect: dialect, Scenario: few(1, 1, 1)})
			if _, err := f.Connect(within(t), 1, nil); err != nil {
				t.Fatal(err)
			}
			if got, want := <-answers, fmt.Sprint(opPong, "are you there", nil); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if dialect == Centrifuge {
				if got, want := <-answers, fmt.Sprint(opText, "{}", nil); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
			if c, err := f.Counts(within(t)); err != nil || !reflect.DeepEqual(c.Faults, Faults{}) {
				t.Errorf("got %+v, %v", c, err)
			}
		})
	}
}

// Channels that do not fit into one command go into several, as fast as the server allows.
func TestSubscribeInParts(t *testing.T) {
	commands := make(chan int, 10)
	s := serve(t, func(p *peer, _ int) {
		_ = p.upgrade()
		p.text(`{"type":"welcome","limits":{"message_bytes":200,"channels":null,"commands_per_s":20}}`)
		for channels := 0; channels < 20; {
			c, err := p.readCommand()
			if err != nil {
				t.Error(err)
				return
			}
			channels += len(c.Data.Channels)
			commands <- len(c.Data.Channels)
			p.text(`{"type":"subscription_ack","id":%d,"count":%d,"cursor":{"trade":{"log":"x","at":[]}}}`, c.ID, channels)
		}
		p.wait()
	})
	f := fleet(t, Spec{Addr: s.Addr, Dialect: WS, Scenario: few(1, 20, 20)})
	c, err := f.Connect(within(t), 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(commands); n < 3 || c.Seconds < float64(n-1)/20 {
		t.Errorf("%d commands in %v s", n, c.Seconds)
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

// Stalled connections are counted apart, read no more, and the server finds them full soon.
func TestStall(t *testing.T) {
	const clients, stalled = 10, 3
	full := make(chan struct{}, clients)
	begun := make(chan struct{})
	s := serve(t, func(p *peer, _ int) {
		if _, err := p.subscribed(WS); err != nil {
			t.Error(err)
		}
		p.message(WS, 1)
		<-begun
		_ = p.Conn.(interface{ SetWriteBuffer(int) error }).SetWriteBuffer(4096)
		_ = p.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
		for n := int64(2); n < 200; n++ {
			if _, err := p.Write(p.frame(WS, n)); err != nil {
				full <- struct{}{}
				break
			}
		}
		p.wait()
	})
	f := fleet(t, Spec{Addr: s.Addr, Dialect: WS, Scenario: few(clients, 1, 1), Stalled: stalled / float64(clients)})
	if err := f.Begin(within(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Connect(within(t), clients, nil); err != nil {
		t.Fatal(err)
	}
	i := counted(t, f, clients)
	if i.Received != clients-stalled || i.StalledReceived != stalled || i.Stalled != (Stalled{}) {
		t.Errorf("before the stall: got %+v, %+v", i.Counts, i.Stalled)
	}
	if err := f.Stall(within(t)); err != nil {
		t.Fatal(err)
	}
	if err := f.Begin(within(t)); err != nil {
		t.Fatal(err)
	}
	close(begun)
	for range stalled {
		<-full
	}
	i = counted(t, f, (clients-stalled)*198)
	if i.Received != (clients-stalled)*198 || i.StalledReceived != 0 || i.Connections != clients {
		t.Errorf("got %+v", i.Counts)
	}
	if i.Stalled.Connections != stalled || i.Stalled.Open != stalled || i.Stalled.Unread < 500 || i.Stalled.Full != stalled {
		t.Errorf("got %+v", i.Stalled)
	}
	if len(full) > 0 {
		t.Errorf("%d healthy clients were full", len(full))
	}
}

// A stalled connection that the server gave up is replaced, and reads.
func TestStalledReplaced(t *testing.T) {
	stalled := make(chan struct{})
	s := serve(t, func(p *peer, conn int) {
		if _, err := p.subscribed(WS); err != nil {
			t.Error(err)
		}
		if conn == 0 {
			<-stalled
			p.rst()
			return
		}
		p.message(WS, 1)
		p.wait()
	})
	f := fleet(t, Spec{Addr: s.Addr, Dialect: WS, Scenario: few(1, 1, 1), Stalled: 1})
	if err := f.Begin(within(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Connect(within(t), 1, nil); err != nil {
		t.Fatal(err)
	}
	if err := f.Stall(within(t)); err != nil {
		t.Fatal(err)
	}
	close(stalled)
	eventually(t, "the reset", func() bool {
		i, err := f.End(within(t))
		return err != nil || i.Stalled == Stalled{Connections: 1}
	})
	if _, err := f.Connect(within(t), 1, nil); err != nil {
		t.Fatal(err)
	}
	if i := counted(t, f, 1); i.StalledReceived != 1 || i.Stalled != (Stalled{}) {
		t.Errorf("got %+v, %+v", i.Counts, i.Stalled)
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

// A worker that dies is an error that says how.
func TestWorkerDies(t *testing.T) {
	s := serve(t, func(p *peer, _ int) {
		_, _ = p.subscribed(Hub)
		p.wait()
	})
	f := fleet(t, Spec{Addr: s.Addr, Dialect: Hub, Scenario: few(1, 1, 1)})
	if _, err := f.Connect(within(t), 1, nil); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(f.PIDs()[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err := f.Counts(within(t))
		if err == nil || !strings.Contains(err.Error(), "ended: signal: killed") {
			t.Errorf("got %v", err)
		}
	}
}

func TestStartFails(t *testing.T) {
	s := serve(t, func(*peer, int) {})
	tests := []struct {
		name string
		spec Spec
		says string
	}{
		{"no command", Spec{Dialect: Hub, Addr: s.Addr}, "no command"},
		{"no such program", Spec{Worker: []string{"/nowhere/bench"}, Dialect: Hub, Addr: s.Addr}, "no such file"},
		{"no worker", Spec{Worker: []string{"/bin/true"}, Dialect: Hub, Addr: s.Addr}, "ended: exit status 0"},
		{"dies", Spec{Worker: asWorker("dies"), Dialect: Hub, Addr: s.Addr}, "exit status 3\nout of luck"},
		{"dialect", Spec{Worker: asWorker("serves"), Dialect: "mqtt", Addr: s.Addr}, `dialect "mqtt" is unknown`},
		{"address", Spec{Worker: asWorker("serves"), Dialect: Hub, Addr: "nowhere"}, "missing port"},
		{"CPU", Spec{Worker: asWorker("serves"), Dialect: Hub, Addr: s.Addr, CPUs: []int{1000}}, "bind to CPUs"},
		{"cursors", Spec{Worker: asWorker("serves"), Dialect: Hub, Addr: s.Addr, Cursors: true}, "no cursors"},
	}
	for _, test := range tests {
		test.spec.Scenario = few(1, 1, 1)
		_, err := Start(within(t), test.spec)
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: got %v, want …%s…", test.name, err, test.says)
		}
	}
}

// A context that ends while clients connect ends that, tells what came, and leaves the fleet usable.
func TestConnectCancelled(t *testing.T) {
	release := make(chan struct{})
	s := serve(t, func(p *peer, conn int) {
		if conn >= 5 && conn < 20 {
			<-release // accepts, and says nothing
			return
		}
		_, _ = p.subscribed(WS)
		p.wait()
	})
	f := fleet(t, Spec{Addr: s.Addr, Dialect: WS, Scenario: few(20, 1, 1)})
	ctx, cancel := context.WithCancel(t.Context())
	_, err := f.Connect(ctx, 20, func(n int) {
		if n == 5 {
			cancel()
		}
	})
	close(release)
	if err == nil || !strings.Contains(err.Error(), "connect 20 clients, of which 5 came: context canceled") {
		t.Errorf("got %v", err)
	}
	if _, err := f.Connect(within(t), 20, nil); err != nil {
		t.Fatal(err)
	}
	if c, err := f.Counts(within(t)); err != nil || c.Connections != 20 {
		t.Errorf("got %+v, %v", c, err)
	}
}
