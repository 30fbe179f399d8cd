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

// A kind is how one sort of value is read and shown. An error of parse says why
// the value cannot be and what would be right; it does not repeat the value.
type kind[T any] struct {
	parse func(string) (T, error)
	print func(T) string
	empty bool // the empty value means something: the empty list
}

const off = "off"

// duration reads a time between least and most, both allowed.
func duration(least, most time.Duration) kind[time.Duration] {
	return kind[time.Duration]{
		parse: func(s string) (time.Duration, error) { return parseDuration(s, least, most) },
		print: printDuration,
	}
}

// durationOrOff reads a time, or off as 0.
func durationOrOff(least, most time.Duration) kind[time.Duration] {
	return orOff(duration(least, most))
}

func parseDuration(s string, least, most time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		if _, err := strconv.ParseFloat(s, 64); err == nil {
			return 0, fmt.Errorf("a time needs a unit: write %ss or %sms", s, s)
		}
		return 0, errors.New("not a time: write 500ms, 25s or 5m")
	}
	if d < least || d > most {
		return 0, fmt.Errorf("must be from %s to %s", printDuration(least), printDuration(most))
	}
	return d, nil
}

// printDuration leaves out the zeros of time.Duration's 5m0s.
func printDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

var sizeUnits = []struct {
	name  string
	bytes int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// size reads a number of bytes between least and most, both allowed.
func size(least, most int64) kind[int64] {
	return kind[int64]{
		parse: func(s string) (int64, error) { return parseSize(s, least, most) },
		print: printSize,
	}
}

// sizeOrOff reads a number of bytes, or off as 0.
func sizeOrOff(least, most int64) kind[int64] { return orOff(size(least, most)) }

// parseSize takes powers of 1024 only: 64KB means 64,000 to one half of the
// readers and 65,536 to the other.
func parseSize(s string, least, most int64) (int64, error) {
	digits := s
	unit := int64(1)
	for _, u := range sizeUnits {
		if d, ok := strings.CutSuffix(s, u.name); ok {
			digits, unit = d, u.bytes
			break
		}
	}
	// ParseUint takes no sign, and base 10 no underscore.
	n, err := strconv.ParseUint(strings.TrimSpace(digits), 10, 63)
	if errors.Is(err, strconv.ErrRange) || err == nil && int64(n) > math.MaxInt64/unit {
		return 0, fmt.Errorf("must be from %s to %s", printSize(least), printSize(most))
	}
	if err != nil {
		return 0, errors.New("not a size: write a whole number of B, KiB, MiB or GiB, such as 64KiB")
	}
	b := int64(n) * unit
	if b < least || b > most {
		return 0, fmt.Errorf("must be from %s to %s", printSize(least), printSize(most))
	}
	return b, nil
}

// printSize shows the largest unit that divides the size: parsing it gives the
// same number again.
func printSize(b int64) string {
	for _, u := range sizeUnits {
		if b >= u.bytes && b%u.bytes == 0 {
			return strconv.FormatInt(b/u.bytes, 10) + u.name
		}
	}
	return "0B"
}

// limit reads a whole number from 1 to most, or off as 0.
func limit(most int) kind[int] {
	return kind[int]{
		parse: func(s string) (int, error) {
			if s == off {
				return 0, nil
			}
			n, err := strconv.ParseUint(s, 10, 63)
			if errors.Is(err, strconv.ErrSyntax) {
				return 0, errors.New("not a whole number: write a number such as 1000, or off")
			}
			if err != nil || n < 1 || n > uint64(most) {
				return 0, fmt.Errorf("must be from 1 to %d, or off", most)
			}
			return int(n), nil
		},
		print: func(n int) string {
			if n == 0 {
				return off
			}
			return strconv.Itoa(n)
		},
	}
}

// percent reads 1 to 100, with or without the sign, or off as 0.
func percent() kind[int] {
	k := limit(100)
	whole := k.parse
	k.parse = func(s string) (int, error) { return whole(strings.TrimSuffix(s, "%")) }
	return k
}

func boolean() kind[bool] {
	return kind[bool]{
		parse: func(s string) (bool, error) {
			switch s {
			case "true":
				return true, nil
			case "false":
				return false, nil
			}
			return false, errors.New("write true or false")
		},
		print: strconv.FormatBool,
	}
}

// text reads anything that is one line.
func text() kind[string] {
	return kind[string]{
		parse: func(s string) (string, error) { return s, oneLine(s) },
		print: func(s string) string { return s },
	}
}

// secret reads what text reads, of at least so many bytes and checked by valid,
// and shows the mask.
func secret(valid func(string) error) kind[Secret] {
	return kind[Secret]{
		parse: func(s string) (Secret, error) {
			if err := oneLine(s); err != nil {
				return "", err
			}
			if err := valid(s); err != nil {
				return "", err
			}
			return Secret(s), nil
		},
		print: Secret.String,
	}
}

func oneLine(s string) error {
	if !utf8.ValidString(s) {
		return errors.New("not valid UTF-8")
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		return errors.New("has a control character: write it on one line")
	}
	return nil
}

// oneOf reads one of the words, whatever the case, as the word is written here.
func oneOf(words ...string) kind[string] {
	return kind[string]{
		parse: func(s string) (string, error) {
			for _, w := range words {
				if strings.EqualFold(s, w) {
					return w, nil
				}
			}
			return "", errors.New("write " + either(words))
		},
		print: func(s string) string { return s },
	}
}

func level() kind[slog.Level] {
	names := []string{"debug", "info", "warn", "error"}
	levels := []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}
	word := oneOf(names...)
	return kind[slog.Level]{
		parse: func(s string) (slog.Level, error) {
			w, err := word.parse(s)
			if err != nil {
				return 0, err
			}
			return levels[slices.Index(names, w)], nil
		},
		print: func(l slog.Level) string { return strings.ToLower(l.String()) },
	}
}

