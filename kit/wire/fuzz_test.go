package wire_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/adred-codev/ws_poc/kit/wire"
)

func FuzzParseCommand(f *testing.F) {
	for name := range commands() {
		seed, err := os.ReadFile(goldenDir + "/" + name + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	for _, seed := range []string{
		`{"type":"subscribe","id":"\ud83d\ude00","data":{"channels":["\ud83d.trade","*.*"],"last":100,"cursor":null}}`,
		`{"type":"x","type":"x"}`, `{"a":[[[[[[[[{}]]]]]]]]}`, `{"id":-9007199254740993}`, "\xff{}", `{"\ud800":1,"\ud801":1}`, `[]`, `{`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		before := bytes.Clone(in)
		got, err := wire.ParseCommand(in)
		if !bytes.Equal(in, before) {
			t.Fatal("the input was changed")
		}
		var generic map[string]json.RawMessage
		isObject := utf8.Valid(in) && json.Unmarshal(in, &generic) == nil && generic != nil
		// encoding/json stops at a depth of 10,000; the parser does not.
		if shallow := bytes.Count(in, []byte("["))+bytes.Count(in, []byte("{")) < 10_000; shallow && isObject == errors.Is(err, wire.ErrNotObject) {
			t.Fatalf("an object: %v, error %v", isObject, err)
		}
		if len(got.ID) > 0 && !json.Valid(got.ID) {
			t.Fatalf("id %q is not JSON", got.ID)
		}
		var refused *wire.CommandError
		switch {
		case errors.Is(err, wire.ErrNotObject):
			return
		case errors.As(err, &refused):
			answer := wire.Error{ID: refused.ID, Code: refused.Code, Message: refused.Message}.Append(nil)
			if !json.Valid(answer) || !utf8.Valid(answer) {
				t.Fatalf("the answer is no JSON text: %s", answer)
			}
			if refused.Message == "" || !slices.Contains(wire.ErrorCodes(), refused.Code) || !bytes.Equal(refused.ID, got.ID) {
				t.Fatalf("refused with %+v", refused)
			}
			return
		case err != nil:
			t.Fatalf("another error: %v", err)
		}
		if len(got.Patterns) != len(got.Channels) || got.Last < 0 || got.Last > wire.MaxLast || got.Last > 0 && got.Cursor != nil {
			t.Fatalf("accepted %+v", got)
		}
		seen := map[string]bool{}
		for i, name := range got.Channels {
			if seen[name] || got.Patterns[i].String() != name {
				t.Fatalf("channels %q, patterns %v", got.Channels, got.Patterns)
			}
			seen[name] = true
		}
		for event, position := range got.Cursor {
			if !wire.ValidEvent(event) || slices.ContainsFunc(position.At, func(at int64) bool { return at < -1 || at > wire.MaxOffset }) {
				t.Fatalf("cursor %v", got.Cursor)
			}
		}
		if !writable(got) {
			return
		}
		again, err := wire.ParseCommand(render(t, got))
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Fatalf("%+v comes back as %+v, %v", got, again, err)
		}
	})
}

// writable reports whether Go's encoder can write c: not with half a surrogate
// pair in a token or a log's name.
func writable(c wire.Command) bool {
	for _, position := range c.Cursor {
		if !utf8.ValidString(position.Log) {
			return false
		}
	}
	return utf8.ValidString(c.Token)
}

// render writes a command as a client would.
func render(t *testing.T, c wire.Command) []byte {
	t.Helper()
	data := map[string]any{}
	if len(c.Channels) > 0 {
		data["channels"] = c.Channels
	}
	if c.Cursor != nil {
		data["cursor"] = c.Cursor
	}
	if c.Last > 0 {
		data["last"] = c.Last
	}
	if c.Token != "" {
		data["token"] = c.Token
	}
	command := map[string]any{"type": c.Type, "data": data}
	if len(c.ID) > 0 {
		command["id"] = json.RawMessage(c.ID)
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // the id comes back byte for byte
	if err := encoder.Encode(command); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func FuzzParsePattern(f *testing.F) {
	for _, seed := range []string{"BTC.trade", "BTC.*", "*.trade", "*.*", ".", "a.b.c", "é.x", "\xff.x", "a b.c", `"\.x`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := wire.ParsePattern(s)
		if err != nil {
			return
		}
		if p.String() != s || !p.Covers(p) || !utf8.ValidString(s) || strings.Count(s, ".") != 1 {
			t.Fatalf("%q parses to %+v", s, p)
		}
		if p.Symbol == "*" && p.Event == "*" {
			t.Fatal("two stars")
		}
		for part, valid := range map[string]bool{p.Symbol: wire.ValidSymbol(p.Symbol), p.Event: wire.ValidEvent(p.Event)} {
			if part != "*" && !valid {
				t.Fatalf("%q has the part %q", s, part)
			}
		}
	})
}

func FuzzParseTopics(f *testing.F) {
	for _, seed := range []string{wire.DefaultTopics, "a", "a=b,c=d", "a,,b", "=", "a=b=c", " a = b ", "a=x,b=x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		topics, err := wire.ParseTopics(s)
		if err != nil {
			return
		}
		var list []string
		events := map[string]bool{}
		for _, topic := range topics {
			if !wire.ValidEvent(topic.Event) || events[topic.Event] {
				t.Fatalf("%q has the event %q", s, topic.Event)
			}
			events[topic.Event] = true
			list = append(list, topic.Name+"="+topic.Event)
		}
		again, err := wire.ParseTopics(strings.Join(list, ","))
		if err != nil || !slices.Equal(again, topics) {
			t.Fatalf("%v comes back as %v, %v", topics, again, err)
		}
	})
}

