package config

import (
	"strconv"
	"strings"
	"unicode"
)

// An Error is a setting, or a part of the command line, that cannot be. It is
// one line, and it holds no secret.
type Error struct {
	Setting string // a setting, a flag with its dashes, a word of the command line or a file
	Value   string // as it was written, in a form that fits a line; "" for none and for what may be secret
	Source  Source // where it was written; "" where Setting tells that
	Why     string // why it cannot be
	Fix     string // what would be right; "" where Why tells that
}

// Error returns "SETTING=value (source): why; fix".
func (e *Error) Error() string {
	line := mention(e.Setting, e.Value, e.Source) + ": " + e.Why
	if e.Fix != "" {
		line += "; " + e.Fix
	}
	return line
}

// A Source says where a value was written: "--addr", "environment",
// "multi.env:3", or "default" with what a derived default came from.
type Source string

const (
	environment    Source = "environment"
	byDefault      Source = "default"
	defaultVersion Source = "default: VERSION"
	defaultFiles   Source = "default: file limit"
	defaultCgroup  Source = "default: cgroup"
	defaultCores   Source = "default: cores"
)

// chosen says whether somebody wrote the value.
func (s Source) chosen() bool { return !strings.HasPrefix(string(s), string(byDefault)) }

func fileLine(path string, line int) Source {
	return Source(path + ":" + strconv.Itoa(line))
}

// A fault is what a Value says about a text; the loader knows whose text it is.
type fault struct{ why, fix string }

func (f *fault) Error() string {
	if f.fix == "" {
		return f.why
	}
	return f.why + "; " + f.fix
}

func mention(setting, value string, source Source) string {
	var b strings.Builder
	b.WriteString(setting)
	if value != "" {
		b.WriteString("=" + value)
	}
	if source != "" {
		b.WriteString(" (" + string(source) + ")")
	}
	return b.String()
}

// longest is how many characters of a value a message repeats.
const longest = 80

// legible is a text as a message repeats it: on one line, cut where it is long,
// and quoted where it would not be seen or could be taken for the message's own.
func legible(text string) string {
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest]) + "..."
	}
	plain := text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return r == '"' || r == unicode.ReplacementChar || r == ' ' || !unicode.IsPrint(r)
	})
	if plain {
		return text
	}
	return strconv.Quote(text)
}
