package main

import (
	"bytes"
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// frame makes a client's frame.
func frame(head byte, payload string) []byte {
	b := appendHeader(nil, 0, len(payload))
	b[0], b[1] = head, b[1]|masked
	mask := []byte{1, 2, 3, 4}
	b = append(b, mask...)
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i&3])
	}
	return b
}

func TestParseFrame(t *testing.T) {
	for _, e := range []struct {
		name, payload string
		head          byte
		err           error
	}{
		{"text", `{"type":"subscribe"}`, fin | opText, nil},
		{"empty", "", fin | opPing, nil},
		{"126 bytes", strings.Repeat("x", 126), fin | opText, nil},
		{"64 KiB", strings.Repeat("x", maxIncoming), fin | opText, nil},
		{"over 64 KiB", strings.Repeat("x", maxIncoming+1), fin | opText, errLong},
		{"fragment", "x", opText, errFragment},
		{"continuation", "x", fin, errFragment},
		{"reserved bit", "x", fin | 0x40 | opText, errFragment},
	} {
		whole := frame(e.head, e.payload)
		for _, n := range []int{0, 1, 2, 5, len(whole) - 1} {
			if _, _, size, err := parseFrame(bytes.Clone(whole[:min(n, len(whole)-1)])); size != 0 || err != nil && !errors.Is(err, e.err) {
				t.Errorf("%s, %d bytes of it: size %d, %v", e.name, n, size, err)
			}
		}
		op, payload, size, err := parseFrame(append(bytes.Clone(whole), "next"...))
		if !errors.Is(err, e.err) || err == nil && (op != e.head&0x0f || string(payload) != e.payload || size != len(whole)) {
			t.Errorf("%s: %d %.20q of %d bytes, %v; want %v", e.name, op, payload, size, err, e.err)
		}
	}
	if _, _, _, err := parseFrame([]byte{fin | opText, 1, 'x'}); !errors.Is(err, errUnmasked) {
		t.Errorf("unmasked: %v", err)
	}
}

func FuzzParseFrame(f *testing.F) {
	f.Add(frame(fin|opText, "hello"))
	f.Add(frame(fin|opClose, strings.Repeat("x", 300)))
	f.Add([]byte{fin | opText, masked | 127, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, b []byte) {
		whole := bytes.Clone(b)
		op, payload, size, err := parseFrame(b)
		if err != nil || size == 0 {
			if payload != nil || size != 0 {
				t.Errorf("%d bytes taken, payload %q, %v", size, payload, err)
			}
			return
		}
		if size > len(whole) || size < 6+len(payload) || whole[0] != fin|op {
			t.Errorf("%d bytes taken for %d of payload, opcode %d", size, len(payload), op)
		}
	})
}

func FuzzParseRecord(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x08\x00\x03a.bxyz and more"))
	f.Add([]byte("\x00\x00\x00\x02\x00\x00"))
	f.Add([]byte("\x00\x00\x00\x03\x00\x02a"))
	f.Add([]byte("\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		channel, payload, size, need, err := parseRecord(b)
		switch {
		case err != nil && size != 0:
			t.Errorf("%d bytes taken with an error", size)
		case err == nil && size == 0 && need <= len(b):
			t.Errorf("needs %d bytes and has %d", need, len(b))
		case size > 0 && (size > len(b) || len(channel)+len(payload)+6 != size):
			t.Errorf("%d bytes taken for %d and %d", size, len(channel), len(payload))
		}
	})
}

func FuzzHandshake(f *testing.F) {
	f.Add([]byte("GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\nrest"))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add(bytes.Repeat([]byte("x"), maxHandshake+1))
	f.Fuzz(func(t *testing.T, b []byte) {
		answer, size, err := answerHandshake(b)
		if size > len(b) || (size > 0) != (len(answer) > 0) || err != nil && size == 0 {
			t.Errorf("%d bytes taken, answer %q, %v", size, answer, err)
		}
	})
}

// The example of RFC 6455, section 1.3.
func TestAccept(t *testing.T) {
	answer, _, err := answerHandshake([]byte("GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"))
	if err != nil || !strings.Contains(string(answer), "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") {
		t.Errorf("%q, %v", answer, err)
	}
}

// As many may wait to be accepted as the kernel lets.
func TestBacklog(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fd, err := descriptor(l)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("/proc/sys/net/core/somaxconn")
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.TrimSpace(string(text)); strconv.Itoa(int(info.Sacked)) != want { // of a listening socket: its backlog
		t.Errorf("backlog %d, want %s", info.Sacked, want)
	}
}

// A record costs no allocation.
func TestDeliverAllocates(t *testing.T) {
	l := &loop{channels: map[string]*channel{}}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	l.channels["S00000.trade"] = &channel{"S00000.trade", []int32{int32(pair[0])}}
	name, payload, read := []byte("S00000.trade"), bytes.Repeat([]byte("x"), 220), make([]byte, 300)
	if n := testing.AllocsPerRun(100, func() {
		l.deliver(name, payload)
		if n, err := unix.Read(pair[1], read); n != 4+220 || err != nil {
			t.Fatal(n, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a record", n)
	}
	if l.sent.Load() != l.records.Load() {
		t.Errorf("%d sent of %d records", l.sent.Load(), l.records.Load())
	}
}
