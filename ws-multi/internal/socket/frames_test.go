package socket

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/gorilla/websocket"
	"pgregory.net/rapid"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/wire"
)

func TestFramesRules(t *testing.T) {
	for _, c := range framesCases() {
		t.Run(c.name, func(t *testing.T) {
			want := strings.Join(c.want, "\n")
			if got := new(transcript).read(new(Frames), c.bytes, testLimit, whole); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			one := func(int) int { return 1 }
			if got := new(transcript).read(new(Frames), c.bytes, testLimit, one); got != want {
				t.Errorf("byte by byte: got\n%s\nwant\n%s", got, want)
			}
			// Every place to cut it in two, and a sink that stops each time.
			for cut := 1; cut < len(c.bytes); cut++ {
				first := true
				s := &transcript{stop: 1}
				got := s.read(new(Frames), c.bytes, testLimit, func(left int) int {
					if first {
						first = false
						return cut
					}
					return left
				})
				if got != want {
					t.Errorf("cut at %d: got\n%s\nwant\n%s", cut, got, want)
				}
			}
		})
	}
}

// A rule is enforced by the first byte that breaks it.
func TestFramesJudgeAtOnce(t *testing.T) {
	for _, c := range []struct {
		name  string
		bytes []byte
	}{
		{"reserved bits", []byte{0xC1}},
		{"opcode", []byte{0x83}},
		{"continuation", []byte{0x80}},
		{"control in fragments", []byte{0x09}},
		{"mask", []byte{0x81, 0}},
		{"long control", []byte{0x89, 0xFE}},
		{"length", []byte{0x81, 0xFE, 0, 1}},
		{"rune", clientFrame(1, "ab\xE0\x80")},
	} {
		var f Frames
		if n, err := f.Take(slices.Clone(c.bytes[:len(c.bytes)-1]), testLimit, new(transcript)); err != nil || n != len(c.bytes)-1 {
			t.Errorf("%s: before its last byte: %v", c.name, err)
		}
		if _, err := f.Take(c.bytes[len(c.bytes)-1:], testLimit, new(transcript)); err == nil {
			t.Errorf("%s: no violation", c.name)
		}
	}
}

// streams draws what a client may send: mostly frames that keep to the rules.
func streams(t *rapid.T) []byte {
	payloads := rapid.OneOf(
		rapid.String(),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 5), func(b []byte) string { return string(b) }),
		rapid.Map(rapid.IntRange(0, 140), func(n int) string { return strings.Repeat("ü", n) }),
	)
	var b []byte
	fragmented := false
	for range rapid.IntRange(0, 8).Draw(t, "frames") {
		op := rapid.SampledFrom([]Opcode{OpText, OpText, OpText, OpBinary, OpPing, OpPong, OpClose}).Draw(t, "op")
		payload := payloads.Draw(t, "payload")
		first := final | byte(op)
		switch {
		case op == OpClose:
			payload = string(closeFrame(rapid.SampledFrom([]int{1000, 1001, 4000, 1005}).Draw(t, "code"), ""))[6:]
			b = append(b, clientFrame(first, payload)...)
			continue
		case op.control():
			payload = payload[:min(len(payload), 125)]
		default:
			fin := rapid.Bool().Draw(t, "fin")
			if fragmented {
				first &^= 0x0F
			}
			if !fin {
				first &^= finBit
			}
			fragmented = !fin
		}
		b = append(b, clientFrame(first, payload)...)
	}
	if rapid.IntRange(0, 3).Draw(t, "damage") == 0 && len(b) > 0 {
		b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
	}
	return b
}

// However the bytes are cut and wherever the sink stops, the same is heard.
func TestFramesSplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := streams(t)
		limit := rapid.SampledFrom([]int{0, 1, 10, 300}).Draw(t, "limit")
		want := new(transcript).read(new(Frames), b, limit, whole)
		s := &transcript{stop: rapid.IntRange(0, 3).Draw(t, "stop")}
		sizes := rapid.IntRange(1, rapid.SampledFrom([]int{1, 3, 20, 200}).Draw(t, "pieces"))
		got := s.read(new(Frames), b, limit, func(left int) int { return min(left, sizes.Draw(t, "piece")) })
		if got != want {
			t.Fatalf("in pieces:\n%s\nwhole:\n%s", got, want)
		}
	})
}

// What is taken for valid, gorilla takes for the same messages.
func TestFramesAsGorilla(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := streams(t)
		s := new(transcript)
		var f Frames
		if _, err := f.Take(slices.Clone(b), 0, s); err != nil {
			return
		}
		var want []string
		for _, h := range s.heard {
			if strings.HasPrefix(h, "text") || strings.HasPrefix(h, "binary") {
				want = append(want, h)
			}
		}
		if got := gorillaReads(b); !slices.Equal(got, want) {
			t.Fatalf("got %q, gorilla %q", want, got)
		}
	})
}

