package load

import (
	"testing"
	"time"
)

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
