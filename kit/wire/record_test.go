package wire_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/kit/wire"
)

func TestPutSeq(t *testing.T) {
	for seq, want := range map[uint64]string{
		1:           `{"seq":1               ,`,
		42:          `{"seq":42              ,`,
		wire.MaxSeq: `{"seq":9999999999999999,`,
	} {
		dst := []byte(strings.Repeat("x", wire.SeqLen+1))
		wire.PutSeq(dst, seq)
		if got := string(dst); got != want+"x" {
			t.Errorf("PutSeq(%d) = %q, want %q", seq, got, want)
		}
	}
	if wire.SeqLen != 24 {
		t.Errorf("SeqLen = %d", wire.SeqLen)
	}
	for name, put := range map[string]func(){
		"seq too large": func() { wire.PutSeq(make([]byte, wire.SeqLen), wire.MaxSeq+1) },
		"dst too short": func() { wire.PutSeq(make([]byte, wire.SeqLen-1), 1) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			put()
		})
	}
}

func TestAppendBodyData(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	tests := []struct {
		name  string
		value []byte
		want  string
	}{
		{"tombstone", nil, `"data":null`},
		{"empty", []byte{}, `"data_base64":""`},
		{"object", []byte(`{"a":[1,"b"]}`), `"data":{"a":[1,"b"]}`},
		{"byte for byte", []byte("\t{ \"b\" : 1.0e+2,\n\"a\":\"\\u0041/\\/\" } \r\n"), "\"data\":\t{ \"b\" : 1.0e+2,\n\"a\":\"\\u0041/\\/\" } \r\n"},
		{"scalar", []byte("-0.0"), `"data":-0.0`},
		{"null", []byte("null"), `"data":null`},
		{"half a surrogate pair", []byte(`"\ud800"`), `"data":"\ud800"`},
		{"keys twice", []byte(`{"a":1,"a":2}`), `"data":{"a":1,"a":2}`},
		{"depth 128", []byte(deep(128)), `"data":` + deep(128)},
		{"depth 129", []byte(deep(129)), `"data_base64":"`},
		{"text", []byte("hello"), `"data_base64":"aGVsbG8="`},
		{"two values", []byte("1 2"), `"data_base64":"MSAy"`},
		{"byte order mark", []byte("\ufeff1"), `"data_base64":"77u/MQ=="`},
		{"not UTF-8", []byte("\"\xff\""), `"data_base64":"Iv8i"`},
		{"white space", []byte(" "), `"data_base64":"IA=="`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := string(wire.AppendBody(nil, wire.Record{Symbol: []byte("BTC"), Event: "trade", Value: test.value}))
			if !strings.HasPrefix(got, `"type":"message","channel":"BTC.trade","pos":"trade/0:0","ts":0,`+test.want) {
				t.Errorf("got %s, want …%s", got, test.want)
			}
			if !json.Valid([]byte("{" + got)) {
				t.Errorf("not JSON: {%s", got)
			}
		})
	}
}

func TestRenderingDoesNotAllocate(t *testing.T) {
	dst := make([]byte, 0, 4096)
	record := wire.Record{Symbol: []byte(`"β\`), Event: "trade", Partition: 11, Offset: 1 << 40, Timestamp: 1700000000000}
	for _, value := range []string{`{"price":"43250.10","tags":["a","b"]}`, "\x00\x01 binary"} {
		record.Value = []byte(value)
		if n := testing.AllocsPerRun(100, func() { dst = wire.AppendBody(dst[:0], record) }); n != 0 {
			t.Errorf("a body of %q: %v allocations", value, n)
		}
	}
	pong := wire.Pong{ID: wire.ID("1"), TS: 1700000000000, Cursor: resumed, Totals: wire.Totals{Sent: 1 << 40}}
	if n := testing.AllocsPerRun(100, func() { dst = pong.Append(dst[:0]) }); n != 0 {
		t.Errorf("a pong: %v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { wire.PutSeq(dst[:wire.SeqLen], 1<<50) }); n != 0 {
		t.Errorf("a seq: %v allocations", n)
	}
}

func BenchmarkAppendBody(b *testing.B) {
	trade := []byte(`{"price":"43250.10","size":"0.5","side":"buy","id":"a1b2c3d4-0000-4000-8000-000000000000","ts":1700000000000}`)
	for name, value := range map[string][]byte{
		"json_110B":   trade,
		"json_10KB":   fmt.Appendf(nil, "[%s%s]", trade, strings.Repeat(","+string(trade), 90)),
		"base64_110B": []byte(strings.Repeat("\xff", 110)),
	} {
		b.Run(name, func(b *testing.B) {
			record := wire.Record{Symbol: []byte("BTC"), Event: "trade", Partition: 3, Offset: 4711, Timestamp: 1700000000000, Value: value}
			dst := make([]byte, 0, 64<<10)
			b.SetBytes(int64(len(value)))
			b.ReportAllocs()
			for b.Loop() {
				dst = wire.AppendBody(dst[:0], record)
			}
		})
	}
}

func BenchmarkPong(b *testing.B) {
	cursor := wire.Cursor{}
	for _, event := range []string{"trade", "liquidity", "metadata", "social"} {
		cursor[event] = wire.Position{Log: "9f3c2b7a41d05e68", At: []int64{4715, 88, 912, 1, 2, 3, 4, 5, 6, 7, 8, 9}}
	}
	pong := wire.Pong{ID: wire.ID("17"), TS: 1700000000000, Cursor: cursor, Totals: wire.Totals{Sent: 123456, Replayed: 100}}
	dst := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		dst = pong.Append(dst[:0])
	}
}

func BenchmarkPutSeq(b *testing.B) {
	dst := make([]byte, wire.SeqLen)
	b.ReportAllocs()
	for seq := uint64(1); b.Loop(); seq++ {
		wire.PutSeq(dst, seq)
	}
}
