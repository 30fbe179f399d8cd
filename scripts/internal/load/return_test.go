package load

import (
	"context"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const firstCursor = `{"trade":{"log":"0123456789abcdef","at":[-1,-1,3]}}`

// returnsTo is a server whose clients have read messages 1 to 3 of channel 0 when they are cut, and then find what the
// script replays. They are numbered in the order they come back in.
func returnsTo(t *testing.T, clients int, back func(p *peer, conn int, c command)) (*Fleet, *server) {
	t.Helper()
	s := serve(t, func(p *peer, conn int) {
		if conn < clients {
			p.pos = 0
			if _, err := p.subscribed(WS); err != nil {
				t.Error(err)
				return
			}
			for n := range int64(3) {
				p.message(WS, n+1)
			}
			p.wait()
			return
		}
		_ = p.upgrade()
		p.text(welcome)
		c, err := p.readCommand()
		if err != nil {
			return // cut again
		}
		back(p, conn-clients, c)
		p.wait()
	})
	f := fleet(t, Spec{Addr: s.Addr, Dialect: WS, Scenario: few(clients, 1, 1), Cursors: true, PerWorker: (clients + 1) / 2})
	if err := f.Begin(within(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Connect(within(t), clients, nil); err != nil {
		t.Fatal(err)
	}
	if i := counted(t, f, int64(3*clients)); !reflect.DeepEqual(i.Faults, Faults{}) {
		t.Fatalf("got %+v", i.Faults)
	}
	if err := f.Cut(within(t)); err != nil {
		t.Fatal(err)
	}
	return f, s
}

// replay acknowledges a resume and brings messages.
func (p *peer) replay(c command, n ...int64) {
	p.pos = 3
	p.text(`{"type":"subscription_ack","id":%d,"count":1,"cursor":%s,"recovered":true,"lost":[]}`, c.ID, c.Data.Cursor)
	for _, n := range n {
		p.message(WS, n)
	}
	p.text(`{"type":"replay_complete","id":%d,"replayed":%d,"cursor":{"trade":{"log":"0123456789abcdef","at":[-1,-1,%d]}}}`, c.ID, len(n), p.pos)
}

func TestReturn(t *testing.T) {
	const clients = 20
	f, _ := returnsTo(t, clients, func(p *peer, conn int, c command) {
		if string(c.Data.Cursor) != firstCursor {
			t.Errorf("came back with %s", c.Data.Cursor)
		}
		p.replay(c, 4, 5, 6)
		time.Sleep(50 * time.Millisecond)
		p.message(WS, 7) // live
	})
	if c, err := f.Counts(within(t)); err != nil || c.Connections != 0 || c.Closed != 0 {
		t.Errorf("after the cut: %+v, %v", c, err)
	}
	r, err := f.Return(within(t), 4)
	if err != nil {
		t.Fatal(err)
	}
	want := Returned{Connected: r.Connected, CaughtUp: r.CaughtUp, Returned: clients, Complete: clients, Replayed: 3 * clients, Received: 4 * clients}
	if !reflect.DeepEqual(r, want) {
		t.Errorf("got %+v, want %+v", r, want)
	}
	if r.Connected <= 0 || r.CaughtUp < r.Connected || r.CaughtUp < 0.05 {
		t.Errorf("connected after %v s, caught up after %v s", r.Connected, r.CaughtUp)
	}
	// Once more: there is nobody to return.
	if r, err := f.Return(within(t), 4); err != nil || r.Replayed != 0 || r.Complete != 0 {
		t.Errorf("got %+v, %v", r, err)
	}
}

// What a return loses, doubles and refuses is found, and told once.
func TestReturnFaults(t *testing.T) {
	tests := []struct {
		name string
		back func(p *peer, conn int, c command)
		each int
		want Returned
	}{
		{"one lost", func(p *peer, _ int, c command) { p.replay(c, 4, 6, 7) }, 3,
			Returned{Replayed: 3, Received: 3, Faults: Faults{Lost: 1}}},
		{"the first lost", func(p *peer, _ int, c command) { p.replay(c, 5, 6, 7) }, 3,
			Returned{Replayed: 3, Received: 3, Faults: Faults{Lost: 1}}},
		{"one twice", func(p *peer, _ int, c command) { p.replay(c, 3, 4, 5) }, 3,
			Returned{Replayed: 3, Received: 3, Faults: Faults{Doubled: 1}}},
		{"from before the cursor", func(p *peer, _ int, c command) {
			p.text(`{"type":"subscription_ack","id":%d,"count":1,"cursor":%s,"recovered":true,"lost":[]}`, c.ID, c.Data.Cursor)
			p.pos = 2
			p.message(WS, 4)
			p.text(`{"type":"replay_complete","id":%d,"replayed":1,"cursor":%s}`, c.ID, c.Data.Cursor)
		}, 1, Returned{Replayed: 1, Received: 1, Faults: Faults{BadPos: 1}}},
		{"not recovered", func(p *peer, _ int, c command) {
			p.text(`{"type":"subscription_ack","id":%d,"count":1,"cursor":%s,"recovered":false,"lost":["trade"]}`, c.ID, firstCursor)
			p.text(`{"type":"replay_complete","id":%d,"replayed":0,"cursor":%s}`, c.ID, firstCursor)
		}, 3, Returned{NotRecovered: 1}},
		{"cut in the replay, then whole", func(p *peer, conn int, c command) {
			if conn > 0 {
				p.pos = 4
				if !strings.Contains(string(c.Data.Cursor), "[-1,-1,4]") {
					t.Errorf("came back with %s", c.Data.Cursor)
				}
				p.text(`{"type":"subscription_ack","id":%d,"count":1,"cursor":%s,"recovered":true,"lost":[]}`, c.ID, c.Data.Cursor)
				p.message(WS, 5)
				p.text(`{"type":"replay_complete","id":%d,"replayed":1,"cursor":%s}`, c.ID, c.Data.Cursor)
				return
			}
			p.pos = 3
			p.text(`{"type":"subscription_ack","id":%d,"count":1,"cursor":%s,"recovered":true,"lost":[]}`, c.ID, c.Data.Cursor)
			p.message(WS, 4)
			p.Close()
		}, 2, Returned{Replayed: 1, Received: 2, Faults: Faults{Closed: 1, Codes: map[int]int64{1006: 1}}}},
		{"busy once", func(p *peer, conn int, c command) {
			if conn == 0 {
				p.text(`{"type":"error","id":%d,"code":"BUSY","message":"wait","temporary":true}`, c.ID)
				var err error
				if c, err = p.readCommand(); err != nil {
					t.Error(err)
				}
			}
			p.replay(c, 4)
		}, 1, Returned{Replayed: 1, Received: 1, Refused: map[string]int{"error BUSY": 1}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f, _ := returnsTo(t, 1, test.back)
			r, err := f.Return(within(t), test.each)
			if err != nil {
				t.Fatal(err)
			}
			want := test.want
			want.Connected, want.CaughtUp, want.Returned, want.Complete = r.Connected, r.CaughtUp, 1, 1
			if !reflect.DeepEqual(r, want) {
				t.Errorf("got  %+v\nwant %+v", r, want)
			}
			if i := counted(t, f, 0); !reflect.DeepEqual(i.Faults, Faults{}) {
				t.Errorf("told once more: %+v", i.Faults)
			}
		})
	}
}

// A return that does not come to its end tells how far it came.
func TestReturnIncomplete(t *testing.T) {
	var mu sync.Mutex
	f, _ := returnsTo(t, 2, func(p *peer, conn int, c command) {
		mu.Lock()
		defer mu.Unlock()
		if conn == 0 {
			p.replay(c, 4, 5)
		} else {
			p.replay(c, 4)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	r, err := f.Return(ctx, 2)
	if err == nil || !strings.Contains(err.Error(), "return, of which 2 came back and 1 caught up: context deadline exceeded") {
		t.Errorf("got %v", err)
	}
	if r.Returned != 2 || r.Complete != 1 || r.Received != 3 {
		t.Errorf("got %+v", r)
	}
}

func TestReturnWithoutCursors(t *testing.T) {
	s := serve(t, func(p *peer, _ int) {})
	f := fleet(t, Spec{Addr: s.Addr, Dialect: WS, Scenario: few(1, 1, 1)})
	if _, err := f.Return(within(t), 1); err == nil || !strings.Contains(err.Error(), "keep cursors") {
		t.Errorf("got %v", err)
	}
}

// No more handshakes are in flight than is good: the rest would only wait in the server's backlog.
func TestFlight(t *testing.T) {
	const clients = 600
	var now, most atomic.Int64
	s := serve(t, func(p *peer, _ int) {
		if err := p.upgrade(); err != nil {
			return
		}
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		time.Sleep(20 * time.Millisecond)
		now.Add(-1)
		p.text(welcome)
		c, err := p.readCommand()
		if err != nil {
			return
		}
		p.text(`{"type":"subscription_ack","id":%d,"count":1,"cursor":{"trade":{"log":"x","at":[]}}}`, c.ID)
		p.wait()
	})
	f := fleet(t, Spec{Addr: s.Addr, Dialect: WS, Scenario: few(clients, 1, 1), PerWorker: 300})
	if _, err := f.Connect(within(t), clients, nil); err != nil {
		t.Fatal(err)
	}
	if n := most.Load(); n > inFlight {
		t.Errorf("%d handshakes at once", n)
	}
}
