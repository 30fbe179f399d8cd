package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"unicode/utf8"
)

// An assignment is a value given to a name.
type assignment struct {
	name, text string
	source     Source
}

// fileBytes is far beyond any file of settings: a wrong path must not fill the
// memory.
const fileBytes = 1 << 20

func readEnvFile(path string) ([]assignment, error) {
	refuse := func(why, fix string) error {
		return &Error{Setting: "--config", Value: legible(path), Why: why, Fix: fix}
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, refuse("there is no such file", "give the path of one that has KEY=VALUE lines")
	}
	if err != nil {
		return nil, refuse("it cannot be opened ("+reason(err)+")", "give a file this user may read")
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, fileBytes+1))
	switch {
	case err != nil:
		return nil, refuse("it cannot be read ("+reason(err)+")", "give a file that has KEY=VALUE lines")
	case len(content) > fileBytes:
		return nil, refuse("it has more than "+sizeText(fileBytes), "give a file that has KEY=VALUE lines only")
	case !utf8.Valid(content), strings.ContainsRune(string(content), 0):
		return nil, refuse("it is not text", "give a file that has KEY=VALUE lines in UTF-8")
	}
	return parseEnv(path, string(content))
}

// reason is the system's word, without the path that the message has already.
func reason(err error) string {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	return err.Error()
}

// parseEnv reads what shells and Docker Compose both read as the same thing.
// Dotenv libraries forget on which line a name stood, and an error has to say it.
func parseEnv(path, content string) ([]assignment, error) {
	var all []assignment
	number := 0
	for text := range strings.SplitSeq(strings.TrimPrefix(content, "\ufeff"), "\n") {
		number++
		a, wrong := parseEnvLine(text)
		if wrong != nil {
			// The text is left out: it may be half a password.
			return nil, &Error{Setting: string(fileLine(path, number)), Why: wrong.why, Fix: wrong.fix}
		}
		if a.name != "" {
			a.source = fileLine(path, number)
			all = append(all, a)
		}
	}
	return all, nil
}

var (
	exported = regexp.MustCompile(`^export[ \t]+`)
	envName  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	// comment needs white space before its #: a#b is a value.
	comment = regexp.MustCompile(`(?s)[ \t]+#.*$`)
)

// parseEnvLine gives no name for a line that has none to give.
func parseEnvLine(text string) (assignment, *fault) {
	text = strings.TrimSpace(text)
	if text == "" || text[0] == '#' {
		return assignment{}, nil
	}
	name, rest, found := strings.Cut(exported.ReplaceAllString(text, ""), "=")
	switch {
	case !found:
		return assignment{}, &fault{"the line has no =", "write one KEY=VALUE a line, and # before comments"}
	case !envName.MatchString(name):
		return assignment{}, &fault{"no name stands before the =", "write KEY=VALUE with no space around the ="}
	case rest == "" || rest[0] != '\'' && rest[0] != '"':
		return assignment{name: name, text: strings.TrimSpace(comment.ReplaceAllString(rest, ""))}, nil
	}
	unquote := doubleQuoted
	if rest[0] == '\'' {
		unquote = func(s string) (string, string, bool) { return strings.Cut(s, "'") }
	}
	value, after, closed := unquote(rest[1:])
	switch {
	case !closed:
		return assignment{}, &fault{"the value of " + name + " has no closing quote", "close it on the same line"}
	case strings.TrimSpace(comment.ReplaceAllString(after, "")) != "":
		return assignment{}, &fault{"something follows the closing quote of " + name, "leave it out, or part it by a space and a #"}
	}
	return assignment{name: name, text: value}, nil
}

// doubleQuoted reads up to the closing quote and undoes \n, \t, \", \\ and \$;
// any other backslash stands for itself.
func doubleQuoted(s string) (value, after string, closed bool) {
	var b strings.Builder
	for {
		i := strings.IndexAny(s, `"\`)
		if i < 0 || s[i] == '\\' && i+1 == len(s) {
			return "", "", false
		}
		b.WriteString(s[:i])
		if s[i] == '"' {
			return b.String(), s[i+1:], true
		}
		switch escaped := s[i+1]; escaped {
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case '"', '\\', '$':
			b.WriteByte(escaped)
		default:
			b.WriteString(s[i : i+2])
		}
		s = s[i+2:]
	}
}
