package wire_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/adred-codev/ws_poc/kit/wire"
)

func TestValidEvent(t *testing.T) {
	for s, want := range map[string]bool{
		"trade": true, "T-1_x": true, "0": true, strings.Repeat("e", 64): true,
		"": false, "*": false, "a.b": false, "a b": false, "tradé": false, "a/b": false, "a\x00": false, strings.Repeat("e", 65): false,
	} {
		if got := wire.ValidEvent(s); got != want {
			t.Errorf("ValidEvent(%q) = %v", s, got)
		}
	}
}

func TestValidSymbol(t *testing.T) {
	for s, want := range map[string]bool{
		"BTC": true, "btc-usd_1": true, `"\`: true, "é": true, "比特币": true, "😀": true, "a:b,c{}": true, "\u200b": true, "\ufeff": true,
		strings.Repeat("s", 64): true, strings.Repeat("é", 32): true,
		"": false, "*": false, "a*": false, "a.b": false, "a/b": false,
		" ": false, "a b": false, "a\tb": false, "\u00a0": false, "a\u2028": false, "\u3000": false, "\u1680": false,
		"\x00": false, "a\x1f": false, "\x7f": false, "\u0085": false, "\u009f": false,
		"\xff": false, "a\xc3": false, "\xed\xa0\x80": false, "\xc0\xaf": false,
		strings.Repeat("s", 65): false, strings.Repeat("é", 33): false,
	} {
		if got := wire.ValidSymbol(s); got != want {
			t.Errorf("ValidSymbol(%q) = %v", s, got)
		}
		if got := wire.ValidSymbol([]byte(s)); got != want {
			t.Errorf("ValidSymbol([]byte(%q)) = %v", s, got)
		}
	}
}

// Code points alone, against the rule's own words: all of the basic plane, where
// the excluded ones are, and some beyond.
func TestValidSymbolByCodePoint(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if r > 0x1_0000 {
			r += 250
		}
		if !utf8.ValidRune(r) {
			continue
		}
		want := !strings.ContainsRune(".*/", r) && !unicode.Is(unicode.Cc, r) && !unicode.Is(unicode.White_Space, r)
		if got := wire.ValidSymbol(string(r)); got != want {
			t.Errorf("ValidSymbol(%U) = %v", r, got)
		}
	}
}

func TestValidSymbolDoesNotAllocate(t *testing.T) {
	symbol := []byte("比特币-\"x\"")
	if n := testing.AllocsPerRun(100, func() { wire.ValidSymbol(symbol) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestParsePattern(t *testing.T) {
	for in, want := range map[string]wire.Pattern{
		"BTC.trade":  {Symbol: "BTC", Event: "trade"},
		"BTC.*":      {Symbol: "BTC", Event: "*"},
		"*.trade":    {Symbol: "*", Event: "trade"},
		`"β\.social`: {Symbol: `"β\`, Event: "social"},
	} {
		got, err := wire.ParsePattern(in)
		if err != nil || got != want {
			t.Errorf("ParsePattern(%q) = %v, %v", in, got, err)
		}
		if got.String() != in {
			t.Errorf("%q comes back as %q", in, got)
		}
	}
	for in, says := range map[string]string{
		"":                                 "no event",
		"BTC":                              "no event",
		"*":                                "no event",
		"*.*":                              "two stars",
		".trade":                           "no usable symbol",
		"BTC.":                             "no usable event",
		".":                                "no usable symbol",
		"BTC.trade.x":                      "more than two parts",
		"BTC..trade":                       "more than two parts",
		"BT*.trade":                        "no usable symbol",
		"**.trade":                         "no usable symbol",
		"BTC.tr*":                          "no usable event",
		"B TC.trade":                       "no usable symbol",
		"BTC/USD.trade":                    "no usable symbol",
		"BTC.träde":                        "no usable event",
		"\xff.trade":                       "no usable symbol",
		strings.Repeat("x", 65) + ".trade": "no usable symbol",
	} {
		got, err := wire.ParsePattern(in)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("ParsePattern(%q) = %v, %v; want …%s…", in, got, err, says)
		}
	}
}

func TestPatternCoversAndMatches(t *testing.T) {
	tests := []struct {
		p, q string
		want bool
	}{
		{"BTC.trade", "BTC.trade", true},
		{"BTC.*", "BTC.trade", true},
		{"*.trade", "BTC.trade", true},
		{"BTC.*", "BTC.*", true},
		{"*.trade", "*.trade", true},
		{"BTC.trade", "BTC.*", false},
		{"BTC.trade", "*.trade", false},
		{"BTC.*", "*.trade", false},
		{"*.trade", "BTC.*", false},
		{"BTC.trade", "ETH.trade", false},
		{"BTC.trade", "BTC.social", false},
		{"BTC.*", "ETH.trade", false},
		{"*.trade", "BTC.social", false},
		{"BTC.trade", "btc.trade", false},
	}
	for _, test := range tests {
		p, q := pattern(t, test.p), pattern(t, test.q)
		if got := p.Covers(q); got != test.want {
			t.Errorf("%s covers %s: %v", p, q, got)
		}
		if !strings.Contains(test.q, "*") && p.Matches(q.Symbol, q.Event) != test.want {
			t.Errorf("%s matches %s: %v", p, q, !test.want)
		}
	}
}

func pattern(t *testing.T, s string) wire.Pattern {
	t.Helper()
	p, err := wire.ParsePattern(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