func FuzzValidJSON(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,-2.5e+3,"\u00e9\n",true,false,null,{}]}`, "", " ", "[]", "[", "]", "{}", `{"a"}`, `{"a":}`, `[1,]`, "01", "-", "1.", "1e", "0.0E-0",
		`"\x"`, `"\u12g4"`, "\"\t\"", "\"\xff\"", "\ufeff{}", "tru", "nulll", "1 2", "{]", "[}", `{"a":1 "b":2}`, `{1:2}`, "\"", `"\`, `"\u`,
		strings.Repeat("[", 128) + strings.Repeat("]", 128), strings.Repeat("[", 129) + strings.Repeat("]", 129),
		strings.Repeat(`{"":`, 127) + "[]" + strings.Repeat("}", 127), strings.Repeat(`[{"":`, 64) + "0" + strings.Repeat("}]", 64),
		"[]" + strings.Repeat(" ", 100), strings.Repeat("[[],", 100) + "0" + strings.Repeat("]", 100),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		want := json.Valid(b) && utf8.Valid(b) && depth(b) <= wire.MaxDataDepth
		if got := wire.ValidJSON(b); got != want {
			t.Fatalf("ValidJSON(%q) = %v, want %v", b, got, want)
		}
	})
}

// depth is how deep arrays and objects nest in a valid JSON text.
func depth(b []byte) int {
	decoder := json.NewDecoder(bytes.NewReader(b))
	deepest, now := 0, 0
	for {
		token, err := decoder.Token()
		if err != nil {
			return deepest
		}
		switch token {
		case json.Delim('['), json.Delim('{'):
			now++
			deepest = max(deepest, now)
		case json.Delim(']'), json.Delim('}'):
			now--
		}
	}
}

func FuzzAppendBody(f *testing.F) {
	f.Add([]byte("BTC"), uint8(3), int64(4711), int64(1700000000000), []byte(`{"a":1}`), false)
	f.Add([]byte(`"β\`), uint8(0), int64(0), int64(-1), []byte("\xff\x00"), false)
	f.Add([]byte("😀"), uint8(255), int64(wire.MaxOffset), int64(0), []byte{}, false)
	f.Add([]byte("x"), uint8(1), int64(1), int64(1), []byte{}, true)
	f.Fuzz(func(t *testing.T, symbol []byte, partition uint8, offset, timestamp int64, value []byte, tombstone bool) {
		if !wire.ValidSymbol(symbol) {
			return
		}
		if tombstone {
			value = nil
		} else if value == nil {
			value = []byte{}
		}
		body := wire.AppendBody([]byte("{"), wire.Record{
			Symbol: symbol, Event: "trade", Partition: int32(partition), Offset: offset, Timestamp: timestamp, Value: value,
		})
		if !utf8.Valid(body) {
			t.Fatalf("not UTF-8: %q", body)
		}
		var got struct {
			Type, Channel, Pos string
			TS                 int64
			Data               json.RawMessage
			Base64             *string `json:"data_base64"`
		}
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if got.Type != "message" || got.Channel != string(symbol)+".trade" || got.TS != timestamp ||
			got.Pos != fmt.Sprintf("trade/%d:%d", partition, offset) {
			t.Fatalf("%q gives %s", symbol, body)
		}
		switch {
		case tombstone:
			if string(got.Data) != "null" || got.Base64 != nil {
				t.Fatalf("a tombstone gives %s", body)
			}
		case got.Base64 != nil:
			back, err := base64.StdEncoding.DecodeString(*got.Base64)
			if err != nil || !bytes.Equal(back, value) || got.Data != nil || wire.ValidJSON(value) {
				t.Fatalf("%q gives %s", value, body)
			}
		default:
			if !bytes.Contains(body, append([]byte(`"data":`), value...)) || !wire.ValidJSON(value) {
				t.Fatalf("%q gives %s", value, body)
			}
		}
	})
}
