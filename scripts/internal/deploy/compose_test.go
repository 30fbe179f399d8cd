package deploy

import (
	"context"
	"errors"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

func compose(t *testing.T, profile string, env ...string) *types.Project {
	t.Helper()
	p, err := Compose(t.Context(), profile, env...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// environment is a container's.
func environment(s types.ServiceConfig) map[string]string {
	env := map[string]string{}
	for name, value := range s.Environment {
		if value != nil {
			env[name] = *value
		}
	}
	return env
}

func TestComposeProfiles(t *testing.T) {
	always := []string{"grafana", "kafka", "prometheus", "publisher"}
	for profile, more := range map[string][]string{
		"single": {"ws-single"}, "multi": {"ws-multi"}, "ab": {"haproxy", "ws-multi", "ws-single"},
	} {
		want := slices.Sorted(slices.Values(append(more, always...)))
		if got := slices.Sorted(maps.Keys(compose(t, profile).Services)); !slices.Equal(got, want) {
			t.Errorf("%s has %v, want %v", profile, got, want)
		}
	}
	if got := slices.Sorted(maps.Keys(compose(t, "").Services)); !slices.Equal(got, always) {
		t.Errorf("without a profile there are %v, want %v", got, always)
	}
}

// The servers have what they are measured with, and are denied what they do not need.
func TestComposeServers(t *testing.T) {
	root, variants := repository(t)
	want := map[string]struct {
		port      string
		cpus      float32
		memory    types.UnitBytes
		overrides string
	}{"ws-single": {"3005", 1, 4 << 30, "overrides.env"}, "ws-multi": {"3006", 4, 8 << 30, "overrides-multi.env"}}
	p := compose(t, "ab")
	for _, v := range variants {
		s, w := p.Services[v.Name], want[v.Name]
		d, err := ReadDockerfile(filepath.Join(v.Dir, "Dockerfile"))
		if err != nil {
			t.Fatal(err)
		}
		image, _, _ := strings.Cut(s.Image, ":")
		if image != "odin-"+v.Name || s.ContainerName != image || d.Title != image {
			t.Errorf("%s is the image %s in the container %s, and its Dockerfile calls it %s", v.Name, s.Image, s.ContainerName, d.Title)
		}
		published(t, s, "", w.port, d.Expose[0])
		limits := s.Deploy.Resources.Limits
		if limits.NanoCPUs.Value() != w.cpus || limits.MemoryBytes != w.memory {
			t.Errorf("%s has %v cores and %d bytes", v.Name, limits.NanoCPUs, limits.MemoryBytes)
		}
		got, want := []string(s.HealthCheck.Test), append([]string{"CMD"}, d.HealthCheck...)
		if !slices.Equal(got, want) || d.HealthCheck[len(d.HealthCheck)-1] != "healthcheck" {
			t.Errorf("%s's health check is %v, its image's %v", v.Name, got, d.HealthCheck)
		}
		if files, need := s.Ulimits["nofile"], connections(t, v)+500; files == nil || files.Single < need {
			t.Errorf("%s has %v open files, %d are needed", v.Name, files, need)
		}
		// A later one wins.
		var files []string
		for _, f := range s.EnvFiles {
			files = append(files, filepath.Base(f.Path))
		}
		if want := []string{"base.env", w.overrides, ".env.local"}; !slices.Equal(files, want) {
			t.Errorf("%s reads %v, want %v", v.Name, files, want)
		}
		env := environment(s)
		drain, err := time.ParseDuration(env["WS_DRAIN_TIMEOUT"])
		if grace := time.Duration(*s.StopGracePeriod); err != nil || grace != 45*time.Second || drain+10*time.Second > grace {
			t.Errorf("%s has %v to end, its drain takes %v, %v", v.Name, grace, drain, err)
		}
		// Where the health check, Prometheus and scripts/rollout ask.
		_, admin, err := net.SplitHostPort(env["WS_ADMIN_ADDR"])
		if err != nil {
			t.Fatal(err)
		}
		published(t, s, "127.0.0.1", "39"+w.port[2:], admin)
		if got := scraped(t, root)["ws"][v.Name]; got != v.Name+":"+admin {
			t.Errorf("Prometheus asks %s for %s, whose admin address is %s", got, v.Name, env["WS_ADMIN_ADDR"])
		}
	}
	for name, s := range p.Services {
		if s.Privileged || len(s.CapAdd) > 0 || !slices.Contains(s.CapDrop, "ALL") || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s has more privileges than none", name)
		}
		if !s.ReadOnly && name != "kafka" {
			t.Errorf("%s's root can be written", name)
		}
		if s.User != "" {
			t.Errorf("%s runs as %s, in the place of its image's user", name, s.User)
		}
	}
}

// published wants a port of the container on a port of the host.
func published(t *testing.T, s types.ServiceConfig, ip, host, container string) {
	t.Helper()
	for _, p := range s.Ports {
		if p.HostIP == ip && p.Published == host && strconv.Itoa(int(p.Target)) == container {
			return
		}
	}
	t.Errorf("%s does not publish %s at %s:%s: %+v", s.Name, container, ip, host, s.Ports)
}

// Both servers take the environment that compose gives them, and no other.
func TestComposeSettings(t *testing.T) {
	t.Parallel()
	_, variants := repository(t)
	p := compose(t, "ab")
	for _, v := range variants {
		binary, err := v.Binary(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		env := environment(p.Services[v.Name])
		if out, err := configured(t.Context(), binary, env, "check"); err != nil {
			t.Errorf("%s: %v\n%s", v.Name, err, out)
		}
		// What the file says is in force.
		out, err := configured(t.Context(), binary, env, "print")
		if err != nil {
			t.Fatalf("%s: %v\n%s", v.Name, err, out)
		}
		for _, want := range []string{`WS_MAX_CONNECTIONS +\S+ +` + strconv.Itoa(connections(t, v)) + `\n`, `KAFKA_BROKERS +\S+ +kafka:19092\n`} {
			if !regexp.MustCompile(want).MatchString(out) {
				t.Errorf("%s: its settings lack %s:\n%s", v.Name, want, out)
			}
		}
		// The check can fail, and knows what is the other's.
		wrong := "WS_HISTORY_WINDOWS"
		if v.Name == "ws-single" {
			wrong = "WS_SHARDS"
		}
		env[wrong] = "4"
		if out, err := configured(t.Context(), binary, env, "check"); exit(err) != 2 || !strings.Contains(out, wrong) {
			t.Errorf("%s takes %s: %v\n%s", v.Name, wrong, err, out)
		}
	}
}

// configured runs a server's config command with an environment of its own.
func configured(ctx context.Context, binary string, env map[string]string, what string) (output string, err error) {
	cmd := exec.CommandContext(ctx, binary, "config", what)
	cmd.Env = variant.Environ(env)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func exit(err error) int {
	var e *exec.ExitError
	if errors.As(err, &e) {
		return e.ExitCode()
	}
	return 0
}

// .env.local need not be there, and wins.
func TestComposeLocal(t *testing.T) {
	root, _ := repository(t)
	dir := filepath.Join(t.TempDir(), "compose")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(root, "deploy", "compose"))); err != nil {
		t.Fatal(err)
	}
	local := filepath.Join(dir, ".env.local")
	if err := os.RemoveAll(local); err != nil { // it may be the developer's
		t.Fatal(err)
	}
	load := func() (*types.Project, error) {
		return loadCompose(t.Context(), filepath.Join(dir, "compose.yaml"), "ab")
	}
	p, err := load()
	if err != nil {
		t.Fatal(err)
	}
	before := environment(p.Services["ws-multi"])
	if err := os.WriteFile(local, []byte("WS_ADMIN_TOKEN=secret\nWS_ALLOW_NO_ORIGIN=false\nWS_HISTORY_BYTES=16MiB\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if p, err = load(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ws-single", "ws-multi"} {
		env := environment(p.Services[name])
		if env["WS_ADMIN_TOKEN"] != "secret" || env["WS_ALLOW_NO_ORIGIN"] != "false" || env["WS_HISTORY_BYTES"] != "16MiB" ||
			before["WS_HISTORY_BYTES"] == "16MiB" {
			t.Errorf("%s: .env.local does not win: %v", name, env)
		}
	}
	for _, name := range []string{"publisher", "grafana", "haproxy"} {
		if env := environment(p.Services[name]); env["WS_ADMIN_TOKEN"] != "" {
			t.Errorf("%s has the servers' secret", name)
		}
	}
	if err := os.Remove(filepath.Join(dir, "base.env")); err != nil {
		t.Fatal(err)
	}
	if _, err := load(); err == nil || !strings.Contains(err.Error(), "base.env") {
		t.Errorf("base.env may be missing: %v", err)
	}
}

// Each path is there, and each image is one that is built here or a version that does not move.
func TestComposePathsAndImages(t *testing.T) {
	root, _ := repository(t)
	p := compose(t, "ab")
	for name, s := range p.Services {
		for _, v := range s.Volumes {
			if v.Type == "bind" {
				if _, err := os.Stat(v.Source); err != nil {
					t.Errorf("%s mounts %v", name, err)
				}
				if !v.ReadOnly {
					t.Errorf("%s may write %s", name, v.Source)
				}
			}
		}
		for _, f := range s.EnvFiles {
			if _, err := os.Stat(f.Path); err != nil && (bool(f.Required) || !strings.HasSuffix(f.Path, "/.env.local")) {
				t.Errorf("%s reads %v", name, err)
			}
		}
		if s.Build == nil {
			if _, version, _ := strings.Cut(s.Image, ":"); !regexp.MustCompile(`^v?\d+\.\d+\.\d+$`).MatchString(version) {
				t.Errorf("%s: the image %s is not of one version", name, s.Image)
			}
			continue
		}
		path := s.Build.Dockerfile
		if !filepath.IsAbs(path) {
			path = filepath.Join(s.Build.Context, path)
		}
		d, err := ReadDockerfile(path)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if image, _, _ := strings.Cut(s.Image, ":"); image != d.Title {
			t.Errorf("%s: the image %s is built by a Dockerfile of %s", name, image, d.Title)
		}
		for arg := range s.Build.Args {
			if !slices.Contains(d.Args, arg) {
				t.Errorf("%s: %s takes no argument %s", name, path, arg)
			}
		}
		for _, copied := range d.Copied {
			if _, err := os.Stat(filepath.Join(s.Build.Context, copied)); err != nil {
				t.Errorf("%s copies %v", name, err)
			}
		}
	}
	// The variables of the file are told to whoever runs it.
	text, err := os.ReadFile(filepath.Join(root, "deploy", "compose", "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join(root, "deploy", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`\$\{(\w+)`).FindAllStringSubmatch(string(text), -1) {
		if !strings.Contains(string(readme), "`"+m[1]+"`") {
			t.Errorf("deploy/README.md does not explain %s", m[1])
		}
	}
	tagged := compose(t, "ab", "WS_SINGLE_TAG=v1.3.0", "COMMIT=abc", "WS_MULTI_CPUS=2.0")
	if s := tagged.Services["ws-single"]; s.Image != "odin-ws-single:v1.3.0" || *s.Build.Args["VERSION"] != "v1.3.0" || *s.Build.Args["COMMIT"] != "abc" {
		t.Errorf("with a tag it is %s, built with %v", s.Image, s.Build.Args)
	}
	if cpus := tagged.Services["ws-multi"].Deploy.Resources.Limits.NanoCPUs.Value(); cpus != 2 {
		t.Errorf("with two cores ws-multi has %v", cpus)
	}
}
