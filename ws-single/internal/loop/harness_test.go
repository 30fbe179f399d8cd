package loop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/adred-codev/ws_poc/ws-single/internal/auth"
	"github.com/adred-codev/ws_poc/ws-single/internal/kafka"
	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
	"github.com/adred-codev/ws_poc/ws-single/internal/socket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testEvents = []string{"trade", "quote"}

// testLog plays Kafka: it hands batches to the loop as a consumer does, and
// keeps what it handed over.
type testLog struct {
	batches chan *kafka.Batch
	ends    func(event int, partitions []int32) ([]int64, error)

	mu   sync.Mutex
	next map[string]int64 // by event/partition
}

func (l *testLog) Batches() <-chan *kafka.Batch { return l.batches }
func (l *testLog) Release(*kafka.Batch)         {}
func (l *testLog) Ends(_ context.Context, event int, partitions []int32) ([]int64, error) {
	if l.ends == nil {
		return nil, errors.New("no broker")
	}
	return l.ends(event, partitions)
}

const testPartitions = 3

// open is what a consumer says before the first record.
func (l *testLog) open() {
	b := &kafka.Batch{}
	for e, name := range testEvents {
		b.Items = append(b.Items, kafka.Item{Kind: kafka.Opened, Event: e, Log: "log-" + name})
		for p := range int32(testPartitions) {
			b.Items = append(b.Items, kafka.Item{Kind: kafka.Started, Event: e, Partition: p})
		}
	}
	b.Items = append(b.Items, kafka.Item{Kind: kafka.Loaded})
	l.batches <- b
}

// record makes the next record of a channel: symbols have a partition each.
func (l *testLog) record(symbol string, event int, value string) kafka.Item {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := int32(symbol[len(symbol)-1]) % testPartitions
	key := fmt.Sprintf("%d/%d", event, p)
	offset := l.next[key]
	l.next[key]++
	ts := time.Now().UnixMilli()
	r := wire.Record{Symbol: []byte(symbol), Event: testEvents[event], Partition: p, Offset: offset, Timestamp: ts, Value: []byte(value)}
	if value == "" {
		r.Value = nil
	}
	return kafka.Item{
		Kind: kafka.Record, Event: event, Partition: p, Offset: offset, Timestamp: ts, Tombstone: value == "",
		Symbol: []byte(symbol), Body: wire.AppendBody(nil, r),
	}
}

// publish hands over one batch of records of a channel.
func (l *testLog) publish(symbol string, event int, values ...string) {
	b := &kafka.Batch{}
	for _, v := range values {
		b.Items = append(b.Items, l.record(symbol, event, v))
	}
	l.batches <- b
}

// bench is a running loop with a public listener, as the server wires them.
type bench struct {
	t    testing.TB
	loop *Loop
	log  *testLog
	addr string
}

type noPlace struct{}

func (noPlace) Release() {}

func testOptions() Options {
	return Options{
		Server: "ws-single", Version: "1.0.0", Events: testEvents,
		Limits:       wire.Limits{MessageBytes: 64 << 10, Channels: 16, CommandsPerSecond: 1000},
		PingInterval: 25 * time.Second, PongTimeout: 10 * time.Second,
		StallTimeout: 10 * time.Second, MaxBehind: 30 * time.Second,
		HistoryWindow: time.Minute, HistoryBytes: 64 << 20,
		Log: slog.New(slog.DiscardHandler),
	}
}

func start(t testing.TB, o Options) *bench {
	t.Helper()
	b := &bench{t: t, log: &testLog{batches: make(chan *kafka.Batch, 64), next: map[string]int64{}}}
	b.loop = New(b.log, o)
	ctx, cancel := context.WithCancel(context.Background())
	l, err := socket.Listen(ctx, "127.0.0.1:0", socket.Options{StallTimeout: o.StallTimeout, MessageTimeout: 10 * time.Second, HalfOpen: 1000})
	if err != nil {
		t.Fatal(err)
	}
	up := socket.NewUpgrader(int64(o.Limits.MessageBytes), 5*time.Second)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := up.Upgrade(w, r)
		if err != nil {
			return
		}
		id := &auth.Identity{AllChannels: true}
		if s := r.URL.Query().Get("expires_ms"); s != "" {
			ms, _ := strconv.Atoi(s)
			id.Subject, id.Expires = "sub", time.Now().Add(time.Duration(ms)*time.Millisecond)
		}
		b.loop.Open(&Newcomer{Sock: c, Identity: id, Place: noPlace{}})
	})}
	var running sync.WaitGroup
	running.Go(func() { _ = b.loop.Run(ctx) })
	running.Go(func() { _ = server.Serve(l) })
	t.Cleanup(func() {
		_ = server.Close()
		cancel()
		running.Wait()
	})
	b.addr = l.Addr().String()
	b.log.open()
	b.until("loaded", func() bool { return b.loop.Loaded() })
	return b
}

