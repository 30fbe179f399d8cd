package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

func TestMain(m *testing.M) {
	confinedChild()
	goleak.VerifyTestMain(m)
}

func TestUsage(t *testing.T) {
	for args, want := range map[string]struct {
		code int
		says string
	}{
		"--help":          {0, "scripts/images --bases debootstrap"},
		"ws-triple":       {2, "there is no image ws-triple: publisher, ws-multi, ws-single"},
		"--bases none":    {2, `--bases cannot be "none": pull or debootstrap`},
		"ws-single --nop": {2, "-nop; scripts/images --help"},
	} {
		var out, errs strings.Builder
		code := run(t.Context(), strings.Fields(args), &out, &errs)
		if said := out.String() + errs.String(); code != want.code || !strings.Contains(said, want.says) {
			t.Errorf("%s: code %d, %s", args, code, said)
		}
	}
}

// The images are those of compose, with the variants' versions, out of Dockerfiles on bases that can be made.
func TestChosen(t *testing.T) {
	images, err := chosen(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	root, err := variant.Root()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, i := range images {
		names = append(names, i.service)
		if !strings.HasPrefix(i.dockerfile, root) || i.args["COMMIT"] != i.commit || i.args["VERSION"] != i.version || !strings.HasSuffix(i.name, ":"+i.version) {
			t.Errorf("%+v", i)
		}
		if _, err := os.Stat(i.dockerfile); err != nil {
			t.Error(err)
		}
	}
	if want := []string{"publisher", "ws-multi", "ws-single"}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	// No other Dockerfile is in the repository.
	out, err := exec.CommandContext(t.Context(), "git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(strings.Trim(string(out), "\x00"), "\x00") {
		is := func(i *image) bool { return i.dockerfile == filepath.Join(root, name) }
		if filepath.Base(name) == "Dockerfile" || strings.HasSuffix(name, ".Dockerfile") {
			if !slices.ContainsFunc(images, is) {
				t.Errorf("nothing builds %s", name)
			}
		}
	}
	for _, name := range bases(images) {
		if !slimBase.MatchString(name) && !goBase.MatchString(name) {
			t.Errorf("nobody knows how to make %s", name)
		}
	}
	if one, err := chosen(t.Context(), []string{"ws-single"}); err != nil || len(one) != 1 || one[0].service != "ws-single" {
		t.Errorf("got %v, %v", one, err)
	}
}

func TestInspected(t *testing.T) {
	answer, err := os.ReadFile(filepath.Join("testdata", "inspect.json"))
	if err != nil {
		t.Fatal(err)
	}
	is, err := parseInspected(answer)
	if err != nil {
		t.Fatal(err)
	}
	i := image{name: "odin-ws-multi:v0.1.0", bases: []string{"golang:1.26-bookworm", "debian:bookworm-slim"}, is: is}
	i.note("drains", "within %ds", 5)
	var out strings.Builder
	i.report(&out)
	want, err := os.ReadFile(filepath.Join("testdata", "report.txt"))
	if err != nil || out.String() != string(want) {
		t.Errorf("got\n%s, want\n%s, %v", out.String(), want, err)
	}
	health, err := is.health()
	if err != nil || health[len(health)-1] != "healthcheck" {
		t.Errorf("its health check is %v, %v", health, err)
	}
	is.Config.Healthcheck = nil
	if health, err := is.health(); err == nil {
		t.Errorf("an image without one has the health check %v", health)
	}
	for _, user := range []string{"", "root", "0:0", "65532", "65532:0", "nobody:nogroup"} {
		is.Config.User = user
		if args, err := confine("/", is, []string{"x"}); err == nil {
			t.Errorf("the user %q is taken: %v", user, args)
		}
	}
	if _, err := parseInspected([]byte(`{"Docker":{"config":{}},"Manifest":""}`)); err == nil {
		t.Error("an answer without a manifest is taken")
	}
}

// What is said to be confined is: the files of this machine serve as an image.
func TestConfined(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make a view of the files for a program")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var is inspected
	is.Config.User = "65532:65531"
	script := `id; grep -E "NoNewPrivs|Cap(Eff|Bnd)" /proc/self/status; env | sort; touch /confined-test; exit 7`
	args, err := confine("/", is, []string{"sh", "-c", script})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "WS_ADDR=:1", "SECRET=x"}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"uid=65532 gid=65531 groups=65531\n", "NoNewPrivs:\t1\n", "CapEff:\t0000000000000000\n", "CapBnd:\t0000000000000000\n", "WS_ADDR=:1\n", "Read-only file system",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("it lacks %q:\n%s", want, out)
		}
	}
	if strings.Contains(string(out), "SECRET") {
		t.Errorf("it has the caller's environment:\n%s", out)
	}
	// Only for the program: this test can write there.
	if err := os.WriteFile("/confined-test", nil, 0o644); err != nil {
		t.Error(err)
	}
	_ = os.Remove("/confined-test")
}
