package config

import (
	"slices"
	"strings"
	"testing"
)

func TestParseEnvFile(t *testing.T) {
	content := "\ufeff# comment\n" +
		"\n" +
		"A=1\n" +
		"  B = \n" // refused below, on its own
	if _, err := parseEnvFile("x", []byte(content)); err == nil {
		t.Error("a space before the = was taken")
	}
	for _, tt := range []struct {
		line, name, value string
	}{
		{"A=1", "A", "1"},
		{"A=1\r", "A", "1"},
		{"  A=1  ", "A", "1"},
		{"A= 1", "A", "1"},
		{"A=", "A", ""},
		{"A= # nothing", "A", ""},
		{"A=#b", "A", "#b"},
		{"A=a#b", "A", "a#b"},
		{"A=a #b", "A", "a"},
		{"A=a\t# b", "A", "a"},
		{"A=b c", "A", "b c"},
		{"A=b=c", "A", "b=c"},
		{"A=$HOME ${B}", "A", "$HOME ${B}"},
		{"export A=1", "A", "1"},
		{"export\t A=1", "A", "1"},
		{"exportA=1", "exportA", "1"},
		{"A='b # c'", "A", "b # c"},
		{"A='b' # c", "A", "b"},
		{`A='b\n"c'`, "A", `b\n"c`},
		{`A="b # \"c\" \\ \$d \x"`, "A", `b # "c" \ $d \x`},
		{`A="a\nb\tc"`, "A", "a\nb\tc"},
		{`A=""`, "A", ""},
		{`A=b"c"`, "A", `b"c"`},
		{"_a1=ä", "_a1", "ä"},
		{"# A=1", "", ""},
		{"", "", ""},
		{"\ufeffA=1", "A", "1"},
	} {
		all, err := parseEnvFile("x", []byte(tt.line))
		if err != nil {
			t.Errorf("%q: %v", tt.line, err)
			continue
		}
		var want []assignment
		if tt.name != "" {
			want = []assignment{{tt.name, tt.value, 1}}
		}
		if !slices.Equal(all, want) {
			t.Errorf("%q is %+v, want %+v", tt.line, all, want)
		}
	}
}

func TestParseEnvFileLines(t *testing.T) {
	all, err := parseEnvFile("x", []byte("# one\n\nA=1\r\n\r\nB=2"))
	if want := []assignment{{"A", "1", 3}, {"B", "2", 5}}; err != nil || !slices.Equal(all, want) {
		t.Errorf("got %+v, %v", all, err)
	}
}

func TestReadEnvFileBounds(t *testing.T) {
	path := write(t, "large.env", strings.Repeat("#", maxFile+1))
	if _, err := readEnvFile(path); err == nil || !strings.Contains(err.Error(), "larger than 1MiB") {
		t.Errorf("got %v", err)
	}
}

// Whatever a file holds, its names are names, its lines are lines of it, an
// error is one line, and a quoted value comes back.
func FuzzParseEnvFile(f *testing.F) {
	for _, seed := range []string{
		"", "A=1", "export A='b' # c\r\n\nB=\"\\\"\"", "A", "=", "A=\"", "A='x'y", "\ufeffA=1", "A=\xff", "A=\x00", "export", "export =1", "A= #", "\r\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		all, err := parseEnvFile("file.env", content)
		if err != nil {
			if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "file.env") {
				t.Fatalf("error %q", err)
			}
			return
		}
		lines, last := strings.Count(string(content), "\n")+1, 0
		for _, a := range all {
			if !validName(a.name) || a.line <= last || a.line > lines {
				t.Fatalf("%+v in a file of %d lines, after line %d", a, lines, last)
			}
			last = a.line
			quoted := a.name + `="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(a.value) + `"`
			again, err := parseEnvFile("file.env", []byte(quoted))
			if err != nil || len(again) != 1 || again[0].value != a.value {
				t.Fatalf("%q comes back as %+v, %v", quoted, again, err)
			}
		}
	})
}
