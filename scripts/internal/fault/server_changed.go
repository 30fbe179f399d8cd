package fault

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

const (
	backlog = 2500 // records of each channel before the clients come
	changes = 8    // of the server, by each client
)

func serverChanged(t *T) {
	tp := stage.MakeTopics(t, t.Brokers, 3, "trade")
	servers := []*stage.Server{t.Start(tp, nil), t.StartOther(tp, nil)}
	symbols := []string{stage.Symbol(), stage.Symbol(), stage.Symbol(), stage.Symbol()}
	var channels []string
	for _, x := range symbols {
		channels = append(channels, x+".trade")
	}
	start := stage.Dial(t, servers[0]).Join(channels...).Cursor
	n := 0
	publish := func(each int) {
		var records []stage.Record
		for range each {
			n++
			for _, x := range symbols {
				records = append(records, stage.Padded("trade", x, n, 100))
			}
		}
		tp.Publish(t, records...)
	}
	publish(backlog)
	for _, s := range servers {
		stage.Eventually(t, "the server to have read the backlog", func() bool {
			return s.Metric(t, "ws_kafka_records_total") >= float64(n*len(symbols))
		})
	}

	ctx, cancel := context.WithTimeout(t.Context, 2*stage.Patience)
	defer cancel()
	clients := t.Count(100)
	changed := make(chan error, clients)
	wanderers := make([]*wanderer, clients)
	for i := range wanderers {
		w := &wanderer{servers: servers, at: i, channels: channels, cursor: start, stream: check.NewStream(), pong: make(chan struct{}, 1)}
		wanderers[i] = w
		go func() { changed <- w.wander(ctx) }()
	}
	for have := 0; have < clients; {
		select {
		case err := <-changed:
			have++
			if err != nil {
				t.Error(err)
			}
		case <-time.After(50 * time.Millisecond):
			publish(1)
		}
	}
	ends := map[string]int64{}
	for _, name := range channels {
		ends[name] = int64(n)
	}
	t.Saw("%d records were published, %d of them while clients moved", n*len(symbols), (n-backlog)*len(symbols))
	var wait sync.WaitGroup
	missing := atomic.Int64{}
	for i, w := range wanderers {
		wait.Go(func() {
			if err := w.settle(ctx, ends); err != nil {
				missing.Add(1)
				t.Errorf("client %d: %v", i, err)
			}
		})
	}
	wait.Wait()
	t.None("clients that miss a message, or have one twice or out of order", int(missing.Load()))
	moves, unrecovered := 0, 0
	for _, w := range wanderers {
		moves += w.moves
		unrecovered += w.unrecovered
	}
	t.None("resumes that lost something", unrecovered)
	t.Least("moves in the middle of a replay, a client", float64(moves)/float64(clients), changes, "")
}

// wanderer is a client that leaves each server before its replay is complete, and goes on at the other with its cursor.
type wanderer struct {
	servers     []*stage.Server
	at          int // of the servers
	channels    []string
	cursor      wire.Cursor
	stream      *check.Stream
	moves       int // in the middle of a replay
	unrecovered int
	pong        chan struct{} // has room for one: a pong came
}

// wander moves as often as it is to. Each server gives it a tenth of the backlog at most, so the last leaves some.
func (w *wanderer) wander(ctx context.Context) error {
	for range changes {
		took := 1 + rand.IntN(backlog*len(w.channels)/(changes+2))
		client, complete, err := w.visit(ctx, took)
		if err != nil {
			return err
		}
		client.Abort()
		if err := w.leave(client); err != nil {
			return err
		}
		if !complete {
			w.moves++
		}
	}
	return nil
}

// settle stays at the next server until it has everything, and closes the ledger.
func (w *wanderer) settle(ctx context.Context, ends map[string]int64) error {
	client, _, err := w.visit(ctx, 0)
	if err != nil {
		return err
	}
	defer client.Close()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for w.stream.Err(ends) != nil {
		select {
		case <-tick.C:
		case <-client.Done():
			return fmt.Errorf("the connection ended: %w", client.Ended(ctx))
		case <-ctx.Done():
			return errors.Join(w.stream.Err(ends), ctx.Err())
		}
	}
	if _, err := client.Command("heartbeat", struct{}{}); err != nil {
		return err
	}
	select {
	case <-w.pong:
	case <-client.Done():
		return fmt.Errorf("the connection ended: %w", client.Ended(ctx))
	case <-ctx.Done():
		return fmt.Errorf("wait for the last pong: %w", ctx.Err())
	}
	client.Close()
	return w.leave(client)
}

// leave takes the cursor and what the connection broke.
func (w *wanderer) leave(client *check.Client) error {
	w.cursor = client.Cursor()
	if broken := client.Broken(); len(broken) > 0 {
		return fmt.Errorf("broken: %q", broken)
	}
	return nil
}

// visit resumes at the next server and returns when the client has read so many messages, then it reads no more; or when
// the replay is complete.
func (w *wanderer) visit(ctx context.Context, most int) (client *check.Client, complete bool, err error) {
	s := w.servers[w.at%len(w.servers)]
	w.at++
	refused, full, done := make(chan string, 1), make(chan struct{}), make(chan struct{})
	self := make(chan *check.Client, 1)
	took := 0
	handle := func(f *check.Frame) {
		switch f.Type {
		case "message":
			w.stream.Take(f)
			if took++; took == most {
				(<-self).Stall()
				close(full)
			}
		case "subscription_ack":
			if f.Recovered == nil || !*f.Recovered {
				w.unrecovered++
			}
		case "replay_complete":
			close(done)
		case "pong":
			w.pong <- struct{}{}
		case "error":
			select {
			case refused <- f.String():
			default:
			}
		}
	}
	// The kernel takes little ahead of the client, so that the server is in the middle of the replay, too.
	client, err = check.Dial(ctx, s.URL(), check.Options{ReadBuffer: 32 << 10, Handle: handle})
	if err != nil {
		return nil, false, err
	}
	self <- client
	if _, err = client.Subscribe(check.Subscription{Channels: w.channels, Cursor: w.cursor}); err == nil {
		select {
		case <-full:
			return client, false, nil
		case <-done:
			return client, true, nil
		case why := <-refused:
			err = errors.New(why)
		case <-client.Done():
			err = client.Ended(ctx)
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	client.Abort()
	return nil, false, fmt.Errorf("resume at %s: %w", s.Addr, err)
}