// list reads items parted by commas, white space around them left out. An item
// twice is an error, told by its printed form.
func list[T any](item kind[T]) kind[[]T] {
	return kind[[]T]{
		empty: true,
		parse: func(s string) ([]T, error) {
			if strings.TrimSpace(s) == "" {
				return nil, nil
			}
			parts := strings.Split(s, ",")
			var items []T
			var seen []string
			for _, part := range parts {
				part = strings.TrimSpace(part)
				if part == "" {
					return nil, errors.New("has an empty item: part the items by one comma each")
				}
				v, err := item.parse(part)
				if err != nil && len(parts) == 1 {
					return nil, err
				}
				if err != nil {
					return nil, fmt.Errorf("item %q: %w", part, err)
				}
				if shown := item.print(v); slices.Contains(seen, shown) {
					return nil, fmt.Errorf("item %q is there twice: leave one out", part)
				} else {
					seen = append(seen, shown)
				}
				items = append(items, v)
			}
			return items, nil
		},
		print: func(items []T) string {
			shown := make([]string, len(items))
			for i, v := range items {
				shown[i] = item.print(v)
			}
			return strings.Join(shown, ",")
		},
	}
}

// atLeastOne is a list that must not be empty.
func atLeastOne[T any](k kind[[]T]) kind[[]T] {
	k.empty = false
	return k
}

// orOff adds the word off, for the zero value.
func orOff[T comparable](k kind[T]) kind[T] {
	var zero T
	return kind[T]{
		parse: func(s string) (T, error) {
			if s == off {
				return zero, nil
			}
			v, err := k.parse(s)
			if err != nil {
				return zero, fmt.Errorf("%w, or off", err)
			}
			return v, nil
		},
		print: func(v T) string {
			if v == zero {
				return off
			}
			return k.print(v)
		},
	}
}

// either joins words as English does: "a, b or c".
func either(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
