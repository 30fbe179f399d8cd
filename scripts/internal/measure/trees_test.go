package measure

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/adred-codev/ws_poc/scripts/internal/treehash"
)

func TestTrees(t *testing.T) {
	root := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", root, "-c", "user.name=t", "-c", "user.email=t@example.com"}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	servers := []string{"ws-multi@shards=1", "ws-multi@shards=2", "ws-single", "ws-single#2"}
	write("ws-multi/main.go", "package main\n")
	write("ws-single/main.go", "package main // alone\n")
	if got := trees(t.Context(), root, servers); len(got) != 0 {
		t.Errorf("without git: %v", got)
	}
	git("init", "--quiet")
	git("add", "--all")
	git("commit", "--quiet", "--message=t")
	want := map[string]string{}
	for _, name := range []string{"ws-multi", "ws-single"} {
		var err error
		if want[name], err = treehash.Of(t.Context(), root, name); err != nil {
			t.Fatal(err)
		}
	}
	if got := trees(t.Context(), root, servers); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	write("ws-multi/main.go", "package main // changed\n")
	delete(want, "ws-multi")
	if got := trees(t.Context(), root, servers); !maps.Equal(got, want) {
		t.Errorf("with a change: %v, want %v", got, want)
	}
}
