package loop

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/adred-codev/ws_poc/ws-single/internal/kafka"
	"github.com/adred-codev/ws_poc/ws-single/internal/kit/wire"
)

func TestSubscribeAndReceive(t *testing.T) {
	b := start(t, testOptions())
	c := b.dial(0, "")
	b.log.publish("A", 0, "1") // before the subscription: not for it
	b.until("record taken", func() bool { return b.next() == 1 })
	ack := c.subscribe("A.trade")
	if ack.Count != 1 || ack.Recovered != nil || ack.Cursor["trade"].Log != "log-trade" {
		t.Fatalf("ack %+v", ack)
	}
	if got := ack.Cursor["trade"].Last(int32('A') % testPartitions); got != 0 {
		t.Fatalf("the ack's cursor says %d was dealt with, want 0", got)
	}
	b.log.publish("B", 0, "9")
	b.log.publish("A", 1, "9")
	b.log.publish("A", 0, "2", "3", "")
	for i, want := range []string{"2", "3", "null"} {
		f := c.expect("message")
		if f.Seq != uint64(i+1) || f.Channel != "A.trade" || string(f.Data) != want {
			t.Fatalf("got %+v", f)
		}
	}
	c.send("heartbeat", nil)
	pong := c.expect("pong")
	if pong.Sent != 3 || pong.Cursor["trade"].Last(int32('A')%testPartitions) != 3 {
		t.Fatalf("pong %+v", pong)
	}
}

// next is the history's end, read through the published snapshot's source: the
// loop itself.
func (b *bench) next() int {
	n := make(chan int, 1)
	b.loop.put(input{kind: inCall, run: func() { n <- int(b.loop.log.Next()) }})
	return <-n
}

func TestOnceHoweverManyPatternsMatch(t *testing.T) {
	b := start(t, testOptions())
	c := b.dial(0, "")
	ack := c.subscribe("A.trade", "A.*", "*.trade", "A.trade")
	if ack.Count != 3 {
		t.Fatalf("count %d", ack.Count)
	}
	b.log.publish("A", 0, "1", "2")
	b.log.publish("A", 1, "3")
	c.expectData("1", "2", "3")
	c.send("unsubscribe", map[string]any{"channels": []string{"*.trade"}})
	if f := c.expect("unsubscription_ack"); f.Count != 2 || !slices.Equal(f.Unsubscribed, []string{"*.trade"}) {
		t.Fatalf("%+v", f)
	}
	b.log.publish("B", 0, "no")
	b.log.publish("A", 0, "4")
	c.expectData("4")
	c.send("unsubscribe", nil)
	if f := c.expect("unsubscription_ack"); f.Count != 0 || len(f.Unsubscribed) != 2 {
		t.Fatalf("%+v", f)
	}
}

func TestLast(t *testing.T) {
	b := start(t, testOptions())
	b.log.publish("A", 0, numbers(1, 50)...)
	b.log.publish("B", 0, numbers(1, 3)...)
	b.until("taken", func() bool { return b.next() == 53 })
	c := b.dial(0, "")
	c.send("subscribe", map[string]any{"channels": []string{"A.trade", "B.trade", "C.trade", "A.*"}, "last": 10})
	ack := c.expect("subscription_ack")
	if ack.Cursor["trade"].Last(int32('A')%testPartitions) != 49 {
		t.Fatalf("ack %+v", ack)
	}
	c.expectData(append(numbers(41, 50), numbers(1, 3)...)...)
	if f := c.expect("replay_complete"); f.Replayed != 13 {
		t.Fatalf("%+v", f)
	}
	b.log.publish("A", 0, "51")
	c.expectData("51")
	c.send("subscribe", map[string]any{"channels": []string{"A.trade"}, "last": 1})
	c.expectError("BAD_REQUEST")
}

