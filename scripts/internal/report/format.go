package report

import (
	"math"
	"strconv"
	"strings"
)

// none stands where there is no figure.
const none = "–"

// number writes v with three digits that count, and with separators: 0.0042, 4.31, 104, 12,340.
func number(v float64) string {
	switch {
	case !finite(v):
		return none
	case v == 0:
		return "0"
	case v < 0:
		return "−" + number(-v)
	case v == math.Trunc(v):
		return grouped(strconv.FormatFloat(v, 'f', 0, 64))
	}
	digits := 2 - int(math.Floor(math.Log10(v)))
	// 9.999 has one digit fewer behind the point once it is rounded.
	if shift := math.Pow10(digits); digits >= 0 && math.Round(v*shift)/shift >= math.Pow10(3-digits) {
		digits--
	}
	s := strconv.FormatFloat(v, 'f', min(max(digits, 0), 9), 64)
	if digits > 3 { // 0.000400 claims nothing more than 0.0004
		s = strings.TrimRight(s, "0")
	}
	return grouped(s)
}

// count writes a whole number with separators.
func count[T int | int64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	if digits, negative := strings.CutPrefix(s, "-"); negative {
		return "−" + grouped(digits)
	}
	return grouped(s)
}

func grouped(s string) string {
	whole, fraction, point := strings.Cut(s, ".")
	var b strings.Builder
	for i, r := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	if point {
		b.WriteString("." + fraction)
	}
	return b.String()
}

// amount writes an amount of memory; a KB has 1,024 bytes, as limits have it.
func amount(v float64) string {
	switch a := math.Abs(v); {
	case !finite(v):
		return none
	case a < 1<<10:
		return number(math.Round(v)) + " B"
	case a < 1<<20:
		return number(v/(1<<10)) + " KB"
	case a < 1<<30:
		return number(v/(1<<20)) + " MB"
	}
	return number(v/(1<<30)) + " GB"
}

// percent writes a share so that what is not all is never rounded to 100%.
func percent(share float64) string {
	switch {
	case !finite(share):
		return none
	case share == 1:
		return "100%"
	case share > 0.999 && share < 1:
		for digits := 2; digits < 9; digits++ {
			s := strconv.FormatFloat(share*100, 'f', digits, 64)
			if !strings.HasPrefix(s, "100") {
				return s + "%"
			}
		}
		return "just below 100%"
	}
	return number(share*100) + "%"
}

// seconds writes a duration of a run: 74 s, 3 min 20 s.
func seconds(s float64) string {
	if !finite(s) || s < 0 || s > 1e8 {
		return none
	}
	if s < 120 {
		return number(s) + " s"
	}
	whole := int64(math.Round(s))
	text := count(whole/60) + " min"
	if rest := whole % 60; rest > 0 {
		text += " " + count(rest) + " s"
	}
	return text
}

// exact writes what somebody stated, as they did.
func exact(v float64) string {
	if !finite(v) {
		return none
	}
	if v < 0 {
		return "−" + exact(-v)
	}
	return grouped(strconv.FormatFloat(v, 'f', -1, 64))
}

// bound writes a limit in the unit of its judgement.
func bound(v float64, unit string) string {
	if u := in(1, unit); !strings.HasPrefix(u, "1 B") && strings.HasPrefix(u, "1") {
		return exact(v) + strings.TrimPrefix(u, "1")
	}
	return in(v, unit)
}

// in writes v in a unit as a judgement names it.
func in(v float64, unit string) string {
	switch strings.ToLower(unit) {
	case "x", "×":
		return number(v) + "×"
	case "", "1":
		return number(v)
	case "b", "byte", "bytes":
		return amount(v)
	}
	if !finite(v) {
		return none
	}
	return number(v) + " " + strings.Replace(unit, "us", "µs", 1)
}

// plural writes a number and what is counted.
func plural[T int | int64](n T, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}

// list joins parts as a sentence does.
func list(parts []string) string {
	switch len(parts) {
	case 0:
		return ""
	case 1:
		return parts[0]
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1]
}