func (b *bench) until(what string, ok func() bool) {
	b.t.Helper()
	for limit := time.Now().Add(15 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(limit) {
			b.t.Fatalf("not in 15 s: %s", what)
		}
	}
}

// client is a WebSocket client that reads when it is asked to.
type client struct {
	t      testing.TB
	b      *bench
	ws     *websocket.Conn
	id     int
	frames chan frame // of pump
}

// frame is any of the server's messages.
type frame struct {
	Seq                      uint64
	Type                     string
	ID                       int
	Channel                  string
	Pos                      string
	Data                     json.RawMessage
	Cursor                   wire.Cursor
	Recovered                *bool
	Lost                     []string
	Replayed                 uint64
	Merged                   uint64
	Sent                     uint64
	Count                    int
	Code                     json.RawMessage
	Message                  string
	Subscribed, Unsubscribed []string
	Event                    string
	Partition                int32
	From, To                 int64
	Log                      string
	Expires                  int64
}

func (b *bench) dial(rcvbuf int, query string) *client {
	b.t.Helper()
	d := websocket.Dialer{NetDial: func(network, addr string) (net.Conn, error) {
		nd := net.Dialer{}
		if rcvbuf > 0 {
			nd.Control = smallBuffer(rcvbuf)
		}
		return nd.Dial(network, addr)
	}, ReadBufferSize: 4096}
	ws, resp, err := d.Dial("ws://"+b.addr+"/ws"+query, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	_ = resp.Body.Close()
	c := &client{t: b.t, b: b, ws: ws}
	b.t.Cleanup(func() { _ = ws.Close() })
	if f := c.read(); f.Type != "welcome" {
		b.t.Fatalf("first frame %+v", f)
	}
	return c
}

func (c *client) send(kind string, data any) {
	c.t.Helper()
	if err := c.trySend(kind, data); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) trySend(kind string, data any) error {
	c.id++
	m := map[string]any{"type": kind, "id": c.id}
	if data != nil {
		m["data"] = data
	}
	return c.ws.WriteJSON(m)
}

func (c *client) tryRead() (frame, error) {
	var f frame
	_ = c.ws.SetReadDeadline(time.Now().Add(15 * time.Second))
	_, p, err := c.ws.ReadMessage()
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(p, &f); err != nil {
		c.t.Fatalf("%v in %s", err, p)
	}
	return f, nil
}

func (c *client) read() frame {
	c.t.Helper()
	f, err := c.tryRead()
	if err != nil {
		c.t.Fatal(err)
	}
	return f
}

// expect reads the next frame, which must be of this type.
func (c *client) expect(kind string) frame {
	c.t.Helper()
	f := c.read()
	if f.Type != kind {
		c.t.Fatalf("got %+v, want a %s", f, kind)
	}
	return f
}

func (c *client) expectData(values ...string) {
	c.t.Helper()
	for _, want := range values {
		if f := c.expect("message"); string(f.Data) != want {
			c.t.Fatalf("got %s %s, want %s", f.Pos, f.Data, want)
		}
	}
}

func (c *client) expectError(code string) {
	c.t.Helper()
	if f := c.expect("error"); strings.Trim(string(f.Code), `"`) != code || f.ID != c.id {
		c.t.Fatalf("got %+v, want error %s to %d", f, code, c.id)
	}
}

// expectClose reads until the connection is closed, and wants this code.
func (c *client) expectClose(code int) (last frame) {
	c.t.Helper()
	for {
		f, err := c.tryRead()
		if err == nil {
			last = f
			continue
		}
		var closed *websocket.CloseError
		if !errors.As(err, &closed) || closed.Code != code {
			c.t.Fatalf("closed by %v, want %d", err, code)
		}
		return last
	}
}

func (c *client) subscribe(channels ...string) frame {
	c.t.Helper()
	c.send("subscribe", map[string]any{"channels": channels})
	return c.expect("subscription_ack")
}

func numbers(from, to int) []string {
	var s []string
	for i := from; i <= to; i++ {
		s = append(s, strconv.Itoa(i))
	}
	return s
}
