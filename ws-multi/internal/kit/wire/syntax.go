package wire

import "unicode/utf8"

const (
	// MaxDataDepth is how deep arrays and objects may nest in a record's value
	// that goes out as JSON.
	MaxDataDepth = 128

	unlimited = -1
)

// ValidJSON reports whether b is one JSON text (RFC 8259) in valid UTF-8
// without a byte order mark, nested at most MaxDataDepth deep: what can stand
// in a message as it is. It does not allocate.
func ValidJSON(b []byte) bool {
	return utf8.Valid(b) && validSyntax(b, MaxDataDepth)
}

// validSyntax checks RFC 8259's grammar without recursion, so that depth costs
// one bit: set for an object, clear for an array. maxDepth bounds the nesting
// unless it is unlimited.
func validSyntax(b []byte, maxDepth int) bool {
	var first [MaxDataDepth / 64]uint64
	nesting := first[:]
	depth, i := 0, 0
	for {
		i = skipSpace(b, i)
		if i == len(b) {
			return false
		}
		opened, ok := false, false
		switch c := b[i]; c {
		case '{', '[':
			if depth == maxDepth {
				return false
			}
			word, bit := depth/64, uint64(1)<<(depth%64)
			if word == len(nesting) {
				nesting = append(nesting, 0)
			}
			depth++
			i = skipSpace(b, i+1)
			if i < len(b) && b[i] == c+2 { // '}' and ']' follow their openers at this distance
				i, ok = i+1, true
				depth--
				break
			}
			opened = true
			if c == '{' {
				nesting[word] |= bit
				i, ok = keyEnd(b, i)
			} else {
				nesting[word] &^= bit
				ok = true
			}
		case '"':
			i, ok = stringEnd(b, i)
		case 't':
			i, ok = literalEnd(b, i, "true")
		case 'f':
			i, ok = literalEnd(b, i, "false")
		case 'n':
			i, ok = literalEnd(b, i, "null")
		default:
			i, ok = numberEnd(b, i)
		}
		if !ok {
			return false
		}
		for !opened {
			i = skipSpace(b, i)
			if depth == 0 {
				return i == len(b)
			}
			if i == len(b) {
				return false
			}
			inObject := nesting[(depth-1)/64]&(1<<((depth-1)%64)) != 0
			switch b[i] {
			case ',':
				i, opened = i+1, true
				if inObject {
					if i, ok = keyEnd(b, skipSpace(b, i)); !ok {
						return false
					}
				}
			case '}', ']':
				if inObject != (b[i] == '}') {
					return false
				}
				i++
				depth--
			default:
				return false
			}
		}
	}
}

// skipSpace is the index of the first byte from i that is no JSON white space.
func skipSpace[S ~string | ~[]byte](s S, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\r' || s[i] == '\t') {
		i++
	}
	return i
}

// keyEnd passes over an object's key and its colon.
func keyEnd(b []byte, i int) (int, bool) {
	if i == len(b) || b[i] != '"' {
		return i, false
	}
	i, ok := stringEnd(b, i)
	if !ok {
		return i, false
	}
	i = skipSpace(b, i)
	if i == len(b) || b[i] != ':' {
		return i, false
	}
	return i + 1, true
}

// ordinary marks the bytes that stand for themselves in a JSON string.
var ordinary = func() (table [256]bool) {
	for c := range table {
		table[c] = c >= ' ' && c != '"' && c != '\\'
	}
	return table
}()

// stringEnd passes over the string whose opening quote is b[i].
func stringEnd(b []byte, i int) (int, bool) {
	i++
	for i < len(b) {
		c := b[i]
		if ordinary[c] {
			i++
			continue
		}
		if c == '"' {
			return i + 1, true
		}
		if c != '\\' || i+1 == len(b) {
			return i, false
		}
		switch b[i+1] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			i += 2
		case 'u':
			if len(b)-i < 6 || !isHex(b[i+2]) || !isHex(b[i+3]) || !isHex(b[i+4]) || !isHex(b[i+5]) {
				return i, false
			}
			i += 6
		default:
			return i, false
		}
	}
	return i, false
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func literalEnd(b []byte, i int, literal string) (int, bool) {
	end := i + len(literal)
	return end, end <= len(b) && string(b[i:end]) == literal
}

// numberEnd passes over a number: no leading zeros, a digit on both sides of
// the point.
func numberEnd(b []byte, i int) (int, bool) {
	if i < len(b) && b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else {
		end := digitsEnd(b, i)
		if end == i {
			return i, false
		}
		i = end
	}
	if i < len(b) && b[i] == '.' {
		end := digitsEnd(b, i+1)
		if end == i+1 {
			return i, false
		}
		i = end
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		end := digitsEnd(b, i)
		if end == i {
			return i, false
		}
		i = end
	}
	return i, true
}

func digitsEnd(b []byte, i int) int {
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	return i
}