func TestResume(t *testing.T) {
	b := start(t, testOptions())
	c := b.dial(0, "")
	c.subscribe("A.trade", "*.quote")
	b.log.publish("A", 0, numbers(1, 5)...)
	b.log.publish("B", 1, numbers(1, 2)...)
	c.expectData("1", "2", "3", "4", "5", "1", "2")
	c.send("heartbeat", nil)
	cursor := c.expect("pong").Cursor
	_ = c.ws.Close()
	b.log.publish("A", 0, numbers(6, 8)...)
	b.log.publish("B", 0, "other")
	b.log.publish("C", 1, "7")
	b.until("taken", func() bool { return b.next() == 12 })

	c = b.dial(0, "")
	c.send("subscribe", map[string]any{"channels": []string{"A.trade", "*.quote"}, "cursor": cursor})
	ack := c.expect("subscription_ack")
	if ack.Recovered == nil || !*ack.Recovered || len(ack.Lost) != 0 {
		t.Fatalf("ack %+v", ack)
	}
	if fmt.Sprint(ack.Cursor) != fmt.Sprint(cursor) {
		t.Fatalf("ack's cursor %v, want the client's own %v", ack.Cursor, cursor)
	}
	c.expectData("6", "7", "8", "7")
	f := c.expect("replay_complete")
	if f.Replayed != 4 {
		t.Fatalf("%+v", f)
	}
	b.log.publish("A", 0, "9")
	c.expectData("9")
	c.send("subscribe", map[string]any{"channels": []string{"B.trade"}, "cursor": cursor})
	c.expectError("BAD_REQUEST")
}

func TestResumeIsLostPerEvent(t *testing.T) {
	b := start(t, testOptions())
	b.log.publish("A", 0, numbers(1, 3)...)
	b.log.publish("A", 1, numbers(1, 3)...)
	b.until("taken", func() bool { return b.next() == 6 })
	c := b.dial(0, "")
	c.send("subscribe", map[string]any{"channels": []string{"A.*"}, "cursor": wire.Cursor{
		"trade":   {Log: "another", At: []int64{0}},
		"quote":   {Log: "log-quote", At: []int64{-1, -1, 0}},
		"nowhere": {Log: "x", At: []int64{}},
	}})
	ack := c.expect("subscription_ack")
	if *ack.Recovered || !slices.Equal(ack.Lost, []string{"nowhere", "trade"}) {
		t.Fatalf("ack %+v", ack)
	}
	c.expectData("2", "3") // of quote
	c.expect("replay_complete")
	b.log.publish("A", 0, "4")
	c.expectData("4")
}

func TestCursorAheadWaits(t *testing.T) {
	b := start(t, testOptions())
	b.log.ends = func(_ int, ps []int32) ([]int64, error) { return slices.Repeat([]int64{10}, len(ps)), nil }
	c := b.dial(0, "")
	p := int(int32('A') % testPartitions)
	at := []int64{-1, -1, -1}
	at[p] = 2
	c.send("subscribe", map[string]any{"channels": []string{"A.trade"}, "cursor": wire.Cursor{"trade": {Log: "log-trade", At: at}}})
	c.send("heartbeat", nil)
	c.expect("pong") // others go on meanwhile
	c.send("subscribe", map[string]any{"channels": []string{"B.trade"}, "last": 1})
	c.expectError("BUSY")
	b.log.publish("A", 0, "0", "1", "2", "3")
	c.expect("subscription_ack")
	c.expectData("3")
	if f := c.expect("replay_complete"); f.Replayed != 1 {
		t.Fatalf("%+v", f)
	}

	// Beyond the end of the log it is lost at once.
	c = b.dial(0, "")
	at[p] = 99
	c.send("subscribe", map[string]any{"channels": []string{"A.trade"}, "cursor": wire.Cursor{"trade": {Log: "log-trade", At: at}}})
	if ack := c.expect("subscription_ack"); *ack.Recovered || !slices.Equal(ack.Lost, []string{"trade"}) {
		t.Fatalf("ack %+v", ack)
	}
	c.expect("replay_complete")
}

