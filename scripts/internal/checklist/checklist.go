package checklist

import (
	"fmt"
	"strings"
)

// List is conditions in the order in which they were looked at. The zero List is empty, and not met.
type List struct {
	items []item
	see   func(line string)
}

type item struct {
	mark, text string
}

// The marks are as long as each other, so that what follows them stands in one column.
const (
	holds = "ok"
	fails = "NO"
	open  = "--"
)

// Watch has each condition told to see, a line of String without its newline, as soon as it is known: some take minutes.
func (l *List) Watch(see func(line string)) { l.see = see }

// Holds adds a condition that holds: what is so.
func (l *List) Holds(format string, args ...any) { l.add(holds, format, args) }

// Fails adds one that does not: what is so, and what to do about it.
func (l *List) Fails(format string, args ...any) { l.add(fails, format, args) }

// Open adds one that was not looked at, and why. It is not met either.
func (l *List) Open(format string, args ...any) { l.add(open, format, args) }

func (l *List) add(mark, format string, args []any) {
	i := item{mark, fmt.Sprintf(format, args...)}
	l.items = append(l.items, i)
	if l.see != nil {
		l.see(i.line())
	}
}

// line indents what of a text goes over several lines.
func (i item) line() string {
	return fmt.Sprintf("  %s  %s", i.mark, strings.ReplaceAll(i.text, "\n", "\n      "))
}

// Met says whether there are conditions and all of them hold.
func (l *List) Met() bool {
	return len(l.items) > 0 && l.Unmet() == 0
}

// Unmet is how many do not hold or were not looked at.
func (l *List) Unmet() int {
	n := 0
	for _, i := range l.items {
		if i.mark != holds {
			n++
		}
	}
	return n
}

// Held are the texts of those that hold.
func (l *List) Held() []string {
	var all []string
	for _, i := range l.items {
		if i.mark == holds {
			all = append(all, i.text)
		}
	}
	return all
}

// String is the conditions, a line each, with ok, NO, or -- before those that were not looked at.
func (l *List) String() string {
	var b strings.Builder
	for _, i := range l.items {
		b.WriteString(i.line() + "\n")
	}
	return b.String()
}
