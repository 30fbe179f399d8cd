package audience

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
)

// member is one client over all its connections.
type member struct {
	crowd  *Crowd
	number int
	stream *check.Stream
	target int // of the crowd's URLs

	mu       sync.Mutex // guards what follows
	client   *check.Client
	cursor   wire.Cursor
	stalled  bool
	replays  bool          // what comes is a replay
	notice   *notice       // of the connection's end
	answered chan struct{} // closed by the subscribe's answer
	refusal  string        // that answer, if it was an error
	owed     bool          // a pong is
}

// notice is a close that was announced.
type notice struct {
	code string        // DRAIN or REBALANCE
	wait time.Duration // after the close
}

func newMember(c *Crowd, i int) *member {
	m := &member{crowd: c, number: i, stream: check.NewStream()}
	if !c.o.Together {
		m.target = i % len(c.o.URLs)
	}
	return m
}

// run keeps the member connected until ctx is done.
func (m *member) run(ctx context.Context) {
	for attempt := 0; ctx.Err() == nil; {
		wait, worked := m.connection(ctx)
		if worked {
			attempt = 0
		}
		if wait < 0 {
			attempt++
			wait = rand.N(min(100*time.Millisecond<<min(attempt, 6), 5*time.Second)) // full jitter (P12.1)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// connection is one connection from its dial to its end. wait is how long the server asked to wait, or -1.
func (m *member) connection(ctx context.Context) (wait time.Duration, worked bool) {
	c := m.crowd
	select {
	case c.flight <- struct{}{}:
	case <-ctx.Done():
		return 0, false
	}
	client, ok := m.dial(ctx)
	<-c.flight
	if client == nil {
		return -1, false
	}
	if ok {
		c.subscribed.Add(1)
		m.stay(ctx, client)
		c.subscribed.Add(-1)
	}
	ended := ctx.Err() != nil
	if ended {
		client.Close()
	} else {
		client.Abort()
	}
	m.mu.Lock()
	m.client = nil
	m.cursor = client.Cursor()
	told := m.notice
	m.notice = nil
	m.mu.Unlock()
	broken := client.Broken()
	code := 1006
	var closed *websocket.CloseError
	if err := client.Ended(context.Background()); errors.As(err, &closed) {
		code = closed.Code
	}
	c.note(func(r *Report) {
		for _, b := range broken {
			r.broke(fmt.Sprintf("client %d: %s", m.number, b))
		}
		if !ended {
			r.Closes[code]++
			end := End{At: time.Now(), Code: code}
			if told != nil {
				end.Announced, end.Notice = true, told.code
			}
			r.Ends = append(r.Ends, end)
		}
	})
	if !c.o.Stay {
		m.target = (m.target + 1) % len(c.o.URLs)
	}
	if told != nil {
		return told.wait, ok
	}
	return -1, ok
}

// dial connects and subscribes, with the cursor if there is one. A client that did not get so far is returned with false,
// one that was refused as nil.
func (m *member) dial(ctx context.Context) (client *check.Client, ok bool) {
	c := m.crowd
	o := check.Options{ReadBuffer: c.o.ReadBuffer, Handle: m.take, Conflated: c.o.Conflated}
	if c.o.Local != nil {
		o.LocalIP = c.o.Local(m.number)
	}
	if c.o.Header != nil {
		o.Header = c.o.Header(m.number)
	}
	answered := make(chan struct{})
	m.mu.Lock()
	m.answered, m.refusal = answered, ""
	cursor := m.cursor
	m.replays = cursor != nil
	m.mu.Unlock()
	dialing, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	client, err := check.Dial(dialing, c.o.URLs[m.target], o)
	if err != nil {
		if ctx.Err() == nil {
			c.note(func(r *Report) { r.Refused[reason(err)]++ })
			if !c.o.Stay {
				m.target = (m.target + 1) % len(c.o.URLs)
			}
		}
		return nil, false
	}
	m.mu.Lock()
	m.client = client
	if m.stalled {
		client.Stall()
	}
	m.mu.Unlock()
	if _, err := client.Subscribe(check.Subscription{Channels: c.o.Channels(m.number), Cursor: cursor}); err != nil {
		return client, false
	}
	select {
	case <-answered:
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.refusal != "" {
			c.note(func(r *Report) { r.Refused[m.refusal]++ })
			return client, false
		}
		return client, true
	case <-client.Done():
	case <-ctx.Done():
	}
	return client, false
}

// stay sends heartbeats until the connection ends.
func (m *member) stay(ctx context.Context, client *check.Client) {
	if m.owes() {
		_, _ = client.Command("heartbeat", struct{}{})
	}
	tick := time.NewTicker(m.crowd.o.Heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-client.Done():
			return
		case <-ctx.Done():
			return
		case <-tick.C:
			// A write to a connection that ends fails; its end is told elsewhere.
			_, _ = client.Command("heartbeat", struct{}{})
		}
	}
}

// take gets each frame on the reader's goroutine.
func (m *member) take(f *check.Frame) {
	switch f.Type {
	case "message":
		m.stream.Take(f)
		m.mu.Lock()
		replays := m.replays
		m.mu.Unlock()
		m.crowd.received(f, replays)
	case "subscription_ack":
		if f.Recovered != nil {
			lost := !*f.Recovered
			m.crowd.note(func(r *Report) {
				r.Resumes++
				if lost {
					r.NotRecovered++
				}
			})
		}
		m.mu.Lock()
		close(m.answered)
		m.mu.Unlock()
	case "replay_complete":
		m.mu.Lock()
		m.replays = false
		m.mu.Unlock()
	case "error":
		m.mu.Lock()
		m.refusal = "error " + f.ErrorCode()
		select {
		case <-m.answered:
		default:
			close(m.answered)
		}
		m.mu.Unlock()
		m.crowd.note(func(r *Report) { r.Errors++ })
	case "gap":
		m.crowd.note(func(r *Report) {
			r.Gaps++
			r.GapFrames = append(r.GapFrames, Gap{m.number, f})
		})
	case "notice":
		told := notice{code: f.ErrorCode()}
		if f.ReconnectInMS != nil {
			told.wait = time.Duration(*f.ReconnectInMS) * time.Millisecond
		}
		m.mu.Lock()
		m.notice = &told
		m.mu.Unlock()
		m.crowd.note(func(r *Report) { r.Notices++ })
	case "bye":
		m.crowd.note(func(r *Report) { r.Byes++ })
		m.merged(f)
	case "pong":
		m.mu.Lock()
		m.owed = false
		m.mu.Unlock()
		m.crowd.note(func(r *Report) { r.Pongs++ })
		m.merged(f)
	}
}

// merged holds a frame's merged to what the member's channels allow.
func (m *member) merged(f *check.Frame) {
	if f.Merged > 0 && !m.crowd.o.Conflated {
		m.crowd.note(func(r *Report) { r.broke(fmt.Sprintf("client %d: nothing is conflated, and %s", m.number, f)) })
	}
}

// owe asks for a pong. A connection that is lost meanwhile owes one when it is back.
func (m *member) owe() {
	m.mu.Lock()
	m.owed = true
	client := m.client
	m.mu.Unlock()
	if client != nil {
		_, _ = client.Command("heartbeat", struct{}{}) // one that cannot be written is sent on the next connection
	}
}

func (m *member) owes() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.owed
}

func (m *member) complete(ends map[string]int64) error {
	mine := map[string]int64{}
	for _, channel := range m.crowd.o.Channels(m.number) {
		if n, ok := ends[channel]; ok {
			mine[channel] = n
		}
	}
	return m.stream.Err(mine)
}

func (m *member) cut() {
	m.mu.Lock()
	client := m.client
	m.mu.Unlock()
	if client != nil {
		client.Abort()
	}
}

func (m *member) stall(on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stalled = on
	if m.client == nil {
		return
	}
	if on {
		m.client.Stall()
	} else {
		m.client.Unstall()
	}
}

// received notes how late a message was.
func (c *Crowd) received(f *check.Frame, replayed bool) {
	var v struct {
		Sent int64 `json:"sent"` // Unix µs
	}
	late := time.Now().UnixMicro()
	if replayed || json.Unmarshal(f.Data, &v) != nil || v.Sent == 0 {
		late = -1
	} else {
		late = max(late-v.Sent, 1)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Received++
	if late > 0 {
		_ = c.latency.RecordValue(min(late, 599_000_000))
	}
}

func (c *Crowd) note(do func(*Report)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	do(&c.report)
}
