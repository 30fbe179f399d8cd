package program

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/kit/wire"
)

// life writes a client's connection by hand.
type life struct {
	log Log
	c   Conn
	seq int
	id  int
}

// small is a log that has one of everything. The event book is conflated; the channel C.trade is in both partitions.
func small() Log {
	r := func(offset int64, symbol, value string) Record {
		return Record{Offset: offset, Symbol: symbol, Value: []byte(value), Text: true, TS: 1000 + offset, At: time.Duration(offset)}
	}
	tombstone := func(offset int64, symbol string) Record {
		return Record{Offset: offset, Symbol: symbol, TS: 1000 + offset, At: time.Duration(offset)}
	}
	aborted := r(2, "A", `"aborted"`)
	aborted.Aborted = true
	raw := r(6, "A", "\x00\xff")
	raw.Text = false
	return Log{
		"trade": {Name: "t", Ends: []int64{8, 2}, Partitions: [][]Record{
			{r(0, "A", ` {"n": 0} `), r(1, "B", `1`), aborted, r(4, "A", `4`), r(5, "", `5`), raw, tombstone(7, "A")},
			{r(0, "C", `"c0"`), r(1, "C", `"c1"`)},
		}},
		"book": {Name: "b", Conflated: true, Ends: []int64{6}, Partitions: [][]Record{
			{r(0, "A", `0`), r(1, "A", `1`), tombstone(2, "A"), r(3, "B", `3`), r(4, "A", `4`), r(5, "A", `5`)},
		}},
	}
}

func begin() *life {
	l := &life{log: small(), c: Conn{Server: "a server", End: "close", Code: 1000}}
	return l.came(`{"type":"welcome","conn":"1","server":"ws-single","version":"1","heartbeat_ms":25000,"limits":{"message_bytes":null,"channels":null,"commands_per_s":null}}`)
}

func (l *life) add(e Entry) *life {
	e.At = time.Duration(1000 + len(l.c.Entries))
	l.c.Entries = append(l.c.Entries, e)
	return l
}

func (l *life) came(format string, args ...any) *life {
	return l.add(Entry{Came: fmt.Appendf(nil, format, args...)})
}

func (l *life) sent(c Command) *life {
	l.id++
	c.ID = l.id
	return l.add(Entry{Sent: &c})
}

// sub subscribes and is acknowledged with a cursor.
func (l *life) sub(cursor string, count int, channels ...string) *life {
	l.sent(Command{Type: "subscribe", Channels: channels})
	return l.acked(channels, count, cursor, "")
}

func (l *life) acked(channels []string, count int, cursor, more string) *life {
	b, _ := json.Marshal(channels)
	return l.came(`{"type":"subscription_ack","id":%d,"subscribed":%s,"count":%d,"cursor":%s%s}`, l.id, b, count, cursor, more)
}

func (l *life) unsub(left int, channels ...string) *life {
	l.sent(Command{Type: "unsubscribe", Channels: channels})
	b, _ := json.Marshal(channels)
	return l.came(`{"type":"unsubscription_ack","id":%d,"unsubscribed":%s,"count":%d}`, l.id, b, left)
}

// message is the frame of a record.
func (l *life) message(event string, p int, offset int64) string {
	records := l.log[event].Partitions[p]
	r := records[search(records, offset-1)]
	data := `"data":` + string(r.Value)
	switch {
	case r.Value == nil:
		data = `"data":null`
	case !r.Text:
		data = `"data_base64":"` + base64.StdEncoding.EncodeToString(r.Value) + `"`
	}
	l.seq++
	return fmt.Sprintf(`{"seq":%-16d,"type":"message","channel":"%s.%s","pos":"%s/%d:%d","ts":%d,%s}`, l.seq, r.Symbol, event, event, p, offset, r.TS, data)
}

func (l *life) messages(event string, p int, offsets ...int64) *life {
	for _, o := range offsets {
		l.came("%s", l.message(event, p, o))
	}
	return l
}

func (l *life) pong(cursor string, merged, replayed int) *life {
	l.sent(Command{Type: "heartbeat"})
	return l.came(`{"type":"pong","id":%d,"ts":1,"cursor":%s,"sent":%d,"merged":%d,"replayed":%d}`, l.id, cursor, l.seq, merged, replayed)
}

