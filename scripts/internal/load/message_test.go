package load

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// payload of ws as ws-single writes it (PROTOCOL.md P5.1).
func wsPayload(m message) string {
	return fmt.Sprintf(`{"seq":%-16d,"type":"message","channel":"S%05d.trade","pos":"trade/%d:%d","ts":1700000000000,"data":%s}`,
		m.seq, m.channel, m.partition, m.offset, valueOf(m))
}

func hubPayload(m message) string {
	return fmt.Sprintf(`{"type":"message","channel":"S%05d.trade","ts":1700000000000,"data":%s}`, m.channel, valueOf(m))
}

func pushPayload(m message) string {
	return fmt.Sprintf(`{"push":{"channel":"S%05d.trade","pub":{"data":%s}}}`, m.channel, valueOf(m))
}

func valueOf(m message) string {
	return fmt.Sprintf(`{"n":%d,"sent":%d,"pad":"%s"}`, m.n, m.sent, strings.Repeat("x", 60))
}

var usual = message{seq: 42, channel: 123, partition: 3, offset: 4711, n: 17, sent: 1_700_000_000_123_456}

func TestReadEnvelope(t *testing.T) {
	noPlace := usual
	noPlace.seq, noPlace.partition, noPlace.offset = 0, -1, 0
	tests := []struct {
		name, payload string
		want          message
	}{
		{"ws", wsPayload(usual), usual},
		{"hub", hubPayload(usual), noPlace},
		{"no ts", strings.Replace(hubPayload(usual), `"ts":1700000000000,`, "", 1), noPlace},
		{"n and sent alone", `{"type":"message","channel":"S00123.trade","data":{"n":17,"sent":1700000000123456}}`, noPlace},
		{"a full seq field", strings.Replace(wsPayload(usual), "42              ", "1234567890123456", 1),
			message{1234567890123456, 123, 3, 4711, 17, 1_700_000_000_123_456}},
	}
	for _, test := range tests {
		var m message
		if !m.readEnvelope([]byte(test.payload)) {
			t.Errorf("%s: not read: %s", test.name, test.payload)
			continue
		}
		if m != test.want {
			t.Errorf("%s: got %+v, want %+v", test.name, m, test.want)
		}
	}
}

func TestReadPush(t *testing.T) {
	want := message{channel: 123, partition: -1, n: 17, sent: 1_700_000_000_123_456}
	var m message
	if !m.readPush([]byte(pushPayload(usual))) || m != want {
		t.Errorf("got %+v, want %+v", m, want)
	}
}

// What is not as usual is left to the reader that knows JSON.
func TestReadUnusual(t *testing.T) {
	ok := wsPayload(usual)
	envelopes := map[string]string{
		"another type":    strings.Replace(ok, `"message"`, `"messages"`, 1),
		"another event":   strings.ReplaceAll(ok, "trade", "quote"),
		"event of pos":    strings.Replace(ok, "trade/", "quote/", 1),
		"quiet channel":   strings.Replace(ok, "S00123", "Q00123", 1),
		"long channel":    strings.Replace(ok, "S00123", "S000123", 1),
		"no digit":        strings.Replace(ok, "S00123", "S0012x", 1),
		"space after 42":  strings.Replace(ok, "42              ,", "42               ,", 1),
		"in the field":    strings.Replace(ok, "42              ,", "42      1       ,", 1),
		"no seq":          strings.Replace(ok, "42", "  ", 1),
		"negative n":      strings.Replace(ok, `"n":17`, `"n":-17`, 1),
		"fraction":        strings.Replace(ok, `"n":17`, `"n":17.5`, 1),
		"leading zero":    strings.Replace(ok, `"n":17`, `"n":017`, 1),
		"too large":       strings.Replace(ok, `"n":17`, `"n":1234567890123456789`, 1),
		"other order":     strings.Replace(ok, `"n":17,`, ``, 1),
		"cut":             ok[:len(ok)-1],
		"huge partition":  strings.Replace(ok, "trade/3:", "trade/5000:", 1),
		"space":           strings.Replace(ok, `"data":`, `"data": `, 1),
		"a word for sent": strings.Replace(ok, `"sent":1`, `"sent":x1`, 1),
		"no offset":       strings.Replace(ok, ":4711", ":", 1),
		"empty":           "",
	}
	for name, payload := range envelopes {
		var m message
		if m.readEnvelope([]byte(payload)) {
			t.Errorf("%s was read as %+v: %s", name, m, payload)
		}
	}
	push := pushPayload(usual)
	for name, payload := range map[string]string{
		"with an offset": strings.Replace(push, `}}}`, `},"offset":7}}`, 1),
		"join":           `{"push":{"channel":"S00123.trade","join":{"info":{}}}}`,
		"reply":          `{"id":1,"connect":{}}`,
		"ping":           `{}`,
	} {
		var m message
		if m.readPush([]byte(payload)) {
			t.Errorf("%s was read as %+v: %s", name, m, payload)
		}
	}
}

