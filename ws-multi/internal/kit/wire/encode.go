package wire

import (
	"strconv"
	"unicode/utf8"
)

// quoteBytes bounds how much of a client's text an error message repeats.
const quoteBytes = 80

// appendString renders s as a JSON string.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	dst = appendEscaped(dst, s)
	return append(dst, '"')
}

func appendStrings(dst []byte, list []string) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, s)
	}
	return append(dst, ']')
}

// appendEscaped renders s as it stands between the quotes of a JSON string:
// only what RFC 8259 section 7 demands is escaped, and what is not UTF-8
// becomes U+FFFD, so that the output is always a valid text frame.
func appendEscaped[S ~string | ~[]byte](dst []byte, s S) []byte {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			n := runeLen(s, i)
			if n > 0 {
				i += n
				continue
			}
			dst = append(dst, s[start:i]...)
			dst = append(dst, "\uFFFD"...)
		} else {
			dst = append(dst, s[start:i]...)
			if c >= ' ' {
				dst = append(dst, '\\', c)
			} else {
				const hex = "0123456789abcdef"
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			}
		}
		i++
		start = i
	}
	return append(dst, s[start:]...)
}

// runeLen is the length of the rune at s[i], or 0 if there is none.
func runeLen[S ~string | ~[]byte](s S, i int) int {
	var buf [utf8.UTFMax]byte
	r, n := utf8.DecodeRune(buf[:copy(buf[:], s[i:])])
	if r == utf8.RuneError && n <= 1 {
		return 0
	}
	return n
}

// appendHead starts a server message: its type and, where the command had one,
// the command's id.
func appendHead(dst []byte, kind string, id ID) []byte {
	dst = append(dst, `{"type":"`...)
	dst = append(dst, kind...)
	dst = append(dst, '"')
	if len(id) > 0 {
		dst = append(dst, `,"id":`...)
		dst = append(dst, id...)
	}
	return dst
}

func appendUint(dst []byte, name string, n uint64) []byte {
	return strconv.AppendUint(append(dst, name...), n, 10)
}

func appendInt(dst []byte, name string, n int64) []byte {
	return strconv.AppendInt(append(dst, name...), n, 10)
}

// quote shows a client's or an operator's text in a message, cut to what fits
// on a line.
func quote(s string) string {
	if len(s) > quoteBytes {
		s = cut(s, quoteBytes) + "…"
	}
	return strconv.Quote(s)
}

// cut is the longest prefix of s of at most n bytes that ends between runes.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
