package config

import (
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestEnvLines(t *testing.T) {
	for text, want := range map[string]string{
		"A=1": "1", "A=1\r": "1", "  A=1  ": "1", "A= 1": "1", "A=": "", "A= # none": "", "A=#b": "#b", "A=a#b": "a#b", "A=a #b": "a", "A=a\t# b # c": "a",
		"A=b c": "b c", "A=b=c": "b=c", "A=$HOME ${B}": "$HOME ${B}", "export A=1": "1", "export\t A=1": "1",
		"A='b # c'": "b # c", "A='b' # c": "b", "A='b'\t": "b", `A='b\n"c'`: `b\n"c`, "A=''": "",
		`A="b # \"c\" \\ \$d \x"`: `b # "c" \ $d \x`, `A="a\nb\tc"`: "a\nb\tc", `A=""`: "", `A=b"c"`: `b"c"`, `A="\ä"`: `\ä`, "A=ä": "ä", "\ufeffA=1": "1",
	} {
		all, err := parseEnv("x", text)
		if err != nil || !slices.Equal(all, []assignment{{"A", want, "x:1"}}) {
			t.Errorf("%q: %q, %v", text, all, err)
		}
	}
	for _, text := range []string{"", " ", "# A=1", "\t#", "\ufeff", "\n\r\n"} {
		if all, err := parseEnv("x", text); err != nil || all != nil {
			t.Errorf("%q: %q, %v", text, all, err)
		}
	}
	all, err := parseEnv("x", "# one\n\nexportA=1\r\n\r\n_b2=2")
	if want := []assignment{{"exportA", "1", "x:3"}, {"_b2", "2", "x:5"}}; err != nil || !slices.Equal(all, want) {
		t.Errorf("%q, %v", all, err)
	}
}

func TestEnvFilesThatCannotBeRead(t *testing.T) {
	large := tempFile(t, strings.Repeat("#", fileBytes+1))
	if _, err := readEnvFile(large); err == nil || !strings.Contains(err.Error(), "it has more than 1MiB") {
		t.Errorf("large: %v", err)
	}
	if _, err := readEnvFile(tempFile(t, strings.Repeat("#", fileBytes))); err != nil {
		t.Errorf("as large as may be: %v", err)
	}
	if os.Geteuid() == 0 {
		return // who may read everything
	}
	shut := tempFile(t, "")
	if err := os.Chmod(shut, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := readEnvFile(shut); err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("shut: %v", err)
	}
}

// A pipe is as good as a file: --config <(…) of a shell is one.
func TestEnvFileOfAPipe(t *testing.T) {
	path := t.TempDir() + "/pipe"
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	wrote := make(chan error)
	go func() { wrote <- os.WriteFile(path, []byte("WS_SHARDS=2\n"), 0o600) }()
	c := mustLoad(t, nil, "--config", path)
	if err := <-wrote; err != nil || c.Shards != 2 {
		t.Errorf("%d shards, %v", c.Shards, err)
	}
}

// Whatever is in a file: an error is one line that says where; names are names,
// lines ascend, and a value in quotes is the same value.
func FuzzEnvFile(f *testing.F) {
	for _, seed := range []string{
		"", "A=1", "export A='b' # c\r\n\nB=\"\\\"\"", "A", "=", "A=\"", "A='x'y", "\ufeffA=1", "A=\xff", "A=\x00", "export", "export =1", "A= #", "\r\r\n", "A=\"\\", "a=1\na=2",
	} {
		f.Add(seed)
	}
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`)
	f.Fuzz(func(t *testing.T, content string) {
		all, err := parseEnv("f.env", content)
		if err != nil {
			if message := err.Error(); strings.ContainsAny(message, "\r\n") || !strings.HasPrefix(message, "f.env:") {
				t.Fatalf("%q", message)
			}
			return
		}
		line := 0
		for _, a := range all {
			for line++; a.source != fileLine("f.env", line); line++ {
				if line > strings.Count(content, "\n") {
					t.Fatalf("%q is on no line", a)
				}
			}
			if !envName.MatchString(a.name) {
				t.Fatalf("%q is no name", a.name)
			}
			twin, err := parseEnv("f.env", a.name+`="`+quote.Replace(a.text)+`" # twin`)
			if err != nil || len(twin) != 1 || twin[0].name != a.name || twin[0].text != a.text {
				t.Fatalf("%q becomes %q, %v", a, twin, err)
			}
		}
	})
}
