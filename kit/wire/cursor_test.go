package wire_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"github.com/adred-codev/ws_poc/kit/wire"
)

func TestPositionLast(t *testing.T) {
	p := wire.Position{At: []int64{5, -1, 0}}
	for partition, want := range map[int32]int64{0: 5, 1: -1, 2: 0, 3: -1, 1 << 30: -1, -1: -1} {
		if got := p.Last(partition); got != want {
			t.Errorf("Last(%d) = %d, want %d", partition, got, want)
		}
	}
	if got := (wire.Position{}).Last(0); got != -1 {
		t.Errorf("nothing seen: %d", got)
	}
}

// The names were computed with printf and sha256sum.
func TestLogName(t *testing.T) {
	id := [16]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	if got, want := wire.LogName(id), "be45cb2605bf36be"; got != want {
		t.Errorf("LogName = %s, want %s", got, want)
	}
	if got, want := wire.LogNameWithoutID("cluster", "odin.trades"), "1171698c02db34f7"; got != want {
		t.Errorf("LogNameWithoutID = %s, want %s", got, want)
	}
}

func TestCursorAppend(t *testing.T) {
	many := wire.Cursor{}
	for i := range 100 {
		many[fmt.Sprintf("event-%d", i)] = wire.Position{Log: "l", At: []int64{int64(i)}}
	}
	for _, cursor := range []wire.Cursor{live, resumed, many, {}} {
		first := cursor.Append(nil)
		var back wire.Cursor
		if err := json.Unmarshal(first, &back); err != nil {
			t.Fatalf("%s: %v", first, err)
		}
		if !reflect.DeepEqual(back, cursor) {
			t.Errorf("%v comes back as %v", cursor, back)
		}
		// encoding/json sorts a map's keys, so it is an independent witness.
		want, err := json.Marshal(cursor)
		if err != nil {
			t.Fatal(err)
		}
		if string(first) != string(want) {
			t.Errorf("got %s, want %s", first, want)
		}
	}
	if got := string(wire.Cursor(nil).Append([]byte("x"))); got != "x{}" {
		t.Errorf("nil cursor: %s", got)
	}
	hostile := wire.Cursor{`a"`: {Log: "\\\n\xff"}}
	if got, want := string(hostile.Append(nil)), `{"a\"":{"log":"\\\u000a`+"\ufffd"+`","at":[]}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A cursor that the server sent is one that it accepts.
func TestCursorRoundTrip(t *testing.T) {
	in := `{"type":"subscribe","data":{"channels":["BTC.trade"],"cursor":` + string(resumed.Append(nil)) + `}}`
	got, err := wire.ParseCommand([]byte(in))
	if err != nil || !reflect.DeepEqual(got.Cursor, resumed) {
		t.Errorf("got %v, %v", got.Cursor, err)
	}
}
