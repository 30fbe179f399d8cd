package model

import "fmt"

// counted writes a number of things.
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// short writes a number with three digits: 12,300 is 12.3k.
func short(v float64) string {
	for _, unit := range []struct {
		by   float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if v >= unit.by*0.9995 {
			return digits(v/unit.by) + unit.name
		}
	}
	return digits(v)
}

// Things writes a number of things, which may be a part of one or many.
func Things(v float64, what string) string {
	if s := short(v); s != "1" {
		return s + " " + what + "s"
	}
	return "1 " + what
}

// size writes bytes; a KiB has 1,024.
func size(v float64) string {
	for _, unit := range []struct {
		by   float64
		name string
	}{{1 << 40, "TiB"}, {1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if v >= unit.by*1023.5/1024 { // no 1,024 of the unit below
			return digits(v/unit.by) + " " + unit.name
		}
	}
	if v < 10 {
		return digits(v) + " B"
	}
	return fmt.Sprintf("%.0f B", v)
}

// digits are three, without an exponent.
func digits(v float64) string {
	if v >= 999.5 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// Short and Size write figures as this package does in words.
func Short(v float64) string { return short(v) }

// Size writes bytes, in units of 1,024.
func Size(v float64) string { return size(v) }
