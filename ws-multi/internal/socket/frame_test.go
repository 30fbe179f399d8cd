package socket

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

func TestAppendHeader(t *testing.T) {
	for _, test := range []struct {
		op      Opcode
		payload int
		want    []byte
	}{
		{OpText, 0, []byte{0x81, 0}},
		{OpText, 125, []byte{0x81, 125}},
		{OpBinary, 126, []byte{0x82, 126, 0, 126}},
		{OpText, 65535, []byte{0x81, 126, 0xFF, 0xFF}},
		{OpText, 65536, []byte{0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}},
		{OpPing, 0, []byte{0x89, 0}},
		{OpPong, 4, []byte{0x8A, 4}},
	} {
		got := AppendHeader([]byte("before"), test.op, test.payload)
		if want := append([]byte("before"), test.want...); !bytes.Equal(got, want) {
			t.Errorf("%v with %d bytes: got % x, want % x", test.op, test.payload, got, want)
		}
	}
}

// The seq field and the shared body are one text frame, whatever the length's form.
func TestAppendMessage(t *testing.T) {
	for _, size := range []int{0, 1, 101, 102, 65511, 65512, 100_000} {
		body := bytes.Repeat([]byte("x"), size)
		got := AppendMessage([]byte("frame before"), 42, body)
		got = bytes.TrimPrefix(got, []byte("frame before"))
		want := make([]byte, wire.SeqLen)
		wire.PutSeq(want, 42)
		want = append(want, body...)
		header := AppendHeader(nil, OpText, len(want))
		if !bytes.Equal(got, append(header, want...)) {
			t.Errorf("a body of %d bytes: got %d bytes that begin with %.40q", size, len(got), got)
		}
	}
	dst := make([]byte, 0, 1024)
	body := []byte(`"type":"message"}`)
	if n := testing.AllocsPerRun(100, func() { dst = AppendMessage(dst[:0], 7, body) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAppendClose(t *testing.T) {
	for _, test := range []struct {
		code       wire.CloseCode
		reason     string
		wantReason string
	}{
		{wire.CloseDrain, "drain", "drain"},
		{wire.CloseNormal, "", ""},
		{wire.CloseSlowConsumer, strings.Repeat("x", 123), strings.Repeat("x", 123)},
		{wire.CloseSlowConsumer, strings.Repeat("x", 124), strings.Repeat("x", 123)},
		{wire.CloseSlowConsumer, strings.Repeat("ü", 62), strings.Repeat("ü", 61)},
	} {
		got := AppendClose(nil, test.code, test.reason)
		if got[0] != 0x88 || int(got[1]) != len(got)-2 || len(got)-2 > 125 {
			t.Errorf("%d %q: got % x", test.code, test.reason, got)
		}
		if code := wire.CloseCode(binary.BigEndian.Uint16(got[2:])); code != test.code {
			t.Errorf("got code %d, want %d", code, test.code)
		}
		if reason := string(got[4:]); reason != test.wantReason {
			t.Errorf("got reason %q, want %q", reason, test.wantReason)
		}
		if want := websocket.FormatCloseMessage(int(test.code), test.wantReason); !bytes.Equal(got[2:], want) {
			t.Errorf("got payload %q, gorilla has %q", got[2:], want)
		}
	}
	if got := AppendClose(nil, NoStatus, ""); !bytes.Equal(got, []byte{0x88, 0}) {
		t.Errorf("without a code: got % x", got)
	}
}