// Whatever the fields are, the quick reader finds what encoding/json does.
func FuzzReadMessage(f *testing.F) {
	f.Add(uint64(1), uint32(0), uint16(0), int64(0), int64(1), int64(1))
	f.Add(uint64(42), uint32(123), uint16(3), int64(4711), int64(17), int64(1_700_000_000_123_456))
	f.Add(uint64(1)<<60, uint32(99999), uint16(5000), int64(-1), int64(-1), int64(1)<<62)
	f.Fuzz(func(t *testing.T, seq uint64, channel uint32, partition uint16, offset, n, sent int64) {
		want := message{seq, int32(channel % 200000), int32(partition), offset, n, sent}
		var slow struct {
			Seq     uint64
			Channel string
			Pos     string
			Data    value
		}
		payload := []byte(wsPayload(want))
		if err := json.Unmarshal(payload, &slow); err != nil {
			t.Fatal(err)
		}
		var m message
		if m.readEnvelope(payload) {
			slowPartition, slowOffset := parsePos(slow.Pos)
			if m != want || m.seq != slow.Seq || m.partition != slowPartition || m.offset != slowOffset ||
				m.n != slow.Data.N || m.sent != slow.Data.Sent || slow.Channel != fmt.Sprintf("S%05d.trade", m.channel) {
				t.Errorf("%s was read as %+v", payload, m)
			}
		} else if seq < 1e16 && channel%200000 < 1e5 && partition <= maxPartition && offset >= 0 && offset < 1e18 &&
			n >= 0 && n < 1e18 && sent >= 0 && sent < 1e18 {
			t.Errorf("%s was not read", payload)
		}
		push := message{channel: want.channel, partition: -1, n: n, sent: sent}
		if m.readPush([]byte(pushPayload(want))) && m != push {
			t.Errorf("%s was read as %+v", pushPayload(want), m)
		}
	})
}

func TestReadHeader(t *testing.T) {
	long := append([]byte{0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}, "x"...)
	tests := []struct {
		name string
		p    []byte
		want header
		f    found
	}{
		{"short", []byte{0x81, 5}, header{opText, true, 2, 5}, whole},
		{"medium", []byte{0x81, 126, 1, 0}, header{opText, true, 4, 256}, whole},
		{"long", long, header{opText, true, 10, 1 << 16}, whole},
		{"fragment", []byte{0x01, 5}, header{opText, false, 2, 5}, whole},
		{"ping", []byte{0x89, 0}, header{opPing, true, 2, 0}, whole},
		{"nothing", nil, header{}, partial},
		{"one byte", []byte{0x81}, header{}, partial},
		{"half a length", []byte{0x81, 126, 1}, header{opText, true, 2, 126}, partial},
		{"half a long length", long[:9], header{opText, true, 2, 127}, partial},
		{"reserved bit", []byte{0xc1}, header{}, broken},
		{"reserved opcode", []byte{0x83, 0}, header{}, broken},
		{"reserved control", []byte{0x8b, 0}, header{}, broken},
		{"control in fragments", []byte{0x09, 0}, header{}, broken},
		{"long control", []byte{0x89, 126, 0, 200}, header{}, broken},
		{"masked", []byte{0x81, 0x85}, header{}, broken},
		{"not the shortest", []byte{0x81, 126, 0, 125}, header{}, broken},
		{"not the shortest, long", []byte{0x81, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, header{}, broken},
		{"huge", []byte{0x81, 127, 0xff, 0, 0, 0, 0, 0, 0, 0}, header{}, broken},
	}
	for _, test := range tests {
		h, f := readHeader(test.p)
		if f != test.f || f == whole && h != test.want {
			t.Errorf("%s: got %+v, %v, want %+v, %v", test.name, h, f, test.want, test.f)
		}
	}
}

func BenchmarkReadMessage(b *testing.B) {
	for _, bench := range []struct {
		name, payload string
		read          func(*message, []byte) bool
	}{
		{"ws", wsPayload(usual), (*message).readEnvelope},
		{"hub", hubPayload(usual), (*message).readEnvelope},
		{"centrifuge", pushPayload(usual), (*message).readPush},
	} {
		b.Run(bench.name, func(b *testing.B) {
			payload := []byte(bench.payload)
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			var m message
			for b.Loop() {
				if !bench.read(&m, payload) {
					b.Fatal("not read")
				}
			}
		})
	}
}