func (l *life) complete(cursor string, replayed int) *life {
	return l.came(`{"type":"replay_complete","id":%d,"replayed":%d,"cursor":%s}`, l.id, replayed, cursor)
}

// edit replaces text in the frames that came.
func (l *life) edit(from, to string) *life {
	for i, e := range l.c.Entries {
		l.c.Entries[i].Came = []byte(strings.Replace(string(e.Came), from, to, 1))
	}
	return l
}

// without leaves out the frame that has the text.
func (l *life) without(text string) *life {
	l.c.Entries = slices.DeleteFunc(l.c.Entries, func(e Entry) bool { return strings.Contains(string(e.Came), text) })
	return l
}

const (
	start = `{"trade":{"log":"t","at":[-1]}}`
	end   = `{"trade":{"log":"t","at":[7,1]}}`
	bEnd  = `{"book":{"log":"b","at":[5]}}`
)

func place(event string, at ...int64) string {
	b, _ := json.Marshal(at)
	return fmt.Sprintf(`{"%s":{"log":"%c","at":%s}}`, event, event[0], b)
}

// all is a client that has A.trade from its beginning to its end.
func all() *life {
	return begin().sub(start, 1, "A.trade").messages("trade", 0, 0, 4, 6).pong(place("trade", 6, -1), 0, 0).messages("trade", 0, 7).pong(end, 0, 0)
}

// fast is a client of A.book from which nothing was kept, slow one that was spared what it may be.
func fast() *life {
	return begin().sub(place("book", -1), 1, "A.book").messages("book", 0, 0, 1, 2, 4, 5).pong(bEnd, 0, 0)
}

func slow() *life {
	return begin().sub(place("book", -1), 1, "A.book").messages("book", 0, 2, 5).pong(bEnd, 3, 0)
}

func resumed(own string, messages []int64, replayed int) *life {
	l := begin().sent(Command{Type: "subscribe", Channels: []string{"A.trade"}, Cursor: cursorOf(own)})
	return l.acked([]string{"A.trade"}, 1, own, `,"recovered":true,"lost":[]`).messages("trade", 0, messages...).complete(end, replayed).pong(end, 0, replayed)
}

func last(n int, at string, offsets []int64, live ...int64) *life {
	l := begin().sent(Command{Type: "subscribe", Channels: []string{"A.trade"}, Last: n}).acked([]string{"A.trade"}, 1, at, "")
	return l.messages("trade", 0, offsets...).complete(at, len(offsets)).messages("trade", 0, live...).pong(end, 0, len(offsets))
}

