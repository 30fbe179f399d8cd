package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A Value is a field seen as text. Each implementation holds a pointer to the
// field and what the field may be.
type Value interface {
	// Set reads text into the field, or says why it cannot be and what would be
	// right. It does not repeat text, which may be secret.
	Set(text string) error
	// String is the field as text which Set reads as the same value. A secret
	// is its mask.
	String() string
	// Form is one word for what Set takes, such as TIME; "" for a switch.
	Form() string
}

// A Value may be one of these, too.
type (
	// confidential: its text is not repeated in a message.
	confidential interface{ confidential() }
	// emptiable: the empty text is the empty list.
	emptiable interface{ emptiable() bool }
)

const (
	off = "off"

	kib = int64(1) << 10
	mib = kib << 10
	gib = mib << 10
	tib = gib << 10

	day = 24 * time.Hour
)

// rangeFix is the advice of everything that has a least and a most.
func rangeFix(noun, least, most string, orOff bool) string {
	fix := fmt.Sprintf("write %s from %s to %s", noun, least, most)
	if orOff {
		fix += ", or off"
	}
	return fix
}

// number is a whole number.
type number struct {
	to          *int
	least, most int
	off         bool // 0, written off
}

func (v number) Set(text string) error {
	if v.off && text == off {
		*v.to = 0
		return nil
	}
	fix := rangeFix("a whole number", strconv.Itoa(v.least), strconv.Itoa(v.most), v.off)
	n, err := strconv.Atoi(text)
	if err != nil && !errors.Is(err, strconv.ErrRange) || text[0] == '+' {
		return &fault{"not a whole number", fix}
	}
	if err != nil || n < v.least || n > v.most {
		return &fault{"out of range", fix}
	}
	*v.to = n
	return nil
}

func (v number) String() string {
	if v.off && *v.to == 0 {
		return off
	}
	return strconv.Itoa(*v.to)
}

func (v number) Form() string { return "NUMBER" }

// limit is a number that may be off.
func limit(to *int, most int) Value { return number{to: to, least: 1, most: most, off: true} }

// percent is a limit of 1 to 100, with the sign or without.
type percent struct{ number }

func percentage(to *int) Value { return percent{number{to: to, least: 1, most: 100, off: true}} }

func (v percent) Set(text string) error { return v.number.Set(strings.TrimSuffix(text, "%")) }

// span is a length of time.
type span struct {
	to          *time.Duration
	least, most time.Duration
	off         bool // 0, written off
}

// Span is a Value for a length of time.
func Span(to *time.Duration, least, most time.Duration) Value {
	return span{to: to, least: least, most: most}
}

func (v span) Set(text string) error {
	if v.off && text == off {
		*v.to = 0
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		if n, err := strconv.ParseFloat(text, 64); err == nil && !math.IsInf(n, 0) && !math.IsNaN(n) {
			return &fault{"a time without its unit", fmt.Sprintf("write %ss or %sms", text, text)}
		}
		return &fault{"not a time", "write it like 500ms, 25s or 5m"}
	}
	if d < v.least || d > v.most {
		return &fault{"out of range", rangeFix("a time", spanText(v.least), spanText(v.most), v.off)}
	}
	*v.to = d
	return nil
}

func (v span) String() string {
	if v.off && *v.to == 0 {
		return off
	}
	return spanText(*v.to)
}

func (v span) Form() string { return "TIME" }

// spanText is a time without the zeros that time.Duration appends: 5m, 1h.
func spanText(d time.Duration) string {
	text := d.String()
	if short, ok := strings.CutSuffix(text, "m0s"); ok {
		text = short + "m"
		if short, ok := strings.CutSuffix(text, "h0m"); ok {
			text = short + "h"
		}
	}
	return text
}

// size is a number of bytes.
type size struct {
	to          *int64
	least, most int64
	off         bool // 0, written off
}

// units are powers of 1024 alone: 64KB is 64,000 to one reader and 65,536 to
// the next.
var units = []struct {
	name  string
	bytes int64
}{{"B", 1}, {"KiB", kib}, {"MiB", mib}, {"GiB", gib}, {"TiB", tib}}

