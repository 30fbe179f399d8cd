package wire

import (
	"fmt"
	"iter"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxCommandDepth is how deep arrays and objects may nest in a command.
const MaxCommandDepth = 8

// The functions of this file take text that validSyntax has accepted: they
// look for ends, not for errors. A value is a piece of that text, without the
// white space around it.

// valueEnd is the index behind the value that starts at s[i].
func valueEnd(s string, i int) int {
	switch s[i] {
	case '"':
		return quoteEnd(s, i)
	case '{', '[':
		depth := 0
		for {
			switch s[i] {
			case '"':
				i = quoteEnd(s, i)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			}
			i++
			if depth == 0 {
				return i
			}
		}
	default:
		for ; i < len(s); i++ {
			switch s[i] {
			case ',', ']', '}', ' ', '\n', '\r', '\t':
				return i
			}
		}
		return i
	}
}

func quoteEnd(s string, i int) int {
	for i++; s[i] != '"'; i++ {
		if s[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// members gives an object's keys, decoded, and values in their order.
func members(object string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for i := skipSpace(object, 1); object[i] != '}'; {
			end := quoteEnd(object, i)
			key := unquote(object[i:end])
			i = skipSpace(object, skipSpace(object, end)+1)
			end = valueEnd(object, i)
			if !yield(key, object[i:end]) {
				return
			}
			if i = skipSpace(object, end); object[i] == ',' {
				i = skipSpace(object, i+1)
			}
		}
	}
}

// elements gives an array's values in their order.
func elements(array string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := skipSpace(array, 1); array[i] != ']'; {
			end := valueEnd(array, i)
			if !yield(array[i:end]) {
				return
			}
			if i = skipSpace(array, end); array[i] == ',' {
				i = skipSpace(array, i+1)
			}
		}
	}
}

// unquote decodes a JSON string. Without escapes it shares s. Half a surrogate
// pair becomes the three bytes that UTF-8 forbids for it, so that two different
// strings stay different, and no name can hold one.
func unquote(s string) string {
	s = s[1 : len(s)-1]
	next := strings.IndexByte(s, '\\')
	if next < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for next >= 0 {
		out = append(out, s[:next]...)
		c := s[next+1]
		s = s[next+2:]
		switch c {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r := hexRune(s)
			s = s[4:]
			if utf16.IsSurrogate(r) {
				if strings.HasPrefix(s, `\u`) {
					if pair := utf16.DecodeRune(r, hexRune(s[2:])); pair != utf8.RuneError {
						out = utf8.AppendRune(out, pair)
						s = s[6:]
						break
					}
				}
				out = append(out, byte(0xe0|r>>12), byte(0x80|r>>6&0x3f), byte(0x80|r&0x3f))
				break
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, c)
		}
		next = strings.IndexByte(s, '\\')
	}
	return string(append(out, s...))
}

func hexRune(s string) rune {
	n, _ := strconv.ParseUint(s[:4], 16, 16)
	return rune(n)
}

// integer reads a number written without fraction or exponent, within
// [least, most].
func integer(value string, least, most int64) (int64, bool) {
	n, err := strconv.ParseInt(value, 10, 64)
	return n, err == nil && least <= n && n <= most
}

// structureFault says what is wrong with the nesting or the keys of a value
// that stands at depth, the first fault in the order of the text; "" if
// nothing is. It works on at most MaxCommandDepth levels, so hostile input
// costs time and memory linear in its length.
func structureFault(value string, depth int) string {
	switch value[0] {
	case '{', '[':
		if depth > MaxCommandDepth {
			return fmt.Sprintf("the command nests deeper than %d levels: flatten it", MaxCommandDepth)
		}
	}
	switch value[0] {
	case '{':
		var seen keySet
		for key, member := range members(value) {
			if !seen.add(key) {
				return fmt.Sprintf("the key %s stands twice in one object: send it once", quote(key))
			}
			if fault := structureFault(member, depth+1); fault != "" {
				return fault
			}
		}
	case '[':
		for element := range elements(value) {
			if fault := structureFault(element, depth+1); fault != "" {
				return fault
			}
		}
	}
	return ""
}

// A keySet is a set of strings: a list while it is small, as it nearly always
// is, and a map beyond, so that many keys do not cost their square.
type keySet struct {
	few  [8]string
	n    int
	many map[string]struct{}
}

// add reports whether s was new.
func (k *keySet) add(s string) bool {
	if k.many != nil {
		before := len(k.many)
		k.many[s] = struct{}{}
		return len(k.many) > before
	}
	for _, have := range k.few[:k.n] {
		if have == s {
			return false
		}
	}
	if k.n < len(k.few) {
		k.few[k.n] = s
		k.n++
		return true
	}
	k.many = make(map[string]struct{}, 4*len(k.few))
	for _, have := range k.few {
		k.many[have] = struct{}{}
	}
	k.many[s] = struct{}{}
	return true
}
