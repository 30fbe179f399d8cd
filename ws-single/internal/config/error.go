package config

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// An Error is one wrong setting, in one line without secrets.
type Error struct {
	Setting string // what is wrong: a setting's name, a flag, or a file
	Source  Source // where it was set; "" where Setting says so itself
	Why     string // why it cannot be, and what would be right

	value string // as shown: quoted where needed; "" for secrets
}

// Error returns "SETTING=value (source): why".
func (e *Error) Error() string {
	return subject(e.Setting, e.value, e.Source) + ": " + e.Why
}

// A Source is where a value came from: "--addr", "environment", "single.env:3",
// "default", or what a default was derived from.
type Source string

const (
	fromEnvironment Source = "environment"
	fromDefault     Source = "default"
	fromVersion     Source = "default, from VERSION"
	fromFileLimit   Source = "default, from the file limit"
	fromCgroup      Source = "default, from the cgroup"
)

func fromFlag(flag string) Source { return Source("--" + flag) }

func fromFile(path string, line int) Source {
	return Source(path + ":" + strconv.Itoa(line))
}

func subject(setting, value string, source Source) string {
	if value != "" {
		setting += "=" + value
	}
	if source != "" {
		setting += " (" + string(source) + ")"
	}
	return setting
}

// shown is a value as an error may show it: on one line, at a readable length.
func shown(value string) string {
	const most = 80
	if len(value) > most {
		cut := value[:most]
		for !utf8.ValidString(cut) && len(cut) > most-utf8.UTFMax {
			cut = cut[:len(cut)-1]
		}
		value = cut + "…"
	}
	if value == "" || strings.ContainsFunc(value, func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r) || r == '"' || r == utf8.RuneError
	}) {
		return strconv.Quote(value)
	}
	return value
}

func errorf(setting string, source Source, format string, args ...any) *Error {
	return &Error{Setting: setting, Source: source, Why: fmt.Sprintf(format, args...)}
}
