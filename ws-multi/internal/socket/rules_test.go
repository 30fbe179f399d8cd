package socket

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// testLimit is the message limit of the cases.
const testLimit = 300

type framesCase struct {
	name  string
	bytes []byte
	want  []string
}

// head is a header whose length is written as it is.
func head(first, second byte, length ...byte) []byte {
	return join([]byte{first, second}, length, testMask[:])
}

func closeFrame(code int, reason string) []byte {
	p := binary.BigEndian.AppendUint16(nil, uint16(code))
	return clientFrame(final|byte(OpClose), string(p)+reason)
}

func framesCases() []framesCase {
	long := strings.Repeat("x", 126)
	full := strings.Repeat("y", testLimit)
	const violation1002, violation1007, violation1009 = "violation 1002 ", "violation 1007 ", "violation 1009 "
	cases := []framesCase{
		{"nothing", nil, nil},
		{"text", text("Hello"), []string{`text "Hello"`}},
		{"empty text", text(""), []string{`text ""`}},
		{"binary", clientFrame(final|byte(OpBinary), "\x00\xFF"), []string{`binary "\x00\xff"`}},
		{"several", join(text("a"), ping("b"), text("c")), []string{`text "a"`, `ping "b"`, `text "c"`}},
		{"length in 2 bytes", text(long), []string{fmt.Sprintf("text %q", long)}},
		{"at the limit", text(full), []string{fmt.Sprintf("text %q", full)}},
		{"pong", clientFrame(final|byte(OpPong), "unasked"), []string{"pong"}},
		{"ping of 125 bytes", ping(long[:125]), []string{fmt.Sprintf("ping %q", long[:125])}},
		{"empty ping", ping(""), []string{`ping ""`}},

		// Fragments, section 5.4.
		{"two fragments", join(clientFrame(1, "Hel"), clientFrame(final, "lo")), []string{`text "Hello"`}},
		{"empty fragments", join(clientFrame(1, ""), clientFrame(0, ""), clientFrame(final, "")), []string{`text ""`}},
		{"binary fragments", join(clientFrame(2, "\xFF"), clientFrame(0, "\xFE"), clientFrame(final, "")), []string{`binary "\xff\xfe"`}},
		{"control frames between", join(clientFrame(1, "a"), ping("p"), clientFrame(0, "b"), clientFrame(final|10, ""), clientFrame(final, "c"), text("d")),
			[]string{`ping "p"`, "pong", `text "abc"`, `text "d"`}},
		{"close between", join(clientFrame(1, "a"), closeFrame(1000, ""), clientFrame(final, "c")), []string{`close 1000 ""`}},
		{"continuation of nothing", clientFrame(final, "x"), []string{violation1002 + "continuation of no message"}},
		{"continuation after the end", join(text("a"), clientFrame(0, "x")), []string{`text "a"`, violation1002 + "continuation of no message"}},
		{"message within a message", join(clientFrame(1, "a"), text("b")), []string{violation1002 + "new message within a fragmented one"}},
		{"only a fragment", clientFrame(1, "a"), []string{"not whole"}},
		{"half a frame", text("Hello")[:8], []string{"not whole"}},
		{"half a ping after a text", join(text("a"), ping("Hello")[:8]), []string{`text "a"`, "not whole"}},
		{"half a header", text(long)[:5], []string{"not whole"}},

		// The header, section 5.2.
		{"no mask", []byte{0x81, 0}, []string{violation1002 + "frame without a mask"}},
		{"bit 1", clientFrame(0xC1, ""), []string{violation1002 + "reserved bits without an extension"}},
		{"bit 2", clientFrame(0xA1, ""), []string{violation1002 + "reserved bits without an extension"}},
		{"bit 3", clientFrame(0x91, ""), []string{violation1002 + "reserved bits without an extension"}},
		{"bit 3 of a ping", join(text("a"), clientFrame(0x99, "")), []string{`text "a"`, violation1002 + "reserved bits without an extension"}},
		{"127 in 2 bytes", head(0x82, 0xFE, 0, 127), []string{"not whole"}},
		{"125 in 2 bytes", head(0x82, 0xFE, 0, 125), []string{violation1002 + "length not in its shortest form"}},
		{"65535 in 8 bytes", head(0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF), []string{violation1002 + "length not in its shortest form"}},
		{"64 bits", head(0x82, 0xFF, 0x80, 0, 0, 0, 0, 1, 0, 0), []string{violation1002 + "length over 63 bits"}},
		{"63 bits", head(0x82, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF), []string{violation1009 + "message over limits.message_bytes"}},

		// Control frames, section 5.5.
		{"ping of 126 bytes", ping(long), []string{violation1002 + "control frame over 125 bytes"}},
		{"ping in fragments", clientFrame(9, "x"), []string{violation1002 + "fragmented control frame"}},
		{"close in fragments", clientFrame(8, ""), []string{violation1002 + "fragmented control frame"}},
		{"close", closeFrame(1000, "bye"), []string{`close 1000 "bye"`}},
		{"close without a code", clientFrame(0x88, ""), []string{`close 1005 ""`}},
		{"close of 1 byte", clientFrame(0x88, "\x03"), []string{violation1002 + "close frame with half a code"}},
		{"close of 125 bytes", closeFrame(4999, long[:123]), []string{fmt.Sprintf("close 4999 %q", long[:123])}},
		{"close with UTF-8", closeFrame(1001, "für"), []string{`close 1001 "für"`}},
		{"close with half a rune", closeFrame(1000, "f\xC3"), []string{violation1007 + "close reason is not valid UTF-8"}},
		{"after a close", join(closeFrame(1000, ""), text("x"), []byte{0xFF, 0xFF}), []string{`close 1000 ""`}},
		{"after a violation", join([]byte{0xFF}, text("x"), closeFrame(1000, "")), []string{violation1002 + "reserved bits without an extension"}},

		// Text, section 8.1.
		{"text of runes", text("κόσμε\U0010FFFF"), []string{`text "κόσμε\U0010ffff"`}},
		{"runes across fragments", join(clientFrame(1, "\xF0"), clientFrame(0, "\x9D\x84"), clientFrame(final, "\x9E")), []string{`text "𝄞"`}},
		{"half a rune at the end", text("a\xCE"), []string{violation1007 + "text is not valid UTF-8"}},
		{"half a rune at the end of fragments", join(clientFrame(1, "a\xCE"), clientFrame(final, "")), []string{violation1007 + "text is not valid UTF-8"}},
		{"surrogate", text("\xED\xA0\x80"), []string{violation1007 + "text is not valid UTF-8"}},
		{"over U+10FFFF", text("\xF4\x90\x80\x80"), []string{violation1007 + "text is not valid UTF-8"}},
		{"longer than need be", text("\xC0\xAF"), []string{violation1007 + "text is not valid UTF-8"}},
		{"invalid in the first fragment", clientFrame(1, "a\xFF"), []string{violation1007 + "text is not valid UTF-8"}},
		{"invalid before the frame is whole", clientFrame(final|1, "a\xFF"+long)[:10], []string{violation1007 + "text is not valid UTF-8"}},
		{"never to be valid", clientFrame(1, "a\xF4\x90"), []string{violation1007 + "text is not valid UTF-8"}},
		{"invalid after a message", join(text("a"), text("\x80")), []string{`text "a"`, violation1007 + "text is not valid UTF-8"}},

		// Sizes.
		{"over the limit", text(full + "z"), []string{violation1009 + "message over limits.message_bytes"}},
		{"over the limit, by its header", text(full + "z")[:8], []string{violation1009 + "message over limits.message_bytes"}},
		{"over the limit, by its fragments", join(clientFrame(1, full), clientFrame(0, ""), clientFrame(final, "z")[:6]),
			[]string{violation1009 + "message over limits.message_bytes"}},
		{"at the limit, in fragments", join(clientFrame(1, full[:testLimit-1]), clientFrame(final, "y")), []string{fmt.Sprintf("text %q", full)}},
		{"a control frame has no part in the limit", join(clientFrame(1, full[:testLimit-1]), ping(long[:125]), clientFrame(final, "y")),
			[]string{fmt.Sprintf("ping %q", long[:125]), fmt.Sprintf("text %q", full)}},
	}
	for _, op := range []byte{3, 4, 5, 6, 7, 11, 12, 13, 14, 15} {
		cases = append(cases, framesCase{fmt.Sprintf("opcode %d", op), clientFrame(final|op, ""), []string{violation1002 + "reserved opcode"}})
	}
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		cases = append(cases, framesCase{fmt.Sprintf("close %d", code), closeFrame(code, ""), []string{fmt.Sprintf(`close %d ""`, code)}})
	}
	for _, code := range []int{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		cases = append(cases, framesCase{fmt.Sprintf("close %d", code), closeFrame(code, ""), []string{violation1002 + "close code not allowed in a frame"}})
	}
	return cases
}
