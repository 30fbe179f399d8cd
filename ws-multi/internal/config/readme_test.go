package config

import (
	"os"
	"strings"
	"testing"
)

// The README's table is generated: go generate ./internal/config.
func TestReadme(t *testing.T) {
	const path = "../../README.md"
	const from = "<!-- settings: `go generate ./internal/config` writes what follows -->\n\n"
	const to = "\n<!-- end of settings -->\n"
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, begins := strings.Cut(string(content), from)
	_, tail, ends := strings.Cut(rest, to)
	if !begins || !ends {
		t.Fatalf("%s has no lines %q and %q", path, from, to)
	}
	same(t, path, head+from+Markdown()+to+tail)
}

// All that multi.env sets or has behind a # is right; what it has there is the
// default, but for examples.
func TestMultiEnv(t *testing.T) {
	content, err := os.ReadFile("../../multi.env")
	if err != nil {
		t.Fatal(err)
	}
	var bare []string
	for text := range strings.Lines(string(content)) {
		if setting := strings.TrimPrefix(text, "#"); strings.HasPrefix(setting, "WS_") || strings.HasPrefix(setting, "KAFKA_") || strings.HasPrefix(setting, "LOG_") {
			text = setting
		}
		bare = append(bare, text)
	}
	as := mustLoad(t, nil, "--config", "../../multi.env")
	all := mustLoad(t, nil, "--config", tempFile(t, strings.Join(bare, "")))
	if as.Addr != ":3006" || as.AdminAddr != "127.0.0.1:3906" || !as.AllowNoOrigin {
		t.Errorf("%s, %s, %v", as.Addr, as.AdminAddr, as.AllowNoOrigin)
	}
	if n := len(as.Warnings) + len(all.Warnings); n > 0 {
		t.Errorf("%q %q", as.Warnings, all.Warnings)
	}
	chosen := 0
	for i, l := range all.Lines() {
		if l.Source.chosen() {
			chosen++
		}
		if want := as.Lines()[i]; l.Text != want.Text && l.Name != "WS_ALLOWED_ORIGINS" {
			t.Errorf("%s is %s behind the #, the default is %s", l.Name, l.Text, want.Text)
		}
	}
	if chosen < 15 {
		t.Errorf("only %d settings are in it", chosen)
	}
}

// What config print shows is what operators compare.
func TestPrint(t *testing.T) {
	c := mustLoad(t, []string{"WS_JWT_SECRET=" + strings.Repeat("k", 32), "KAFKA_TOPICS=a=b"}, "--ping-interval=30s", "--shards=2")
	var out strings.Builder
	if err := c.Print(&out); err != nil {
		t.Fatal(err)
	}
	same(t, "testdata/print.txt", out.String())
}

func TestFold(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "a": "a", "a b c": "a b|c", "abcdef b c": "abcdef|b c", " a  b ": "a b",
	} {
		if got := strings.Join(fold(text, 4), "|"); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// The README's rule: empty may be a list whose default is none, and nothing else.
func TestWhatMayBeEmpty(t *testing.T) {
	for _, s := range new(Config).settings() {
		_, err := Load(fourCores, nil, []string{s.Name + "="})
		if may := s.Form() == "LIST" && s.usual() == "none"; may != (err == nil) {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(strings.Fields(string(readme)), " "), "Empty may be a list whose default is none, and nothing else.") {
		t.Error("the README has another rule")
	}
}