func gorillaReads(b []byte) (heard []string) {
	client, server := net.Pipe()
	defer client.Close()
	ws, err := gorillaOn(server)
	if err != nil {
		return []string{err.Error()}
	}
	defer ws.Close()
	ws.SetPingHandler(func(string) error { return nil })
	ws.SetCloseHandler(func(int, string) error { return nil })
	go func() {
		_, _ = client.Write(b)
		_ = client.Close()
	}()
	for {
		kind, p, err := ws.ReadMessage()
		if err != nil {
			return heard
		}
		name := "text"
		if kind == websocket.BinaryMessage {
			name = "binary"
		}
		heard = append(heard, fmt.Sprintf("%s %q", name, p))
	}
}

func FuzzFrames(f *testing.F) {
	for i, c := range framesCases() {
		f.Add(c.bytes, uint64(i))
	}
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 0))
		limit := []int{0, 5, testLimit, 1 << 20}[random.IntN(4)]
		most := []int{1, 2, 16, 1 << 10}[random.IntN(4)]
		want := new(transcript).read(new(Frames), b, limit, whole)
		s := &transcript{stop: random.IntN(3)}
		got := s.read(new(Frames), b, limit, func(left int) int { return 1 + random.IntN(min(left, most)) })
		if got != want {
			t.Errorf("in pieces:\n%s\nwhole:\n%s", got, want)
		}
	})
}

