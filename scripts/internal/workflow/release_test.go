package workflow

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// clone is a clone of a repository that has a released state of everything, and git in it.
func clone(t *testing.T) (dir string, git func(args ...string) string) {
	t.Helper()
	// The settings of whoever runs the tests are kept away: signatures, hooks, other names of branches.
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_SYSTEM", os.DevNull)
	dir = filepath.Join(t.TempDir(), "clone")
	git = func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	for name, text := range map[string]string{
		"kit/VERSION":       "v0.2.0\n",
		"ws-single/VERSION": "architecture: single-core\nversion: v1.3.0\nstatus: production\n",
		"ws-multi/VERSION":  "architecture: multi-core\nversion: v0.4.0-rc.1\nstatus: experimental\n",
	} {
		write(t, filepath.Join(dir, name), text)
	}
	if err := os.Symlink("ws-single", filepath.Join(dir, "ws")); err != nil {
		t.Fatal(err)
	}
	origin := filepath.Join(t.TempDir(), "origin.git")
	git("init", "--quiet", "--initial-branch=main")
	git("add", "--all")
	git("commit", "--quiet", "--message=first")
	git("clone", "--quiet", "--bare", ".", origin)
	git("remote", "add", "origin", origin)
	git("fetch", "--quiet", "origin")
	return dir, git
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// what runs the step that says what a tag releases.
func what(t *testing.T, dir, tag string) (outputs, said string, err error) {
	t.Helper()
	return runStep(t, script(t, "release.yml", "what", "what"), dir, map[string]string{"TAG": tag, "OWNER": "adred-codev"})
}

const news = "### Added\n\n- Something, with `quotes` and \"more\" of $them.\n"

func TestReleased(t *testing.T) {
	_, known := parts(t)
	for _, test := range []struct{ tag, module, version, image, flags string }{
		{"ws-single/v1.3.0", "ws-single", "v1.3.0", "ghcr.io/adred-codev/odin-ws-single", "--latest"},
		{"ws-multi/v0.4.0-rc.1", "ws-multi", "v0.4.0-rc.1", "ghcr.io/adred-codev/odin-ws-multi", "--latest=false --prerelease"},
		{"kit/v0.2.0", "kit", "v0.2.0", "", "--latest=false"},
	} {
		t.Run(test.tag, func(t *testing.T) {
			dir, git := clone(t)
			git("tag", "--annotate", test.tag, "--cleanup=verbatim", "--message", test.module+" "+test.version+"\n\n"+news)
			git("push", "--quiet", "origin", test.tag)
			// A checkout of a tag may leave a bare one.
			git("tag", "--force", test.tag, "HEAD")
			out, said, err := what(t, dir, test.tag)
			if err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			for name, want := range map[string]string{"module": test.module, "version": test.version, "image": test.image, "flags": test.flags} {
				if got := output(t, out, name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			if want := "notes<<end-of-notes-17\n" + news + "end-of-notes-17\n"; !strings.HasSuffix(out, want) {
				t.Errorf("got\n%s\nwant at its end\n%s", out, want)
			}
			var named []string
			if err := json.Unmarshal([]byte(output(t, out, "parts")), &named); err != nil {
				t.Fatal(err)
			}
			for _, name := range named {
				if !slices.Contains(known, name) {
					t.Errorf("it tests %s, which scripts/test does not have", name)
				}
			}
			if !slices.Contains(named, test.module) || !slices.Contains(named, "kit-copies") {
				t.Errorf("it tests %v", named)
			}
		})
	}
}

func TestNotReleased(t *testing.T) {
	for name, test := range map[string]struct {
		tag, says string
		do        func(dir string, git func(...string) string)
	}{
		"another version than VERSION's": {tag: "ws-single/v1.4.0", says: "VERSION says v1.3.0"},
		"the kit's, too":                 {tag: "kit/v0.3.0", says: "VERSION says v0.2.0"},
		"of nothing":                     {tag: "scripts/v1.0.0", says: "no tag of a release"},
		"a commit that main does not have": {tag: "ws-single/v1.3.0", says: "main does not have", do: func(dir string, git func(...string) string) {
			git("commit", "--quiet", "--allow-empty", "--message=mine")
		}},
		"a tag without words": {tag: "ws-single/v1.3.0", says: "says nothing of what is new", do: func(dir string, git func(...string) string) {
			git("tag", "ws-single/v1.3.0")
			git("push", "--quiet", "origin", "ws-single/v1.3.0")
		}},
		"a tag with a title only": {tag: "ws-single/v1.3.0", says: "says nothing of what is new", do: func(dir string, git func(...string) string) {
			git("tag", "--annotate", "ws-single/v1.3.0", "--message=ws-single v1.3.0")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			dir, git := clone(t)
			if test.do != nil {
				test.do(dir, git)
			}
			out, said, err := what(t, dir, test.tag)
			if err == nil || out != "" || !strings.Contains(said, "::error::") || !strings.Contains(said, test.says) {
				t.Errorf("%v\n%s%s\nwant it refused: %s", err, out, said, test.says)
			}
		})
	}
}

// Each module has its prefix, and what is published was tested, for both architectures, and is signed.
func TestReleaseWorkflow(t *testing.T) {
	w := load(t, "release.yml")
	if len(w.On) != 1 || !slices.Equal(w.On["push"].Tags, []string{"ws-single/v*", "ws-multi/v*", "kit/v*"}) {
		t.Errorf("it runs on %+v", w.On)
	}
	for id, needs := range map[string]list{
		"test": {"what"}, "build": {"what", "test"}, "publish": {"what", "build"}, "release": {"what", "test", "publish"},
	} {
		if !slices.Equal(w.Jobs[id].Needs, needs) {
			t.Errorf("job %s comes after %v, want %v", id, w.Jobs[id].Needs, needs)
		}
	}
	with := func(job, action string) map[string]string {
		t.Helper()
		for _, s := range w.Jobs[job].Steps {
			if strings.HasPrefix(s.Uses, action+"@") {
				return s.With
			}
		}
		t.Fatalf("job %s does not use %s", job, action)
		return nil
	}
	build := with("build", "docker/build-push-action")
	for name, want := range map[string]string{
		"context": "${{ needs.what.outputs.module }}", "platforms": "linux/${{ matrix.arch }}", "sbom": "true", "provenance": "mode=max",
	} {
		if build[name] != want {
			t.Errorf("the image is built with %s %q, want %q", name, build[name], want)
		}
	}
	for _, arg := range []string{"VERSION=", "COMMIT="} {
		if !strings.Contains(build["build-args"], arg) || !strings.Contains(readFile(t, "ws-single", "Dockerfile"), "ARG "+strings.TrimSuffix(arg, "=")) {
			t.Errorf("the image is built with %q, and wants %s", build["build-args"], arg)
		}
	}
	attest := with("publish", "actions/attest-build-provenance")
	if want := map[string]string{
		"subject-name": "${{ needs.what.outputs.image }}", "subject-digest": "${{ steps.index.outputs.digest }}", "push-to-registry": "true",
	}; !maps.Equal(attest, want) {
		t.Errorf("provenance is of %v, want %v", attest, want)
	}
	sign := script(t, "release.yml", "publish", "sign, and verify as whoever deploys it does").Run
	for _, want := range []string{"cosign sign --yes --recursive \"$IMAGE@$DIGEST\"", "cosign verify \"$IMAGE@$DIGEST\"", "--certificate-identity", "--certificate-oidc-issuer https://token.actions.githubusercontent.com"} {
		if !strings.Contains(sign, want) {
			t.Errorf("it does not %s:\n%s", want, sign)
		}
	}
}
