package config

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A paragraph is a case of refused.txt or warned.txt.
type paragraph struct {
	lines   []string // without the answer
	args    []string
	environ []string
	file    []string
	host    Host
}

func paragraphs(t *testing.T, path string) (head string, all []paragraph) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for text := range strings.SplitSeq(strings.TrimSpace(string(content)), "\n\n") {
		if strings.HasPrefix(text, "#") {
			head = text + "\n"
			continue
		}
		p := paragraph{host: fourCores}
		for l := range strings.SplitSeq(text, "\n") {
			if !strings.HasPrefix(l, "> ") {
				p.lines = append(p.lines, l)
				p.take(t, l)
			}
		}
		all = append(all, p)
	}
	return head, all
}

func (p *paragraph) take(t *testing.T, text string) {
	t.Helper()
	if strings.HasPrefix(text, `"`) {
		quoted := false
		for word := range strings.SplitSeq(text, `" "`) {
			plain, err := strconv.Unquote(`"` + strings.Trim(word, `"`) + `"`)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if strings.HasPrefix(plain, "file: ") || strings.HasPrefix(plain, "WS_") {
				p.take(t, plain)
				return
			}
			p.args = append(p.args, plain)
			quoted = true
		}
		if quoted {
			return
		}
	}
	content, isFile := strings.CutPrefix(text, "file:")
	change, isHost := strings.CutPrefix(text, "host: ")
	switch {
	case isFile:
		p.file = append(p.file, strings.TrimPrefix(content, " "))
	case isHost:
		what, number, _ := strings.Cut(change, "=")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		switch what {
		case "files":
			p.host.OpenFiles = int(n)
		case "memory":
			p.host.Memory = n
		case "cores":
			p.host.Cores = int(n)
		case "cpus":
			p.host.CPUs = int(n)
		default:
			t.Fatalf("no %s of a host", what)
		}
	case strings.HasPrefix(text, "--"):
		p.args = append(p.args, strings.Fields(text)...)
	default:
		p.environ = append(p.environ, text)
	}
}

// load has a file's path in messages as test.env.
func (p *paragraph) load(t *testing.T) (c *Config, err error, tidy func(string) string) {
	path := "\x00"
	if p.file != nil {
		path = tempFile(t, strings.Join(p.file, "\n"))
		p.args = append(p.args, "--config", path)
	}
	var ready bool
	var wait time.Duration
	c, err = Load(p.host, p.args, p.environ,
		Flag{Name: "ready", Value: Switch(&ready)}, Flag{Name: "wait", Value: Span(&wait, time.Millisecond, time.Hour)})
	return c, err, func(s string) string { return strings.ReplaceAll(s, path, "test.env") }
}

func (p *paragraph) answered(answers ...string) string {
	return strings.Join(p.lines, "\n") + "\n> " + strings.Join(answers, "\n> ") + "\n"
}

func tellable(t *testing.T, p paragraph, text string) {
	t.Helper()
	if strings.ContainsAny(text, "\n\r\x00") || strings.Contains(text, "hunter2") {
		t.Errorf("%s: not a line without secrets: %q", p.lines, text)
	}
}

// What cannot be is refused in one line: which setting, where it was set, why,
// and what would be right.
func TestRefused(t *testing.T) {
	const path = "testdata/refused.txt"
	told, all := paragraphs(t, path)
	for _, p := range all {
		_, err, tidy := p.load(t)
		var wrong *Error
		if !errors.As(err, &wrong) {
			t.Errorf("%s: %v is not an *Error", p.lines, err)
			continue
		}
		// The kit's errors about topics have the advice in their why.
		if wrong.Fix == "" && wrong.Setting != "KAFKA_TOPICS" {
			t.Errorf("%s: does not say what would be right", p.lines)
		}
		text := tidy(err.Error())
		tellable(t, p, text)
		told += "\n" + p.answered(text)
	}
	same(t, path, told)
}

func TestWarned(t *testing.T) {
	const path = "testdata/warned.txt"
	told, all := paragraphs(t, path)
	for _, p := range all {
		c, err, tidy := p.load(t)
		if err != nil {
			t.Errorf("%s: %v", p.lines, err)
			continue
		}
		var answers []string
		for _, w := range c.Warnings {
			w = tidy(w)
			tellable(t, p, w)
			answers = append(answers, w)
		}
		if len(answers) == 0 {
			t.Errorf("%s: no warning", p.lines)
		}
		told += "\n" + p.answered(answers...)
	}
	same(t, path, told)
}
