// Package promql finds out what a query of Prometheus reads: which series, by which labels. Whether it is well formed is
// for Prometheus and promtool to say; this is for tests that ask whether what it names exists.
package promql

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Selector is a series, or several, that a query reads.
type Selector struct {
	Name     string
	Matchers []Matcher
}

// Matcher is a condition on a label: code="4001".
type Matcher struct{ Label, Op, Value string }

// Values are those that a condition names; of a regular expression its alternatives.
func (m Matcher) Values() []string {
	if strings.HasSuffix(m.Op, "~") {
		return strings.Split(m.Value, "|")
	}
	return []string{m.Value}
}

var (
	token = regexp.MustCompile(`^(?:"(?:[^"\\]|\\.)*"|\[[^\]]*\]|[a-zA-Z_:][a-zA-Z0-9_:]*|[0-9][0-9a-zA-Z.]*|=~|!~|!=|[^\s])`)
	name  = regexp.MustCompile(`^[a-zA-Z_:]`)

	// grouping is followed by a list of labels, operators stand between two series.
	grouping  = []string{"by", "without", "on", "ignoring", "group_left", "group_right"}
	operators = []string{"and", "or", "unless", "bool", "offset", "inf", "nan"}
)

// Selectors returns what the query reads, in its order, repeats included. An error says what it did not understand: a
// selector without a metric's name, or one that does not end.
func Selectors(query string) ([]Selector, error) {
	words := split(query)
	var found []Selector
	for i := 0; i < len(words); i++ {
		w := words[i]
		next := ""
		if i+1 < len(words) {
			next = words[i+1]
		}
		switch {
		case w == "{":
			return nil, fmt.Errorf("%s: a selector without a name", query)
		case !name.MatchString(w) || slices.Contains(operators, strings.ToLower(w)):
		case slices.Contains(grouping, strings.ToLower(w)):
			if next == "(" {
				for i < len(words) && words[i] != ")" {
					i++
				}
			}
		case next == "(": // a function
		case slices.Contains(grouping, next): // an aggregation with its labels in front
		case next == "{":
			s := Selector{Name: w}
			end := slices.Index(words[i:], "}")
			if end < 0 {
				return nil, fmt.Errorf("%s: the selector of %s does not end", query, w)
			}
			for list := words[i+2 : i+end]; len(list) > 0; {
				if len(list) < 3 {
					return nil, fmt.Errorf("%s: the selector of %s has half a condition", query, w)
				}
				s.Matchers = append(s.Matchers, Matcher{list[0], list[1], strings.Trim(list[2], `"`)})
				if list = list[3:]; len(list) > 0 && list[0] == "," {
					list = list[1:]
				}
			}
			found = append(found, s)
			i += end
		default:
			found = append(found, Selector{Name: w})
		}
	}
	return found, nil
}

// split cuts a query into names, strings, ranges, numbers and signs.
func split(query string) (words []string) {
	for rest := query; ; {
		rest = strings.TrimLeft(rest, " \t\r\n")
		w := token.FindString(rest)
		if w == "" {
			return words
		}
		words = append(words, w)
		rest = rest[len(w):]
	}
}
