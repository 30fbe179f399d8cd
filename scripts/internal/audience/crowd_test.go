package audience

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// A message that comes again behind the last one is seen, though the crowd had everything before.
func TestCompleteSeesWhatComesTooMuch(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(sendsItsLastAgain))
	defer server.Close()
	crowd, err := Gather(stage.Within(t), Options{
		URLs: []string{"ws" + strings.TrimPrefix(server.URL, "http")}, Members: 2, Channels: func(int) []string { return []string{"A.trade"} },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer crowd.Close()
	ends := map[string]int64{"A.trade": 2}
	if err := crowd.AwaitEnds(stage.Within(t), ends); err != nil {
		t.Fatal(err)
	}
	if err := crowd.Complete(ends); err != nil {
		t.Errorf("they have everything, once: %v", err)
	}
	if err := crowd.Settle(stage.Within(t)); err != nil {
		t.Fatal(err)
	}
	if err := crowd.Complete(ends); err == nil || !strings.Contains(err.Error(), "client 0") || !strings.Contains(err.Error(), "1 duplicated") {
		t.Errorf("they have the last one twice: %v", err)
	}
	if broken := crowd.Report().Broken; len(broken) > 0 {
		t.Errorf("the ledgers agree: %q", broken)
	}
}

// sendsItsLastAgain is a server with two messages, of which the second comes again before each pong.
func sendsItsLastAgain(w http.ResponseWriter, r *http.Request) {
	conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	seq := 0
	// A failed write shows in the next read.
	say := func(format string, args ...any) {
		_ = conn.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, format, args...))
	}
	message := func(n int) {
		seq++
		say(`{"seq":%-16d,"type":"message","channel":"A.trade","pos":"trade/0:%d","ts":1,"data":{"n":%d}}`, seq, n-1, n)
	}
	say(`{"type":"welcome","conn":"1","server":"liar","version":"1","heartbeat_ms":25000,"limits":{}}`)
	for {
		var command struct {
			Type string          `json:"type"`
			ID   json.RawMessage `json:"id"`
		}
		switch err := conn.ReadJSON(&command); {
		case err != nil:
			return
		case command.Type == "subscribe":
			say(`{"type":"subscription_ack","id":%s,"subscribed":["A.trade"],"count":1,"cursor":{"trade":{"log":"a","at":[-1]}}}`, command.ID)
			message(1)
			message(2)
		default:
			message(2)
			say(`{"type":"pong","id":%s,"ts":1,"cursor":{"trade":{"log":"a","at":[1]}},"sent":%d,"merged":0,"replayed":0}`, command.ID, seq)
		}
	}
}
