package wire_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/kit/wire"
)

func TestParseCommandAccepts(t *testing.T) {
	trade := wire.Pattern{Symbol: "BTC", Event: "trade"}
	subscribe := wire.Command{Type: wire.TypeSubscribe, Patterns: []wire.Pattern{trade}, Channels: []string{"BTC.trade"}}
	with := func(change func(*wire.Command)) wire.Command {
		c := subscribe
		change(&c)
		return c
	}
	tests := []struct {
		name, in string
		want     wire.Command
	}{
		{"white space", " \r\n\t{ \"type\" : \"heartbeat\" } \n", wire.Command{Type: wire.TypeHeartbeat}},
		{"escapes in names and values", `{"\u0074ype":"\u0073ubscribe","data":{"channe\u006cs":["BTC\u002etrade"]}}`, subscribe},
		{"unknown fields", `{"v":[1,{}],"type":"subscribe","data":{"x":null,"channels":["BTC.trade"],"token":5},"y":"z"}`, subscribe},
		{"repeats are a set", `{"type":"subscribe","data":{"channels":["BTC.trade","BTC.trade","BTC.\u0074rade"]}}`, subscribe},
		{"heartbeat with any data", `{"type":"heartbeat","data":{"channels":5,"last":"x"}}`, wire.Command{Type: wire.TypeHeartbeat}},
		{"unsubscribe with empty data", `{"type":"unsubscribe","data":{}}`, wire.Command{Type: wire.TypeUnsubscribe, All: true}},
		{"unsubscribe ignores last and cursor", `{"type":"unsubscribe","data":{"last":"x","cursor":1}}`, wire.Command{Type: wire.TypeUnsubscribe, All: true}},
		{"last 1", `{"type":"subscribe","data":{"channels":["BTC.trade"],"last":1}}`, with(func(c *wire.Command) { c.Last = 1 })},
		{"last 100", `{"type":"subscribe","data":{"channels":["BTC.trade"],"last":100}}`, with(func(c *wire.Command) { c.Last = 100 })},
		{"empty cursor", `{"type":"subscribe","data":{"channels":["BTC.trade"],"cursor":{}}}`, with(func(c *wire.Command) { c.Cursor = wire.Cursor{} })},
		{"cursor of a topic that did not exist", `{"type":"subscribe","data":{"channels":["BTC.trade"],"cursor":{"trade":{"log":"","at":[]}}}}`,
			with(func(c *wire.Command) { c.Cursor = wire.Cursor{"trade": {At: []int64{}}} })},
		{"extreme offsets", `{"type":"subscribe","data":{"channels":["BTC.trade"],"cursor":{"trade":{"at":[-1,0,9007199254740991],"log":"l","x":{}}}}}`,
			with(func(c *wire.Command) {
				c.Cursor = wire.Cursor{"trade": {Log: "l", At: []int64{-1, 0, 1<<53 - 1}}}
			})},
		{"cursor of another event", `{"type":"subscribe","data":{"channels":["BTC.trade"],"cursor":{"unknown":{"log":"l","at":[]}}}}`,
			with(func(c *wire.Command) { c.Cursor = wire.Cursor{"unknown": {Log: "l", At: []int64{}}} })},
		{"id 0", `{"type":"heartbeat","id":0}`, wire.Command{Type: wire.TypeHeartbeat, ID: wire.ID("0")}},
		{"id least", `{"type":"heartbeat","id":-9007199254740992}`, wire.Command{Type: wire.TypeHeartbeat, ID: wire.ID("-9007199254740992")}},
		{"id most", `{"type":"heartbeat","id":9007199254740992}`, wire.Command{Type: wire.TypeHeartbeat, ID: wire.ID("9007199254740992")}},
		{"id empty", `{"type":"heartbeat","id":""}`, wire.Command{Type: wire.TypeHeartbeat, ID: wire.ID(`""`)}},
		{"id of 64 bytes, escaped as it was", `{"type":"heartbeat","id":"` + strings.Repeat(`\u00e9`, 32) + `"}`,
			wire.Command{Type: wire.TypeHeartbeat, ID: wire.ID(`"` + strings.Repeat(`\u00e9`, 32) + `"`)}},
		{"symbols of any script", `{"type":"subscribe","data":{"channels":["\"\\\u00e9\ud83d\ude00.trade"]}}`,
			wire.Command{Type: wire.TypeSubscribe, Patterns: []wire.Pattern{{Symbol: "\"\\é😀", Event: "trade"}}, Channels: []string{"\"\\é😀.trade"}}},
		{"depth 8", `{"type":"heartbeat","x":[[[[[[[1]]]]]]]}`, wire.Command{Type: wire.TypeHeartbeat}},
		{"same keys in different objects", `{"type":"heartbeat","x":{"type":1,"x":[{"type":1},{"type":1}]}}`, wire.Command{Type: wire.TypeHeartbeat}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := wire.ParseCommand([]byte(test.in))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestParseCommandNotObject(t *testing.T) {
	for _, in := range []string{
		"", " ", "null", "true", "5", `"subscribe"`, "[]", `[{"type":"heartbeat"}]`,
		"{", "}", `{"type":"heartbeat"`, `{"type":"heartbeat"}}`, `{"type":"heartbeat"}{}`, `{"type":"heartbeat"} x`,
		`{type:"heartbeat"}`, `{'type':'heartbeat'}`, `{"type":"heartbeat",}`, `{"type" "heartbeat"}`,
		`{"type":"heartbeat","x":01}`, `{"type":"heartbeat","x":1.}`, `{"type":"heartbeat","x":.5}`, `{"type":"heartbeat","x":+1}`,
		`{"type":"heartbeat","x":NaN}`, `{"type":"heartbeat","x":nul}`, `{"type":"heart` + "\n" + `beat"}`, `{"type":"\x"}`, `{"type":"\u12"}`,
		"\ufeff" + `{"type":"heartbeat"}`, `{"type":"heartbeat","x":"` + "\xff" + `"}`, "\x00", `{"type":"heartbeat"}` + "\x00",
		`{"type":"heartbeat","x":` + strings.Repeat("[", 70_000) + `}`,
	} {
		got, err := wire.ParseCommand([]byte(in))
		if !errors.Is(err, wire.ErrNotObject) {
			t.Errorf("%.80q: error %v, want ErrNotObject", in, err)
		}
		if !reflect.DeepEqual(got, wire.Command{}) {
			t.Errorf("%.80q: got %+v", in, got)
		}
	}
}

func TestParseCommandRefuses(t *testing.T) {
	tests := []struct {
		name, in string
		code     wire.ErrorCode
		id       string
		says     string
	}{
		// Each fault alone.
		{"no type", `{"id":1}`, wire.BadRequest, "1", "type is missing"},
		{"type not a string", `{"id":1,"type":5}`, wire.BadRequest, "1", "type is not a string"},
		{"type null", `{"type":null}`, wire.BadRequest, "", "type is not a string"},
		{"unknown type", `{"id":1,"type":"publish"}`, wire.UnknownType, "1", `no command "publish"`},
		{"type in another case", `{"id":1,"type":"Subscribe"}`, wire.UnknownType, "1", `no command "Subscribe"`},
		{"key in another case", `{"id":1,"Type":"subscribe"}`, wire.BadRequest, "1", "type is missing"},
		{"id null", `{"id":null,"type":"heartbeat"}`, wire.BadRequest, "", "id is neither"},
		{"id object", `{"id":{},"type":"heartbeat"}`, wire.BadRequest, "", "id is neither"},
		{"id fraction", `{"id":1.0,"type":"heartbeat"}`, wire.BadRequest, "", "id is neither"},
		{"id exponent", `{"id":1e3,"type":"heartbeat"}`, wire.BadRequest, "", "id is neither"},
		{"id too large", `{"id":9007199254740993,"type":"heartbeat"}`, wire.BadRequest, "", "id is neither"},
		{"id too small", `{"id":-9007199254740993,"type":"heartbeat"}`, wire.BadRequest, "", "id is neither"},
		{"id beyond 64 bits", `{"id":99999999999999999999,"type":"heartbeat"}`, wire.BadRequest, "", "id is neither"},
		{"id too long", `{"id":"` + strings.Repeat("x", 65) + `","type":"heartbeat"}`, wire.BadRequest, "", "id is neither"},
		{"id too long in bytes", `{"id":"` + strings.Repeat("é", 33) + `","type":"heartbeat"}`, wire.BadRequest, "", "id is neither"},
		{"data null", `{"id":1,"type":"unsubscribe","data":null}`, wire.BadRequest, "1", "data is not an object"},
		{"data list", `{"id":1,"type":"heartbeat","data":[]}`, wire.BadRequest, "1", "data is not an object"},
		{"no data", `{"id":1,"type":"subscribe"}`, wire.BadRequest, "1", "channels is missing"},
		{"no channels", `{"id":1,"type":"subscribe","data":{}}`, wire.BadRequest, "1", "channels is missing"},
		{"channels null", `{"id":1,"type":"unsubscribe","data":{"channels":null}}`, wire.BadRequest, "1", "channels is not a list"},
		{"channels string", `{"id":1,"type":"subscribe","data":{"channels":"BTC.trade"}}`, wire.BadRequest, "1", "channels is not a list"},
		{"channels of numbers", `{"id":1,"type":"subscribe","data":{"channels":["BTC.trade",5]}}`, wire.BadRequest, "1", "channels is not a list"},
		{"channels empty", `{"id":1,"type":"subscribe","data":{"channels":[ ]}}`, wire.BadRequest, "1", "channels is empty"},
		{"unsubscribe channels empty", `{"id":1,"type":"unsubscribe","data":{"channels":[]}}`, wire.BadRequest, "1", "channels is empty"},
		{"last 0", `{"id":1,"type":"subscribe","data":{"channels":["BTC.trade"],"last":0}}`, wire.BadRequest, "1", "last is not"},
		{"last 101", `{"id":1,"type":"subscribe","data":{"channels":["BTC.trade"],"last":101}}`, wire.BadRequest, "1", "last is not"},
		{"last string", `{"id":1,"type":"subscribe","data":{"channels":["BTC.trade"],"last":"5"}}`, wire.BadRequest, "1", "last is not"},
		{"last null", `{"id":1,"type":"subscribe","data":{"channels":["BTC.trade"],"last":null}}`, wire.BadRequest, "1", "last is not"},
		{"last fraction", `{"id":1,"type":"subscribe","data":{"channels":["BTC.trade"],"last":5.0}}`, wire.BadRequest, "1", "last is not"},
		{"cursor and last", `{"id":1,"type":"subscribe","data":{"channels":["BTC.trade"],"last":5,"cursor":{}}}`, wire.BadRequest, "1", "do not go together"},
		{"cursor null", `{"id":1,"type":"subscribe","data":{"channels":["BTC.trade"],"cursor":null}}`, wire.BadRequest, "1", "cursor is not an object"},
		{"cursor of no event", `{"id":1,"type":"subscribe","data":{"channels":["BTC.trade"],"cursor":{"a.b":{"log":"l","at":[]}}}}`, wire.BadRequest, "1", `entry "a.b", which is no event`},
		{"cursor entry list", `{"id":1,"type":"subscribe","data":{"channels":["BTC.trade"],"cursor":{"trade":[1]}}}`, wire.BadRequest, "1", `entry "trade" is not an object`},
		{"cursor without log", `{"id":1,"type":"subscribe","data":{"channels":["BTC.trade"],"cursor":{"trade":{"at":[1]}}}}`, wire.BadRequest, "1", "has no log"},
		{"cursor log number", `{"id":1,"type":"subscribe","data":{"channels":["BTC.trade"],"cursor":{"trade":{"log":1,"at":[1]}}}}`, wire.BadRequest, "1", "has no log"},
		{"cursor without at", `{"id":1,"type":"subscribe","data":{"channels":["BTC.trade"],"cursor":{"trade":{"log":"l"}}}}`, wire.BadRequest, "1", "has no at"},
		{"cursor at object", `{"id":1,"type":"subscribe","data":{"channels":["BTC.trade"],"cursor":{"trade":{"log":"l","at":{}}}}}`, wire.BadRequest, "1", "has no at"},
		{"offset -2", `{"id":1,"type":"subscribe","data":{"channels":["BTC.trade"],"cursor":{"trade":{"log":"l","at":[-2]}}}}`, wire.BadRequest, "1", `offset "-2"`},
		{"offset 2^53", `{"id":1,"type":"subscribe","data":{"channels":["BTC.trade"],"cursor":{"trade":{"log":"l","at":[9007199254740992]}}}}`, wire.BadRequest, "1", `offset "9007199254740992"`},
		{"offset beyond 64 bits", `{"id":1,"type":"subscribe","data":{"channels":["BTC.trade"],"cursor":{"trade":{"log":"l","at":[1e400]}}}}`, wire.BadRequest, "1", `offset "1e400"`},
		{"offset string", `{"id":1,"type":"subscribe","data":{"channels":["BTC.trade"],"cursor":{"trade":{"log":"l","at":["1"]}}}}`, wire.BadRequest, "1", "offset"},
		{"no token", `{"id":1,"type":"auth"}`, wire.BadRequest, "1", "token is missing"},
		{"token null", `{"id":1,"type":"auth","data":{"token":null}}`, wire.BadRequest, "1", "token is not a string"},
		{"token empty", `{"id":1,"type":"auth","data":{"token":""}}`, wire.BadRequest, "1", "token is empty"},
		{"pattern of one part", `{"id":1,"type":"subscribe","data":{"channels":["BTC"]}}`, wire.ChannelInvalid, "1", "has no event"},
		{"pattern of two stars", `{"id":1,"type":"subscribe","data":{"channels":["*.*"]}}`, wire.ChannelInvalid, "1", "two stars"},
		{"unsubscribe of no pattern", `{"id":1,"type":"unsubscribe","data":{"channels":["BTC.tr ade"]}}`, wire.ChannelInvalid, "1", "no usable event"},
		{"half a surrogate pair", `{"id":1,"type":"subscribe","data":{"channels":["\ud83d.trade"]}}`, wire.ChannelInvalid, "1", "no usable symbol"},
		{"depth 9", `{"id":1,"type":"heartbeat","x":[[[[[[[[]]]]]]]]}`, wire.BadRequest, "1", "deeper than 8"},
		{"depth 20,000", `{"id":1,"type":"heartbeat","x":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`, wire.BadRequest, "1", "deeper than 8"},
		{"key twice", `{"id":1,"type":"heartbeat","x":1,"x":1}`, wire.BadRequest, "1", `key "x" stands twice`},
		{"key twice, escaped", `{"id":1,"type":"heartbeat","\u0074ype":"heartbeat"}`, wire.BadRequest, "1", `key "type" stands twice`},
		{"key twice, deep", `{"id":1,"type":"heartbeat","x":[{"y":{"z":1,"z":2}}]}`, wire.BadRequest, "1", `key "z" stands twice`},
		{"key twice among many", `{"id":1,"type":"heartbeat"` + manyKeys(2_000) + `,"k7":1}`, wire.BadRequest, "1", `key "k7" stands twice`},
		{"cursor event twice", `{"id":1,"type":"subscribe","data":{"channels":["BTC.trade"],"cursor":{"trade":{"log":"l","at":[]},"trade":{"log":"l","at":[]}}}}`, wire.BadRequest, "1", `key "trade" stands twice`},
		{"id twice", `{"id":1,"type":"heartbeat","id":1}`, wire.BadRequest, "", `key "id" stands twice`},

		// Of two faults, the first in the documented order.
		{"id readable behind the fault", `{"type":"heartbeat","x":1,"x":1,"id":"late"}`, wire.BadRequest, `"late"`, `key "x" stands twice`},
		{"repeated key before depth", `{"id":1,"x":1,"x":[[[[[[[[]]]]]]]]}`, wire.BadRequest, "1", "stands twice"},
		{"depth before repeated key", `{"id":1,"x":[[[[[[[[]]]]]]]],"x":1}`, wire.BadRequest, "1", "deeper than 8"},
		{"structure before id", `{"id":[],"x":1,"x":1}`, wire.BadRequest, "", "stands twice"},
		{"id before type", `{"id":[],"type":5}`, wire.BadRequest, "", "id is neither"},
		{"id before unknown type", `{"id":[],"type":"x"}`, wire.BadRequest, "", "id is neither"},
		{"type before data", `{"id":1,"type":"x","data":5}`, wire.UnknownType, "1", "no command"},
		{"channels before cursor", `{"id":1,"type":"subscribe","data":{"cursor":5,"channels":[]}}`, wire.BadRequest, "1", "channels is empty"},
		{"cursor before last", `{"id":1,"type":"subscribe","data":{"last":0,"cursor":5,"channels":["BTC.trade"]}}`, wire.BadRequest, "1", "cursor is not an object"},
		{"last before both", `{"id":1,"type":"subscribe","data":{"last":0,"cursor":{},"channels":["BTC.trade"]}}`, wire.BadRequest, "1", "last is not"},
		{"form before channel names", `{"id":1,"type":"subscribe","data":{"last":0,"channels":["*.*"]}}`, wire.BadRequest, "1", "last is not"},
		{"first channel that is wrong", `{"id":1,"type":"subscribe","data":{"channels":["BTC.trade","BTC","*.*"]}}`, wire.ChannelInvalid, "1", "has no event"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := wire.ParseCommand([]byte(test.in))
			var refused *wire.CommandError
			if !errors.As(err, &refused) {
				t.Fatalf("got %+v and the error %v, want a CommandError", got, err)
			}
			if refused.Code != test.code || string(refused.ID) != test.id || !strings.Contains(refused.Message, test.says) {
				t.Errorf("got %s with id %s: %s\nwant %s with id %s: …%s…", refused.Code, refused.ID, refused.Message, test.code, test.id, test.says)
			}
			if string(got.ID) != test.id || got.Patterns != nil || got.Channels != nil || got.Cursor != nil || got.Last != 0 || got.All || got.Token != "" {
				t.Errorf("the command holds more than type and id: %+v", got)
			}
		})
	}
}

// Metrics count refused commands by type.
func TestRefusedCommandHasItsType(t *testing.T) {
	for in, want := range map[string]wire.Type{
		`{"type":"subscribe","data":{"channels":[]}}`: wire.TypeSubscribe,
		`{"type":"auth","x":1,"x":2}`:                 wire.TypeAuth,
		`{"type":"auth","type":"auth"}`:               "",
		`{"type":"publish"}`:                          "",
		`{"type":5}`:                                  "",
	} {
		got, err := wire.ParseCommand([]byte(in))
		if err == nil || got.Type != want {
			t.Errorf("%s: type %q and error %v, want type %q and an error", in, got.Type, err, want)
		}
	}
}

// The samples that the schemas refuse as well (scripts/cmd/kit) are refused
// here with their code.
func TestInvalidSamplesAreRefused(t *testing.T) {
	b, err := os.ReadFile("testdata/invalid.json")
	if err != nil {
		t.Fatal(err)
	}
	var samples []struct {
		Name, Side string
		Code       wire.ErrorCode
		Message    json.RawMessage
	}
	if err := json.Unmarshal(b, &samples); err != nil {
		t.Fatal(err)
	}
	for _, sample := range samples {
		if sample.Side != "client" {
			continue
		}
		t.Run(sample.Name, func(t *testing.T) {
			_, err := wire.ParseCommand(sample.Message)
			if sample.Code == "" {
				if !errors.Is(err, wire.ErrNotObject) {
					t.Errorf("error %v, want ErrNotObject", err)
				}
				return
			}
			var refused *wire.CommandError
			if !errors.As(err, &refused) || refused.Code != sample.Code {
				t.Errorf("error %v, want %s", err, sample.Code)
			}
		})
	}
}

func TestCommandSharesNothingWithItsInput(t *testing.T) {
	in := []byte(`{"type":"subscribe","id":"i","data":{"channels":["BTC.trade"],"cursor":{"trade":{"log":"l","at":[1]}}}}`)
	got, err := wire.ParseCommand(in)
	if err != nil {
		t.Fatal(err)
	}
	clear(in)
	if string(got.ID) != `"i"` || got.Channels[0] != "BTC.trade" || got.Patterns[0].Symbol != "BTC" || got.Cursor["trade"].Log != "l" {
		t.Errorf("changed with its input: %+v", got)
	}
}

// A connection holds its channels for hours: they must not hold the frame that
// they came in.
func TestChannelsDoNotKeepTheFrameAlive(t *testing.T) {
	const size, n = 60_000, 50
	in := []byte(`{"type":"subscribe","id":1,"data":{"channels":["BTC.trade"]},"x":"` + strings.Repeat("x", size) + `"}`)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	held := make([]wire.Command, n)
	for i := range held {
		var err error
		if held[i], err = wire.ParseCommand(in); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > n*size/10 {
		t.Errorf("%d commands hold %d bytes", n, grown)
	}
	runtime.KeepAlive(held)
}

func TestHostileInputCostsLinearMemory(t *testing.T) {
	for name, in := range map[string]string{
		"keys":     `{"type":"heartbeat"` + manyKeys(10_000) + `}`,
		"channels": `{"type":"subscribe","data":{"channels":["A.t"` + strings.Repeat(`,"A.t"`, 10_000) + `]}}`,
		"nesting":  `{"type":"heartbeat","x":` + strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000) + `}`,
		"objects":  `{"type":"heartbeat","x":` + strings.Repeat(`{"":`, 15_000) + "1" + strings.Repeat("}", 15_000) + `}`,
		"offsets":  `{"type":"subscribe","data":{"channels":["A.t"],"cursor":{"t":{"log":"","at":[1` + strings.Repeat(",1", 30_000) + `]}}}}`,
		"escapes":  `{"type":"` + strings.Repeat(`\u0041`, 10_000) + `"}`,
		"long key": `{"` + strings.Repeat("k", 60_000) + `":1,"` + strings.Repeat("k", 60_000) + `":1}`,
	} {
		t.Run(name, func(t *testing.T) {
			const runs = 5
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range runs {
				_, err := wire.ParseCommand([]byte(in))
				var refused *wire.CommandError
				if errors.As(err, &refused) && len(refused.Message) > 300 {
					t.Fatalf("the error has %d bytes", len(refused.Message))
				}
			}
			runtime.ReadMemStats(&after)
			perByte := float64(after.TotalAlloc-before.TotalAlloc) / runs / float64(len(in))
			if perByte > 50 {
				t.Errorf("%.0f bytes allocated for each byte of input", perByte)
			}
		})
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"k%d":0`, i)
	}
	return b.String()
}

func BenchmarkParseCommand(b *testing.B) {
	for _, name := range []string{"client.heartbeat", "client.subscribe", "client.subscribe_cursor"} {
		in, err := os.ReadFile(goldenDir + "/" + name + ".json")
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := wire.ParseCommand(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