func (v size) Set(text string) error {
	if v.off && text == off {
		*v.to = 0
		return nil
	}
	end := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(text)
	}
	factor := int64(0)
	switch name := strings.TrimSpace(text[end:]); name {
	case "":
		factor = 1
	default:
		for _, u := range units {
			if u.name == name {
				factor = u.bytes
			}
		}
	}
	if end == 0 || factor == 0 {
		return &fault{"not a size", "write a whole number of bytes, KiB, MiB or GiB, like 64KiB"}
	}
	n, err := strconv.ParseInt(text[:end], 10, 64)
	// Only too many digits are an error here, and they are too large as well.
	if err != nil || n > v.most/factor || n*factor < v.least {
		return &fault{"out of range", rangeFix("a size", sizeText(v.least), sizeText(v.most), v.off)}
	}
	*v.to = n * factor
	return nil
}

func (v size) String() string {
	if v.off && *v.to == 0 {
		return off
	}
	return sizeText(*v.to)
}

func (v size) Form() string { return "SIZE" }

// sizeText is in the largest unit that leaves no fraction.
func sizeText(bytes int64) string {
	best := units[0]
	for _, u := range units[1:] {
		if bytes != 0 && bytes%u.bytes == 0 {
			best = u
		}
	}
	return strconv.FormatInt(bytes/best.bytes, 10) + best.name
}

// toggle is true or false.
type toggle struct{ to *bool }

// Switch is a Value for true or false; as a flag it needs no text.
func Switch(to *bool) Value { return toggle{to} }

func (v toggle) Set(text string) error {
	if text != "true" && text != "false" {
		return &fault{"neither true nor false", "write one of them"}
	}
	*v.to = text == "true"
	return nil
}

func (v toggle) String() string { return strconv.FormatBool(*v.to) }
func (v toggle) Form() string   { return "" }

// word is one of a few words, in any case.
type word struct {
	to  *string
	one []string
}

func (v word) Set(text string) error {
	i := slices.IndexFunc(v.one, func(w string) bool { return strings.EqualFold(w, text) })
	if i < 0 {
		last := len(v.one) - 1
		return &fault{"unknown", "write " + strings.Join(v.one[:last], ", ") + " or " + v.one[last]}
	}
	*v.to = v.one[i]
	return nil
}

func (v word) String() string { return *v.to }
func (v word) Form() string   { return "WORD" }

// level is a level of the log.
type level struct{ to *slog.Level }

func (v level) Set(text string) error {
	name := ""
	if err := (word{&name, []string{"debug", "info", "warn", "error"}}).Set(text); err != nil {
		return err
	}
	return v.to.UnmarshalText([]byte(name))
}

func (v level) String() string { return strings.ToLower(v.to.String()) }
func (v level) Form() string   { return "WORD" }

// parsed is any other text, as read makes it.
type parsed struct {
	to   *string
	form string
	read func(string) (string, error)
}

func (v parsed) Set(text string) (err error) {
	text, err = v.read(text)
	if err == nil {
		*v.to = text
	}
	return err
}

func (v parsed) String() string { return *v.to }
func (v parsed) Form() string   { return v.form }

// line is any text on one line.
func line(to *string, form string) Value { return parsed{to, form, readLine} }

func readLine(text string) (string, error) {
	switch {
	case !utf8.ValidString(text):
		return "", &fault{"not UTF-8", "write it in UTF-8"}
	case strings.ContainsFunc(text, unicode.IsControl):
		return "", &fault{"there is a control character in it", "write it on one line, without any"}
	}
	return text, nil
}

// quiet keeps a value's text out of messages.
type quiet struct{ Value }

func (quiet) confidential() {}

// secret is text on one line that is shown nowhere.
type secret struct {
	to   *Secret
	fits func(string) error // nil: anything
}

func (v secret) Set(text string) error {
	_, err := readLine(text)
	if err == nil && v.fits != nil {
		err = v.fits(text)
	}
	if err == nil {
		*v.to = NewSecret(text)
	}
	return err
}

func (v secret) String() string { return v.to.String() }
func (v secret) Form() string   { return "SECRET" }
func (secret) confidential()    {}

const makeOne = "make one with: openssl rand -hex 32"

// bearer takes what can follow Bearer in a header (RFC 6750, section 2.1).
func bearer(text string) error {
	token := strings.TrimRight(text, "=")
	allowed := func(r rune) bool {
		return r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-._~+/", r))
	}
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return !allowed(r) }) {
		return &fault{"it has characters that no bearer token has", makeOne}
	}
	return nil
}

// leastKey is the size of the smallest hash: a shorter key can be found from
// one token (RFC 7518, section 3.2).
const leastKey = 32

func signingKey(text string) error {
	if len(text) < leastKey {
		return &fault{fmt.Sprintf("it has %d bytes, fewer than the %d a key needs", len(text), leastKey), makeOne}
	}
	return nil
}