func TestCursorAheadIsUnavailableInTheEnd(t *testing.T) {
	b := start(t, testOptions())
	c := b.dial(0, "")
	began := time.Now()
	c.send("subscribe", map[string]any{"channels": []string{"A.trade"}, "cursor": wire.Cursor{"trade": {Log: "log-trade", At: []int64{5}}}})
	c.expectError("UNAVAILABLE")
	if d := time.Since(began); d < 4*time.Second || d > 7*time.Second {
		t.Errorf("after %v", d)
	}
	c.subscribe("A.trade") // nothing had changed
}

// What is not there though all was looked for since is lost; else the client may
// ask again.
func TestCursorOfWhatIsGone(t *testing.T) {
	b := start(t, testOptions())
	subscribe := map[string]any{
		"channels": []string{"A.trade", "A.quote"}, "cursor": wire.Cursor{"trade": {Log: "log-trade", At: []int64{-1, -1, -1, -1, 5}}, "quote": {Log: "log-quote", At: []int64{}}},
	}
	before, after := b.dial(0, ""), b.dial(0, "")
	before.send("subscribe", subscribe)
	before.send("heartbeat", nil)
	before.expect("pong")
	time.Sleep(20 * time.Millisecond)
	b.log.batches <- &kafka.Batch{Items: []kafka.Item{{Kind: kafka.Surveyed, Timestamp: kafka.Since(time.Now())}}}
	time.Sleep(20 * time.Millisecond)
	after.send("subscribe", subscribe)
	if ack := before.expect("subscription_ack"); *ack.Recovered || !slices.Equal(ack.Lost, []string{"trade"}) {
		t.Errorf("ack %+v", ack)
	}
	after.expectError("UNAVAILABLE")
}

// An answer of Kafka is for the subscribe that asked for it.
func TestALateAnswerIsForNobodyElse(t *testing.T) {
	b := start(t, testOptions())
	late := make(chan struct{})
	asked := make(chan int64, 2)
	asked <- 10
	asked <- 30
	b.log.ends = func(_ int, ps []int32) ([]int64, error) {
		end := <-asked
		if end == 10 {
			<-late
		}
		return slices.Repeat([]int64{end}, len(ps)), nil
	}
	c := b.dial(0, "")
	at := []int64{-1, -1, -1}
	p := int(int32('A') % testPartitions)
	subscribe := func(offset int64) {
		at[p] = offset
		c.send("subscribe", map[string]any{"channels": []string{"A.trade"}, "cursor": wire.Cursor{"trade": {Log: "log-trade", At: at}}})
	}
	subscribe(2)
	c.send("heartbeat", nil)
	c.expect("pong")
	b.log.publish("A", 0, "0", "1", "2")
	c.expect("subscription_ack")
	c.expect("replay_complete")
	c.send("unsubscribe", map[string]any{"channels": []string{"A.trade"}})
	c.expect("unsubscription_ack")
	subscribe(20)
	c.send("unsubscribe", nil)
	c.expect("unsubscription_ack")
	close(late)
	time.Sleep(50 * time.Millisecond)
	for i := 3; i <= 20; i++ {
		b.log.publish("A", 0, fmt.Sprint(i))
	}
	if ack := c.expect("subscription_ack"); !*ack.Recovered {
		t.Errorf("ack %+v", ack)
	}
	c.expect("replay_complete")
}

