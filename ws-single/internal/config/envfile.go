package config

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"
)

// An assignment is one KEY=VALUE of a file.
type assignment struct {
	name, value string
	line        int
}

// maxFile bounds what is read: a settings file is small, a wrong path may not be.
const maxFile = 1 << 20

func readEnvFile(path string) ([]assignment, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	switch {
	case info.IsDir():
		return nil, errorf("--config "+shown(path), "", "is a folder: give a file of KEY=VALUE lines")
	case info.Size() > maxFile:
		return nil, errorf("--config "+shown(path), "", "is larger than %s: give a file of KEY=VALUE lines", printSize(maxFile))
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	return parseEnvFile(path, content)
}

func fileError(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errorf("--config "+shown(path), "", "no such file: give the path of a file of KEY=VALUE lines")
	}
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	return errorf("--config "+shown(path), "", "cannot be read: %v", err)
}

// parseEnvFile reads lines of KEY=VALUE as a shell and Docker Compose do where
// those agree: blank lines and # comments, an optional export, '…' as it
// stands, "…" with \n, \t, \", \\ and \$, and nothing expanded. The usual
// libraries forget the line numbers, and an error without one is half an error.
func parseEnvFile(path string, content []byte) ([]assignment, error) {
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	if !utf8.Valid(content) || bytes.IndexByte(content, 0) >= 0 {
		return nil, errorf("--config "+shown(path), "", "is not text: give a file of KEY=VALUE lines in UTF-8")
	}
	var all []assignment
	for i, line := range strings.Split(string(content), "\n") {
		a, why := parseLine(line)
		if why != "" {
			// The line is not quoted: what is wrong with it may be a
			// password.
			return nil, errorf(string(fromFile(path, i+1)), "", "%s", why)
		}
		if a.name != "" {
			a.line = i + 1
			all = append(all, a)
		}
	}
	return all, nil
}

// parseLine returns the zero assignment for a line without one, or why the line
// cannot be.
func parseLine(line string) (a assignment, why string) {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return assignment{}, ""
	}
	if rest, ok := strings.CutPrefix(line, "export"); ok && rest != strings.TrimLeft(rest, " \t") {
		line = strings.TrimLeft(rest, " \t")
	}
	name, rest, ok := strings.Cut(line, "=")
	if !ok {
		return assignment{}, "not KEY=VALUE: write one setting a line, comments after #"
	}
	if !validName(name) {
		return assignment{}, "not a name before the =: write KEY=VALUE without spaces around the ="
	}
	value, why := parseValue(rest)
	if why != "" {
		return assignment{}, name + " " + why
	}
	return assignment{name: name, value: value}, ""
}

func parseValue(s string) (value, why string) {
	if s == "" || s[0] != '"' && s[0] != '\'' {
		// A # begins a comment only after white space: a#b is a value.
		for i := range len(s) {
			if i > 0 && s[i] == '#' && (s[i-1] == ' ' || s[i-1] == '\t') {
				s = s[:i]
				break
			}
		}
		return strings.TrimSpace(s), ""
	}
	quote := s[0]
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == quote:
			rest := s[i+1:]
			after := strings.TrimLeft(rest, " \t")
			if after != "" && (after[0] != '#' || after == rest) {
				return "", "has something after its closing quote: write a comment after a space and a #"
			}
			return b.String(), ""
		case c == '\\' && quote == '"' && i+1 < len(s):
			i++
			switch s[i] {
			case 'n':
				b.WriteByte('\n')
			case 't':
				b.WriteByte('\t')
			case '"', '\\', '$':
				b.WriteByte(s[i])
			default:
				b.WriteByte('\\')
				b.WriteByte(s[i])
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", "has no closing quote: close it on the same line"
}

func validName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && !('A' <= c && c <= 'Z') && !('a' <= c && c <= 'z') && (i == 0 || !('0' <= c && c <= '9')) {
			return false
		}
	}
	return s != ""
}