func TestCheck(t *testing.T) {
	busy := func() *life {
		l := begin().sent(Command{Type: "subscribe", Channels: []string{"A.trade"}, Cursor: cursorOf(place("trade", 4, 1))})
		l.acked([]string{"A.trade"}, 1, place("trade", 4, 1), `,"recovered":true,"lost":[]`)
		l.sent(Command{Type: "subscribe", Channels: []string{"A.book"}, Last: 2})
		return l.came(`{"type":"error","id":2,"code":"BUSY","message":"wait","temporary":true}`)
	}
	refused := func(c Command, code string) *life {
		return begin().sub(end, 1, "A.trade").sent(c).came(`{"type":"error","id":2,"code":"%s","message":"no","temporary":%t}`, code, code != "BAD_REQUEST")
	}
	for _, test := range []struct {
		name string
		life *life
		want string // part of the fault; "": there is none
	}{
		{"all", all(), ""},
		{"a hole", all().without(`:4"`), "seq should be 2"},
		{"a hole that seq hides", begin().sub(start, 1, "A.trade").messages("trade", 0, 0, 6, 7).pong(end, 0, 0), "trade/0:4 of A.trade did not come before this"},
		{"a hole at the end", begin().sub(start, 1, "A.trade").messages("trade", 0, 0, 4, 6).pong(end, 0, 0), "trade/0:7 of A.trade did not come"},
		{"told too little at the end", begin().sub(start, 1, "A.trade").messages("trade", 0, 0, 4, 6).pong(place("trade", 6, 1), 0, 0), "came up to 6, the log has 7"},
		{"twice", begin().sub(start, 1, "A.trade").messages("trade", 0, 0, 0), "came again"},
		{"out of order", begin().sub(start, 1, "A.trade").messages("trade", 0, 4), "trade/0:0 of A.trade did not come"},
		{"aborted", begin().sub(start, 1, "A.trade").messages("trade", 0, 0, 2), "aborted"},
		{"of nobody", begin().sub(start, 1, "A.trade").messages("trade", 0, 5), "no channel"},
		{"not held", begin().sub(start, 1, "A.trade").messages("trade", 0, 0, 1), "none of [A.trade], which are held"},
		{"never written", all().edit(`"trade/0:4"`, `"trade/0:3"`), "nothing was written"},
		{"another channel", all().edit(`"A.trade","pos":"trade/0:4"`, `"B.trade","pos":"trade/0:4"`), "the record is of channel A.trade"},
		{"another value", all().edit(`"data":4`, `"data":5`), "byte for byte"},
		{"white space lost", all().edit(`"data": {"n": 0} }`, `"data":{"n":0}}`), "byte for byte"},
		{"base64", all().edit(`AP8=`, `AP9=`), "byte for byte"},
		{"no tombstone", all().edit(`"data":null`, `"data_base64":""`), "byte for byte"},
		{"timestamp", all().edit(`"ts":1004`, `"ts":1005`), "timestamp is 1004"},
		{"seq not padded", all().edit(`{"seq":2               ,`, `{"seq":2,`), "begin with"},
		{"sent too low", all().edit(`"sent":3`, `"sent":2`), "3 came before this"},
		{"merged where nothing is", all().edit(`"sent":4,"merged":0`, `"sent":4,"merged":1`), "0 to 0 were passed over"},
		{"replayed", all().edit(`"replayed":0`, `"replayed":1`), "0 of them came by replays"},
		{"cursor beyond the log", all().edit(`"at":[7,1]`, `"at":[8,1]`), "not written yet"},
		{"cursor goes back over a message", all().edit(`"at":[6,-1]`, `"at":[4,-1]`), "6 was a message"},
		{"cursor goes back over none", begin().sub(place("trade", 5, 1), 1, "A.trade").pong(place("trade", 4, 1), 0, 0).messages("trade", 0, 6, 7).pong(end, 0, 0), ""},
		{"cursor of another log", all().edit(`"log":"t","at":[7,1]`, `"log":"u","at":[7,1]`), `its log is "t"`},
		{"cursor of what is not held", all().edit(`{"trade":{"log":"t","at":[7,1]}}`, `{"trade":{"log":"t","at":[7,1]},"book":{"log":"b","at":[5]}}`), "entry for book"},
		{"no cursor", all().edit(`"cursor":{"trade":{"log":"t","at":[7,1]}},`, ""), "no cursor"},
		{"an unknown field", all().edit(`"sent":4`, `"snt":4`), "cannot be read"},
		{"a gap", all().came(`{"type":"gap","event":"trade","partition":0,"from":0,"to":1,"cursor":%s}`, end), "nothing was done"},
		{"two answers", all().came(`{"type":"pong","id":1,"ts":1,"cursor":%s,"sent":4,"merged":0,"replayed":0}`, end), "no command with that id"},
		{"no answer", all().sent(Command{Type: "heartbeat"}), "never answered"},
		{"no welcome", func() *life { l := all(); l.c.Entries = l.c.Entries[1:]; return l }(), "first message is the welcome"},
		{"closed for nothing", func() *life { l := all(); l.c.End, l.c.Code = "", 4001; return l }(), "never slow"},
		{"gone for nothing", func() *life { l := all(); l.c.End, l.c.Code = "", 0; return l }(), "without a reason"},

		{"fast", fast(), ""},
		{"slow", slow(), ""},
		{"merged too low", slow().edit(`"merged":3`, `"merged":2`), "3 to 3 were passed over"},
		{"merged too high", slow().edit(`"merged":3`, `"merged":4`), "3 to 3 were passed over"},
		{"tombstone passed over", begin().sub(place("book", -1), 1, "A.book").messages("book", 0, 5).pong(bEnd, 4, 0), "tombstones are never passed over"},
		{"the newest passed over", begin().sub(place("book", -1), 1, "A.book").messages("book", 0, 2, 4).pong(bEnd, 3, 0), "no newer one of its channel was there"},
		{"a newer one of the future", func() *life {
			l := begin()
			l.log["book"].Partitions[0][5].At = time.Hour
			return l.sub(place("book", -1), 1, "A.book").messages("book", 0, 2).pong(place("book", 4), 3, 0)
		}(), "no newer one of its channel was there"},
		{"given up, passed over or not", begin().sub(place("book", -1), 2, "A.book", "B.book").messages("book", 0, 2).unsub(1, "A.book").pong(bEnd, 3, 0), "book/0:3 of B.book did not come"},
		{"given up, none passed over", begin().sub(place("book", -1), 2, "A.book", "B.book").messages("book", 0, 2).unsub(1, "A.book").messages("book", 0, 3).pong(bEnd, 2, 0), ""},
		{"given up, one passed over", begin().sub(place("book", -1), 2, "A.book", "B.book").messages("book", 0, 2).unsub(1, "A.book").messages("book", 0, 3).pong(bEnd, 3, 0), ""},
		{"given up, too many passed over", begin().sub(place("book", -1), 2, "A.book", "B.book").messages("book", 0, 2).unsub(1, "A.book").messages("book", 0, 3).pong(bEnd, 4, 0), "2 to 3 were passed over"},
		{"came after it was given up", begin().sub(place("book", -1), 2, "A.book", "B.book").unsub(1, "A.book").messages("book", 0, 0), "none of [B.book]"},
		{"count of what is left", begin().sub(end, 2, "A.trade", "B.trade").unsub(2, "A.trade"), "count 1"},
		{"given up and not held", begin().sub(end, 1, "A.trade").unsub(1, "B.trade"), "unsubscribed should be []"},

		{"resume", resumed(place("trade", 1, 1), []int64{4, 6, 7}, 3), ""},
		{"resume with a hole", resumed(place("trade", 1, 1), []int64{6, 7}, 2), "trade/0:4 of A.trade did not come"},
		{"resume with too much", resumed(place("trade", 1, 1), []int64{0, 4, 6, 7}, 4), "came again"},
		{"resume counts wrong", resumed(place("trade", 1, 1), []int64{4, 6, 7}, 2), "replayed should be 3"},
		{"resume elsewhere", resumed(place("trade", 1, 1), []int64{4, 6, 7}, 3).edit(`"at":[1,1]`, `"at":[0,1]`), "was to go on from [1 1]"},
		{"resume lost", resumed(place("trade", 1, 1), []int64{4, 6, 7}, 3).edit(`"recovered":true,"lost":[]`, `"recovered":false,"lost":["trade"]`), "nothing was lost"},
		{"resume without its end", resumed(place("trade", 1, 1), []int64{4, 6, 7}, 3).without("replay_complete"), "never came to its end"},
		{"resume told without one", begin().sent(Command{Type: "subscribe", Channels: []string{"A.trade"}}).acked([]string{"A.trade"}, 1, end, `,"recovered":true,"lost":[]`), "recovered and lost"},

		{"last", last(2, place("trade", 4, 1), []int64{0, 4}, 6, 7), ""},
		{"last, more than there are", last(9, place("trade", 4, 1), []int64{0, 4}, 6, 7), ""},
		{"last, the older one", last(1, place("trade", 4, 1), []int64{0}, 6, 7), "brought 0"},
		{"last, too few", last(3, end, []int64{6, 7}), "2 came of the 3"},
		{"last, too many", last(1, end, []int64{6, 7}), "2 came of the 1"},
		{"last, live ones between", last(2, place("trade", 4, 1), []int64{0, 4, 6}, 7), "lie before the ack's cursor"},
		{"last, the wrong way round", last(2, end, []int64{7, 6}), "come in order"},
		{"last, in two partitions", begin().sent(Command{Type: "subscribe", Channels: []string{"C.trade"}, Last: 1}).acked([]string{"C.trade"}, 1, end, "").messages("trade", 1, 1).complete(end, 1).pong(end, 0, 1), ""},

		{"busy", busy().messages("trade", 0, 6, 7).complete(end, 2).edit(`"replay_complete","id":2`, `"replay_complete","id":1`).pong(end, 0, 2), ""},
		{"busy for nothing", refused(Command{Type: "subscribe", Channels: []string{"A.book"}, Last: 1}, "BUSY"), "had no such fault"},
		{"not temporary", refused(Command{Type: "subscribe", Channels: []string{"A.book"}, Last: 1}, "BUSY").edit(`"temporary":true`, `"temporary":false`), "is temporary and should not be"},
		{"held and resumed", refused(Command{Type: "subscribe", Channels: []string{"B.trade"}, Cursor: cursorOf(end)}, "BAD_REQUEST").pong(end, 0, 0), ""},
		{"got and asked for with last", refused(Command{Type: "subscribe", Channels: []string{"A.trade"}, Last: 3}, "BAD_REQUEST").pong(end, 0, 0), ""},
		{"a bad request that is none", refused(Command{Type: "subscribe", Channels: []string{"B.trade"}, Last: 3}, "BAD_REQUEST"), "had no such fault"},
		{"not now", refused(Command{Type: "subscribe", Channels: []string{"A.book"}, Cursor: cursorOf(bEnd)}, "UNAVAILABLE").pong(end, 0, 0), ""},
		{"not now for nothing", refused(Command{Type: "subscribe", Channels: []string{"A.book"}}, "UNAVAILABLE"), "had no such fault"},
		{"not refused", begin().sub(end, 1, "A.trade").sent(Command{Type: "subscribe", Channels: []string{"A.trade"}, Last: 3}).acked([]string{"A.trade"}, 1, end, ""), "should be BAD_REQUEST"},
		{"answers in the wrong order", begin().sent(Command{Type: "subscribe", Channels: []string{"A.trade"}}).pong(`{}`, 0, 0), "sent before and is not answered"},
		{"subscribed with repeats", begin().sub(end, 1, "A.trade", "A.trade"), "subscribed should be [A.trade]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := Check(Transcript{Log: test.life.log, Clients: []Client{{Conns: []Conn{test.life.c}}}, Target: map[string][]int64{"trade": {7, 1}, "book": {5}}})
			switch {
			case test.want == "" && err != nil:
				t.Errorf("nothing is wrong, and it found: %v", err)
			case test.want != "" && (err == nil || !strings.Contains(strings.SplitN(err.Error(), "\nbefore it:", 2)[0], test.want)):
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// Over two connections nothing is missing or double, if the second goes on where the first was.
func TestCheckMoved(t *testing.T) {
	first := func() Conn {
		l := begin().sub(start, 1, "A.trade").messages("trade", 0, 0, 4)
		l.c.End, l.c.Code = "cut", 0
		return l.c
	}
	again := func(at string, offsets ...int64) Conn {
		l := begin().sent(Command{Type: "subscribe", Channels: []string{"A.trade"}, Cursor: cursorOf(at), Own: true})
		l.acked([]string{"A.trade"}, 1, at, `,"recovered":true,"lost":[]`).messages("trade", 0, offsets...).complete(end, len(offsets))
		return l.pong(end, 0, len(offsets)).c
	}
	for _, test := range []struct {
		name   string
		second Conn
		want   string
	}{
		{"all", again(place("trade", 4), 6, 7), ""},
		{"missing", again(place("trade", 4), 7), "trade/0:6 of A.trade did not come"},
		{"double", again(place("trade", 4), 4, 6, 7), "came again"},
		{"not its own place", again(place("trade", 6), 7), "fault of the test"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := Check(Transcript{Log: small(), Clients: []Client{{Conns: []Conn{first(), test.second}}}, Target: map[string][]int64{"trade": {7, 1}}})
			if (test.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func cursorOf(text string) (c wire.Cursor) {
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		panic(err)
	}
	return c
}