func TestGapIsToldToThoseConcerned(t *testing.T) {
	b := start(t, testOptions())
	c, other := b.dial(0, ""), b.dial(0, "")
	c.subscribe("A.trade")
	other.subscribe("*.quote")
	p := int32('A') % testPartitions
	b.log.publish("A", 0, "1")
	b.log.mu.Lock()
	b.log.next[fmt.Sprintf("0/%d", p)] = 10
	b.log.mu.Unlock()
	b.log.batches <- &kafka.Batch{Items: []kafka.Item{{Kind: kafka.Gap, Partition: p, From: 1, To: 9, Offset: 10}}}
	b.log.publish("A", 0, "2")
	b.log.publish("A", 1, "q")
	c.expectData("1")
	g := c.expect("gap")
	if g.Event != "trade" || g.Partition != p || g.From != 1 || g.To != 9 || g.Cursor["trade"].Last(p) != 9 {
		t.Fatalf("gap %+v", g)
	}
	c.expectData("2")
	if f := other.expect("message"); f.Channel != "A.quote" {
		t.Fatalf("got %+v", f)
	}
	b.log.batches <- &kafka.Batch{Items: []kafka.Item{{Kind: kafka.NewLog, Event: 0, Log: "again"}, {Kind: kafka.Started, Event: 0, Partition: 0}}}
	if g := c.expect("gap"); g.Log != "again" || g.Cursor["trade"].Log != "again" {
		t.Fatalf("gap %+v", g)
	}
}

func TestErrorsChangeNothing(t *testing.T) {
	o := testOptions()
	o.Limits.Channels = 3
	b := start(t, o)
	c := b.dial(0, "")
	c.subscribe("A.trade")
	for _, e := range []struct {
		kind, code string
		data       any
	}{
		{"subscribe", "CHANNEL_INVALID", map[string]any{"channels": []string{"B.trade", "A.unknown"}}},
		{"subscribe", "CHANNEL_LIMIT", map[string]any{"channels": []string{"B.trade", "C.trade", "D.trade"}}},
		{"subscribe", "BAD_REQUEST", map[string]any{"channels": []string{}}},
		{"jump", "UNKNOWN_TYPE", nil},
		{"auth", "BAD_REQUEST", map[string]any{"token": "x"}},
	} {
		c.send(e.kind, e.data)
		c.expectError(e.code)
	}
	b.log.publish("B", 0, "no")
	b.log.publish("A", 0, "1")
	c.expectData("1")
	c.send("unsubscribe", nil)
	if f := c.expect("unsubscription_ack"); !slices.Equal(f.Unsubscribed, []string{"A.trade"}) {
		t.Fatalf("held %v", f.Unsubscribed)
	}
}

func TestCloseCodes(t *testing.T) {
	o := testOptions()
	o.Limits.CommandsPerSecond = 10
	b := start(t, o)
	text := func(s string) func(*client) {
		return func(c *client) { _ = c.ws.WriteMessage(websocket.TextMessage, []byte(s)) }
	}
	for _, e := range []struct {
		name string
		code int
		bye  bool
		do   func(*client)
	}{
		{"not an object", 4500, true, text("[]")},
		{"binary", 4500, true, func(c *client) { _ = c.ws.WriteMessage(websocket.BinaryMessage, []byte("{}")) }},
		{"invalid UTF-8", 1007, false, text("{\"type\":\"\xff\"}")},
		{"too big", 1009, false, text(strings.Repeat("x", 65<<10))},
		{"bad opcode", 1002, false, func(c *client) { _, _ = c.ws.NetConn().Write([]byte{0x83, 0x80, 1, 2, 3, 4}) }},
		{"ten errors", 4506, true, func(c *client) {
			for range 10 {
				_ = c.trySend("nothing", nil)
				time.Sleep(110 * time.Millisecond)
			}
		}},
		{"flood", 4006, true, func(c *client) {
			for range 250 {
				_ = c.trySend("heartbeat", nil)
			}
		}},
		{"pings", 4006, true, func(c *client) {
			for range 150 {
				_ = c.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second))
			}
		}},
		{"its own close", 1000, false, func(c *client) {
			_ = c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(1000, ""), time.Now().Add(time.Second))
		}},
	} {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			c := b.dial(0, "")
			c.t = t
			go e.do(c)
			last := c.expectClose(e.code)
			if e.bye != (last.Type == "bye") {
				t.Errorf("last frame %+v; a bye: want %v", last, e.bye)
			}
		})
	}
}

