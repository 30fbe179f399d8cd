package shard

import (
	"testing"

	"github.com/adred-codev/ws_poc/ws-multi/internal/auth"
	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

func TestARefusedSubscribeChangesNothing(t *testing.T) {
	const cursor = `,"cursor":{"trade":{"log":"log-trade","at":[]}}`
	for _, c := range []struct{ name, data, code string }{
		{"an event that does not exist", `"channels":["B.book","B.nothing"]`, "CHANNEL_INVALID"},
		{"not covered by the token", `"channels":["B.book","SECRET.book"]`, "FORBIDDEN"},
		{"a wildcard not covered", `"channels":["SECRET.*"]`, "FORBIDDEN"},
		{"too many", `"channels":["B.book","C.book","D.book"]`, "CHANNEL_LIMIT"},
		{"a cursor for an event that is held", `"channels":["B.trade"]` + cursor, "BAD_REQUEST"},
		{"the newest of a channel that is held", `"channels":["B.book","A.trade"],"last":1`, "BAD_REQUEST"},
		{"a cursor and last", `"channels":["B.book"],"last":1` + cursor, "BAD_REQUEST"},
		{"no channels", `"channels":[]`, "BAD_REQUEST"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := testOptions()
			o.Limits.Channels = 4
			w := newStepped(t, o, history.Options{})
			who := auth.Anybody.Limited([]wire.Pattern{
				{Symbol: "A", Event: "*"}, {Symbol: "B", Event: "*"}, {Symbol: "C", Event: "book"}, {Symbol: "D", Event: "book"},
			})
			m := w.joinAs(&who, 0)
			m.say(`{"type":"subscribe","data":{"channels":["A.trade","A.*"]}}`)
			m.expect("subscription_ack")
			m.say(`{"type":"subscribe","id":5,"data":{%s}}`, c.data)
			if f := m.refused(c.code); f.ID != 5 {
				t.Errorf("heard %s", f.payload)
			}
			if n := m.count(); n != 2 {
				t.Errorf("%d are held", n)
			}
			w.record("B", 1, 0, "1")
			w.record("B", 0, 0, "1")
			m.quiet()
			if n := w.counts.commands[CommandResult{"subscribe", c.code}]; n != 1 {
				t.Errorf("counted: %v", w.counts.commands)
			}
		})
	}
}

func TestPatternsAreASet(t *testing.T) {
	o := testOptions()
	o.Limits.Channels = 3
	w := newStepped(t, o, history.Options{})
	m := w.join(0)
	for range 3 { // a repeat takes no room
		m.say(`{"type":"subscribe","data":{"channels":["A.trade","A.*","*.trade","A.trade"]}}`)
		if f := m.expect("subscription_ack"); f.Count != 3 {
			t.Errorf("heard %s", f.payload)
		}
	}
	w.record("A", 0, 0, "1")
	m.expect("message")
	m.quiet() // once, however many match
	m.say(`{"type":"unsubscribe","data":{"channels":["*.trade","B.*"]}}`)
	if f := m.expect("unsubscription_ack"); f.Count != 2 {
		t.Errorf("heard %s", f.payload)
	}
}

func TestASecondReplayHasToWait(t *testing.T) {
	w := newStepped(t, testOptions(), history.Options{})
	for range 1000 {
		w.write("S", 0, 0, kilobyte)
	}
	w.show()
	m := w.join(4096)
	m.say(`{"type":"subscribe","id":1,"data":{"channels":["S.trade"],"cursor":{"trade":{"log":"log-trade","at":[]}}}}`)
	m.say(`{"type":"subscribe","id":2,"data":{"channels":["S.book"],"last":1}}`)
	m.say(`{"type":"subscribe","id":3,"data":{"channels":["S.book"]}}`)
	acks, messages := 0, 0
	for f := m.hear(); f.Type != "replay_complete"; f = m.hear() {
		switch {
		case f == nil:
			t.Fatal("the replay is never complete")
		case f.ID == 2:
			if string(f.Code) != `"BUSY"` {
				t.Errorf("heard %s", f.payload)
			}
		case f.Type == "subscription_ack":
			acks++
		case f.Type == "message":
			messages++
		}
	}
	if acks != 2 || messages != 1000 {
		t.Errorf("heard %d acks and %d messages", acks, messages)
	}
}
