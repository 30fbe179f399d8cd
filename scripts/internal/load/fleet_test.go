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