func TestTokenExpires(t *testing.T) {
	b := start(t, testOptions())
	c := b.dial(0, "?expires_ms=400")
	began := time.Now()
	c.expectClose(4501)
	if d := time.Since(began); d < 300*time.Millisecond || d > 2*time.Second {
		t.Errorf("after %v", d)
	}
}

func TestSilentClientIsClosed(t *testing.T) {
	o := testOptions()
	o.PingInterval, o.PongTimeout = 400*time.Millisecond, 300*time.Millisecond
	b := start(t, o)
	silent, alive := b.dial(0, ""), b.dial(0, "")
	silent.ws.SetPingHandler(func(string) error { return nil })
	alive.subscribe("A.trade")
	got := make(chan error, 1)
	go func() { // reading is what answers pings
		f, err := alive.tryRead()
		if err == nil && string(f.Data) != "1" {
			err = fmt.Errorf("got %+v", f)
		}
		got <- err
	}()
	silent.expectClose(4002)
	time.Sleep(time.Second)
	b.log.publish("A", 0, "1")
	if err := <-got; err != nil {
		t.Fatal(err)
	}
}

func TestDrain(t *testing.T) {
	b := start(t, testOptions())
	var clients []*client
	for range 20 {
		c := b.dial(0, "")
		c.subscribe("A.trade")
		clients = append(clients, c)
	}
	b.loop.Drain(500*time.Millisecond, 5*time.Second)
	late := b.dial(0, "")
	b.log.publish("A", 0, "1")
	for _, c := range clients {
		if f := c.expect("notice"); string(f.Code) != `"DRAIN"` {
			t.Fatalf("%+v", f)
		}
		if last := c.expectClose(4000); last.Type != "bye" || last.Cursor["trade"].Log == "" {
			t.Fatalf("last frame %+v", last)
		}
	}
	late.expect("notice")
	late.expectClose(4000)
	for _, c := range append(clients, late) {
		_ = c.ws.Close()
	}
	select {
	case <-b.loop.Emptied():
	case <-time.After(10 * time.Second):
		t.Fatal("not empty")
	}
}

// Who comes after the drain began, to a server with nobody or a few, is told and
// closed within the same time; a rebalance under way is overtaken.
func TestDrainClosesLatecomers(t *testing.T) {
	for _, before := range []int{0, 1} {
		t.Run(fmt.Sprintf("%d before", before), func(t *testing.T) {
			b := start(t, testOptions())
			var clients []*client
			for range before {
				clients = append(clients, b.dial(0, ""))
			}
			b.loop.Rebalance(before, 0.001, time.Minute)
			b.loop.Drain(time.Second, 5*time.Second)
			began := time.Now()
			for range 6 {
				clients = append(clients, b.dial(0, ""))
			}
			for _, c := range clients {
				for {
					if f := c.expect("notice"); string(f.Code) == `"DRAIN"` {
						break
					}
				}
				if last := c.expectClose(4000); last.Type != "bye" {
					t.Errorf("last frame %+v", last)
				}
				_ = c.ws.Close()
			}
			if d := time.Since(began); d > 2*time.Second {
				t.Errorf("the last was closed after %v, of 1 s", d)
			}
			<-b.loop.Emptied()
		})
	}
}

func TestRebalance(t *testing.T) {
	b := start(t, testOptions())
	clients := []*client{b.dial(0, ""), b.dial(0, ""), b.dial(0, "")}
	if n := b.loop.Rebalance(2, 100, time.Second); n != 2 {
		t.Fatalf("chose %d", n)
	}
	told := make(chan bool, 3)
	for _, c := range clients {
		go func() {
			f, err := c.tryRead()
			told <- err == nil && string(f.Code) == `"REBALANCE"`
			_ = c.ws.Close()
		}()
	}
	first, second := <-told, <-told
	if !first || !second {
		t.Fatal("fewer than two were told")
	}
}
