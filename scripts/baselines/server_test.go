package baselines

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// servers are the baselines that have clients.
var servers = []string{"floor", "gorilla-hub", "centrifuge"}

// served is a server, and how records get to it.
type served struct {
	*process
	name string
	send func(...record)
}

// each runs a test with every server, fed by Kafka or by its feed.
func each(t *testing.T, names []string, test func(*testing.T, served)) {
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			if name == "floor" {
				s, f := startFloor(t)
				s.send = f.send
				test(t, s)
				return
			}
			k := newTopic(t, unique())
			test(t, served{start(t, name, environment(t, k.name)), name, k.send})
		})
	}
}

func startFloor(t *testing.T) (served, *feed) {
	t.Helper()
	p := start(t, "floor", nil)
	return served{process: p, name: "floor"}, newFeed(t, p)
}

// feed is the floor's Kafka.
type feed struct {
	t    *testing.T
	conn net.Conn
}

func newFeed(t *testing.T, p *process) *feed {
	t.Helper()
	conn, err := net.Dial("tcp", p.feed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &feed{t, conn}
}

func (f *feed) send(records ...record) {
	f.t.Helper()
	if _, err := f.conn.Write(fed(records...)); err != nil {
		f.t.Fatal(err)
	}
}

// fed is what a feed says of records.
func fed(records ...record) (b []byte) {
	for _, r := range records {
		channel := r.symbol + ".trade"
		payload := fmt.Sprintf(`{"seq":42              ,"type":"message","channel":%q,"pos":"trade/0:1","ts":1700000000000,"data":%s}`, channel, r.value())
		b = binary.BigEndian.AppendUint32(b, uint32(2+len(channel)+len(payload)))
		b = binary.BigEndian.AppendUint16(b, uint16(len(channel)))
		b = append(append(b, channel...), payload...)
	}
	return b
}

// Clients get the records of their channels, all of them, in order.
func TestDelivers(t *testing.T) {
	each(t, servers, func(t *testing.T, s served) {
		one, two, none := s.dial(), s.dial(), s.dial()
		one.subscribe("S00001.trade")
		two.subscribe("S00001.trade", "S00002.trade", "S00003.trade")
		none.subscribe("Q00000.trade")
		s.awaitMetric("ws_connections", 3)

		// Not all at once: the hub closes a client that 257 messages wait for.
		const batch, last = 80, 480
		for n := 1; n <= last; n += batch {
			s.send(numbered(n, n+batch-1, "S00001", "S00002", "S00003", "S00004")...)
			one.expect(n, n+batch-1, "S00001")
			two.expect(n, n+batch-1, "S00001", "S00002", "S00003")
		}
		s.send(record{symbol: "Q00000", n: 1})
		none.expect(1, 1, "Q00000")
		s.awaitMetric("ws_messages_sent_total", 4*last+1)
		s.awaitMetric("ws_kafka_records_total", 4*last+1)

		// One that is gone is gone, and the others go on.
		_ = two.NetConn().Close()
		s.awaitMetric("ws_connections", 2)
		s.send(numbered(last+1, last+10, "S00001", "S00002")...)
		one.expect(last+1, last+10, "S00001")

		s.end()
		one.ended()
		none.ended()
	})
}

// ended reads up to the end of the connection.
func (c *client) ended() {
	c.t.Helper()
	for {
		_, text, err := c.ReadMessage()
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				c.t.Error("the connection outlives the server")
			}
			return
		}
		if string(text) != "{}" {
			c.t.Errorf("after all came %s", text)
		}
	}
}

// Many connect at once and all hear what is said.
func TestManyClients(t *testing.T) {
	const clients, records = 300, 10
	each(t, servers, func(t *testing.T, s served) {
		conns, errs := make([]*websocket.Conn, clients), make([]error, clients)
		var dialing sync.WaitGroup
		for i := range conns {
			dialing.Go(func() { conns[i], errs[i] = s.connect(s.name, 0) })
		}
		dialing.Wait()
		all := make([]*client, clients)
		for i, conn := range conns {
			if errs[i] != nil {
				t.Fatal(errs[i])
			}
			all[i] = s.client(conn)
			all[i].subscribe("S00000.trade")
		}
		s.awaitMetric("ws_connections", clients)
		s.send(numbered(1, records, "S00000")...)
		for _, c := range all {
			c.expect(1, records, "S00000")
		}
		s.awaitMetric("ws_messages_sent_total", clients*records)
		s.end()
	})
}

func TestControlFrames(t *testing.T) {
	each(t, servers, func(t *testing.T, s served) {
		c := s.dial()
		pongs := make(chan string, 1)
		c.SetPongHandler(func(payload string) error { pongs <- payload; return nil })
		if err := c.WriteControl(websocket.PingMessage, []byte("are you there"), time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if err := c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		_, text, err := c.ReadMessage()
		if !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
			t.Errorf("got %q, %v, want a close with 1000", text, err)
		}
		select {
		case got := <-pongs:
			if got != "are you there" {
				t.Errorf("pong with %q", got)
			}
		default:
			t.Error("no pong")
		}
		s.awaitMetric("ws_connections", 0)
		s.end()
	})
}

