package wire

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxSymbol is the length of the longest symbol in bytes of UTF-8.
	MaxSymbol = 64
	// MaxEvent is the length of the longest event name in bytes.
	MaxEvent = 64

	star = "*"
)

// ValidEvent reports whether s can be the event part of a channel:
// [A-Za-z0-9_-]{1,64}.
func ValidEvent(s string) bool {
	if len(s) == 0 || len(s) > MaxEvent {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}

// ValidSymbol reports whether s can be the symbol part of a channel: valid
// UTF-8 of 1 to 64 bytes without `.`, `*`, `/`, control characters (Unicode
// category Cc) or white space (Unicode property White_Space). Quotes,
// backslashes and letters of any script are allowed. It does not allocate.
func ValidSymbol[S ~string | ~[]byte](s S) bool {
	if len(s) == 0 || len(s) > MaxSymbol {
		return false
	}
	ascii := true
	for i := range len(s) {
		c := s[i]
		if c >= utf8.RuneSelf {
			ascii = false
		} else if c <= ' ' || c == 0x7f || c == '.' || c == '*' || c == '/' {
			return false
		}
	}
	if ascii {
		return true
	}
	var buf [MaxSymbol]byte
	b := buf[:copy(buf[:], s)]
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 || unicode.IsControl(r) || unicode.IsSpace(r) {
			return false
		}
		b = b[n:]
	}
	return true
}

// A Pattern names channels by their two parts. One part may be `*`, which
// stands for every symbol or every event; never both.
type Pattern struct {
	Symbol, Event string
}

// ParsePattern reads `BTC.trade`, `BTC.*` or `*.trade`. Its error says what is
// wrong with s and how a pattern looks.
func ParsePattern(s string) (Pattern, error) {
	symbol, event, found := strings.Cut(s, ".")
	switch {
	case !found:
		return Pattern{}, patternError(s, "has no event: write symbol.event, such as BTC.trade")
	case symbol == star && event == star:
		return Pattern{}, patternError(s, "has two stars: name a symbol or an event")
	case strings.Contains(event, "."):
		return Pattern{}, patternError(s, "has more than two parts: write symbol.event, such as BTC.trade")
	case symbol != star && !ValidSymbol(symbol):
		return Pattern{}, patternError(s, "has no usable symbol: 1 to 64 bytes without '*', '/', control characters or white space, or '*' alone")
	case event != star && !ValidEvent(event):
		return Pattern{}, patternError(s, "has no usable event: 1 to 64 of A-Z, a-z, 0-9, '_' and '-', or '*' alone")
	}
	return Pattern{Symbol: symbol, Event: event}, nil
}

func patternError(s, fault string) error {
	return fmt.Errorf("channel %s %s", quote(s), fault)
}

// String gives the text that ParsePattern reads.
func (p Pattern) String() string { return p.Symbol + "." + p.Event }

// Covers reports whether p allows everything that q asks for, part by part:
// p's part is `*` or equal to q's. It is the rule for the channels claim of a
// token.
func (p Pattern) Covers(q Pattern) bool {
	return (p.Symbol == star || p.Symbol == q.Symbol) && (p.Event == star || p.Event == q.Event)
}

// Matches reports whether a message of symbol and event is one of p's.
func (p Pattern) Matches(symbol, event string) bool {
	return p.Covers(Pattern{Symbol: symbol, Event: event})
}