// Fragments and control frames between them are bounded, whether the message has a
// limit or not, and whatever the client would have to send is not much more than a
// sane one does.
func TestFramesOverhead(t *testing.T) {
	for _, test := range []struct {
		name  string
		frame []byte
		limit int
		most  int // frames until the violation
	}{
		{"empty fragments", clientFrame(0, ""), 1000, (2*1000 + slack) / 6},
		{"pings between", ping("four"), 1000, (2*1000 + slack) / 10},
		{"one byte at a time", clientFrame(0, "x"), 64 << 10, (2*64<<10 + slack) / 7},
		{"empty fragments, no limit", clientFrame(0, ""), 0, slack / 6},
		{"one byte at a time, no limit", clientFrame(0, "x"), 0, slack / 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			var f Frames
			s := new(transcript)
			if _, err := f.Take(clientFrame(1, "begin"), test.limit, s); err != nil {
				t.Fatal(err)
			}
			for n := 1; ; n++ {
				_, err := f.Take(slices.Clone(test.frame), test.limit, s)
				if err == nil {
					if n > test.most+10 {
						t.Fatalf("%d frames and no violation", n)
					}
					continue
				}
				if !errors.Is(err, errTooManyFrames) {
					t.Errorf("got %v", err)
				}
				if n < test.most-10 {
					t.Errorf("a violation after %d frames, want about %d", n, test.most)
				}
				break
			}
		})
	}

	t.Run("sane fragments of a large message", func(t *testing.T) {
		var f Frames
		s := new(transcript)
		for range 10_000 {
			first := byte(0)
			if !f.Partial() {
				first = byte(OpBinary)
			}
			if _, err := f.Take(clientFrame(first, strings.Repeat("x", 64)), 0, s); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("63 bits more than there are", func(t *testing.T) {
		var f Frames
		huge := head(0, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF)
		_, err := f.Take(join(clientFrame(1, "x"), huge), 0, new(transcript))
		if !errors.Is(err, errTooBig) {
			t.Errorf("got %v", err)
		}
	})
}

// A new thing that is not whole is told from the one before.
func TestFramesPartial(t *testing.T) {
	var f Frames
	s := new(transcript)
	begun := f.Begun()
	take := func(b []byte, partial, anew bool) {
		t.Helper()
		if _, err := f.Take(slices.Clone(b), testLimit, s); err != nil {
			t.Fatal(err)
		}
		if f.Partial() != partial {
			t.Errorf("Partial is %v", f.Partial())
		}
		if now := f.Begun(); (now != begun) != anew {
			t.Errorf("Begun went from %d to %d", begun, now)
		}
		begun = f.Begun()
	}
	hello := text("Hello")
	take(join(text("a"), ping("b")), false, false)
	take(hello[:1], true, true)
	take(hello[1:4], true, false)
	take(hello[4:8], true, false)
	take(join(hello[8:], hello[:3]), true, true)
	take(hello[3:], false, false)
	take(ping("p")[:3], true, true)
	take(ping("p")[3:], false, false)

	// Control frames are no progress of a message.
	take(clientFrame(1, ""), true, true)
	take(ping(""), true, false)
	take(ping("p")[:3], true, false)
	take(ping("p")[3:], true, false)
	take(clientFrame(final|10, ""), true, false)
	take(clientFrame(final, ""), false, false)
	take(join(clientFrame(1, ""), clientFrame(final, ""), clientFrame(1, "")), true, true)
	take(closeFrame(1000, ""), false, false)
	take(hello[:3], false, false)
}

func TestFramesStop(t *testing.T) {
	var f Frames
	b := join(text("a"), text("b"), text("c"))
	s := &transcript{stop: 1}
	n, err := f.Take(slices.Clone(b), testLimit, s)
	if n != 7 || err != nil || !slices.Equal(s.heard, []string{`text "a"`}) {
		t.Fatalf("took %d (%v), heard %q", n, err, s.heard)
	}
	if f.Partial() {
		t.Error("what was not taken is not begun")
	}
	b = join(closeFrame(1000, ""), text("dropped"))
	if n, err := f.Take(slices.Clone(b), testLimit, s); n != len(b) || err != nil {
		t.Errorf("of a close frame and more it took %d of %d: %v", n, len(b), err)
	}
}

// null hears and forgets.
type null struct{ bytes int }

func (s *null) Text(p []byte) bool                { s.bytes += len(p); return true }
func (s *null) Binary(p []byte) bool              { s.bytes += len(p); return true }
func (s *null) Ping(p []byte) bool                { s.bytes += len(p); return true }
func (s *null) Pong() bool                        { return true }
func (s *null) Close(wire.CloseCode, string) bool { return true }

func TestFramesAllocate(t *testing.T) {
	if n := unsafe.Sizeof(Frames{}); n > 16 {
		t.Errorf("Frames has %d bytes", n)
	}
	stream := join(text(`{"type":"heartbeat"}`), ping("x"), clientFrame(final|10, ""), clientFrame(final|2, "b"))
	scratch := make([]byte, len(stream))
	var f Frames
	s := new(null)
	if n := testing.AllocsPerRun(100, func() {
		copy(scratch, stream)
		if _, err := f.Take(scratch, testLimit, s); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	broken := []byte{0xFF}
	if n := testing.AllocsPerRun(100, func() { _, _ = new(Frames).Take(broken, testLimit, s) }); n > 1 {
		t.Errorf("%v allocations for a violation", n)
	}
}

// A header that announces much gets no memory for it.
func TestFramesBelieveNothing(t *testing.T) {
	const conns = 100
	all := make([]Frames, conns)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range all {
		b := join(head(0x81, 0xFF, 0, 0, 0, 0, 0x40, 0, 0, 0), []byte("0123456789"))
		unmask(b[14:], binary.LittleEndian.Uint32(testMask[:])) // so that it is text
		if _, err := all[i].Take(b, 0, new(null)); err != nil || !all[i].Partial() {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / conns; each > 1024 {
		t.Errorf("%d bytes for 10 of a frame of 1 GiB", each)
	}
	runtime.KeepAlive(all)
}

// Many messages in pieces leave nothing behind, and a long message byte by byte does
// not become slow.
func TestFramesByteByByte(t *testing.T) {
	payload := strings.Repeat("größer ", 1<<16)
	frame := text(payload)
	var f Frames
	s := new(null)
	start := time.Now()
	for i := range frame {
		if _, err := f.Take(frame[i:i+1], 0, s); err != nil {
			t.Fatal(err)
		}
	}
	if s.bytes != len(payload) || f.Partial() {
		t.Errorf("heard %d bytes of %d", s.bytes, len(payload))
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v: each byte is looked at again and again", took)
	}
}

func TestUnmask(t *testing.T) {
	mask := binary.LittleEndian.Uint32(testMask[:])
	for n := range 100 {
		for cut := range n + 1 {
			p := make([]byte, n+8) // unaligned, too
			for i := range p {
				p[i] = byte(i * 7)
			}
			got := slices.Clone(p)[cut%8:][:n]
			want := slices.Clone(got)
			for i := range want {
				want[i] ^= testMask[i%4]
			}
			unmask(got[cut:], unmask(got[:cut], mask))
			if !bytes.Equal(got, want) {
				t.Fatalf("%d bytes cut at %d: got % x, want % x", n, cut, got, want)
			}
		}
	}
}

// What the server may close with, a client may answer with.
func TestCloseCodesOfTheProtocol(t *testing.T) {
	for _, code := range wire.CloseCodes() {
		if !mayClose(code) {
			t.Errorf("%d is not allowed", code)
		}
	}
}