// What bench asks of a server under test is here too.
func TestAdmin(t *testing.T) {
	each(t, servers, func(t *testing.T, s served) {
		for path, want := range map[string]int{
			"/readyz": http.StatusOK, "/metrics": http.StatusOK, "/debug/pprof/heap?gc=1": http.StatusOK, "/nothing": http.StatusNotFound,
		} {
			if status, body := s.get(path); status != want {
				t.Errorf("%s: %d, want %d: %.200s", path, status, want, body)
			}
		}
		for _, name := range []string{"go_memstats_mallocs_total", "go_goroutines", "process_resident_memory_bytes", "process_cpu_seconds_total"} {
			if s.metric(name) <= 0 {
				t.Errorf("no metric %s", name)
			}
		}
		s.end()
	})
}

// The hub and centrifuge close a client that does not read; the others do not
// hear of it.
func TestSlowClient(t *testing.T) {
	each(t, []string{"gorilla-hub", "centrifuge"}, func(t *testing.T, s served) {
		slow, other := s.dialBuffering(4096), s.dial()
		slow.subscribe("S00000.trade")
		other.subscribe("S00000.trade")
		s.awaitMetric("ws_connections", 2)
		const batch = 30 // of 16 KiB: centrifuge closes a client that 1 MiB waits for
		n := 0
		s.await("the slow one's close", func() bool {
			s.send(long(n+1, n+batch)...)
			for range batch {
				if n++; other.next().n != n {
					t.Fatalf("a record is missing before %d", n)
				}
			}
			return s.metric("ws_connections") == 1
		})
		s.end()
	})
}

// A full socket holds back whoever feeds the floor, and nothing is lost.
func TestFloorHoldsBack(t *testing.T) {
	s, f := startFloor(t)
	slow, other := s.dialBuffering(4096), s.dial()
	slow.subscribe("S00000.trade")
	other.subscribe("S00000.trade")
	const records = 2000
	sent := make(chan error, 1)
	go func() {
		_, err := f.conn.Write(fed(long(1, records)...))
		sent <- err
	}()
	select {
	case err := <-sent:
		t.Fatalf("%d records of 16 KiB went to two sockets that nobody reads: %v", records, err)
	case <-time.After(500 * time.Millisecond):
	}
	for n := 1; n <= records; n++ {
		for _, c := range []*client{slow, other} {
			if got := c.next().n; got != n {
				t.Fatalf("record %d, want %d", got, n)
			}
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	s.end()
}

// SIGTERM ends the floor even while it waits for a full socket.
func TestFloorEndsWhileItWaits(t *testing.T) {
	s, f := startFloor(t)
	s.dialBuffering(4096).subscribe("S00000.trade")
	written := make(chan struct{})
	go func() {
		defer close(written)
		b := fed(long(1, 50)...)
		for {
			if _, err := f.conn.Write(b); err != nil {
				return // the floor's end
			}
		}
	}()
	last := -1.0
	s.await("a full socket", func() bool {
		time.Sleep(200 * time.Millisecond)
		before := last
		last = s.metric("ws_kafka_records_total")
		return last > 0 && last == before
	})
	s.end()
	<-written
}

func TestFloorRefuses(t *testing.T) {
	s, _ := startFloor(t)
	for _, e := range []struct {
		path, upgrade string
		want          int
	}{{"/", "websocket", http.StatusNotFound}, {"/ws", "", http.StatusUpgradeRequired}} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.addr+e.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Connection", "Upgrade")
		req.Header.Set("Upgrade", e.upgrade)
		req.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != e.want {
			t.Errorf("%s: %s, want %d", e.path, resp.Status, e.want)
		}
	}
	// A feed that makes no sense is closed, and the next one is heard.
	bad := newFeed(t, s.process)
	if _, err := bad.conn.Write([]byte("GET / HTTP/1.1\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if n, err := bad.conn.Read(make([]byte, 1)); err == nil {
		t.Errorf("%d bytes came from the feed", n)
	}
	c := s.dial()
	c.subscribe("S00000.trade")
	newFeed(t, s.process).send(numbered(1, 3, "S00000")...)
	c.expect(1, 3, "S00000")
	s.end()
}

// Ready is who reads from the end: nothing of before, all of after.
func TestReader(t *testing.T) {
	name := unique()
	p := launch(t, "reader", environment(t, name))
	p.await("an answer", func() bool { status, _ := p.get("/readyz"); return status == http.StatusServiceUnavailable })
	k := newTopic(t, name)
	p.await("ready", func() bool { status, _ := p.get("/readyz"); return status == http.StatusOK })
	k.send(numbered(1, 1000, "S00000", "S00001")...)
	p.awaitMetric("ws_kafka_records_total", 2000)
	if n := p.metric("ws_connections"); n != 0 {
		t.Errorf("%v connections", n)
	}
	p.end()

	second := start(t, "reader", environment(t, name))
	k.send(numbered(1, 10, "S00000")...)
	second.awaitMetric("ws_kafka_records_total", 10)
	second.end()
}

// A broker that is not there yet is waited for.
func TestNoBroker(t *testing.T) {
	for _, name := range []string{"gorilla-hub", "centrifuge", "reader"} {
		p := launch(t, name, map[string]string{"KAFKA_BROKERS": "127.0.0.1:1"})
		p.await("an answer", func() bool { status, _ := p.get("/readyz"); return status == http.StatusServiceUnavailable })
		p.end()
	}
}
