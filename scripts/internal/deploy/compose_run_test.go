package deploy

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/adred-codev/ws_poc/scripts/internal/haproxy"
	"github.com/adred-codev/ws_poc/scripts/internal/produce"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// program is the path of one that is installed, and wants it to be of the release (1.2 of 1.2.3) that the service's image has.
func program(t *testing.T, s types.ServiceConfig, name, asked string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not installed (Debian: apt-get install %s)", name, name)
	}
	out, err := exec.CommandContext(t.Context(), path, asked).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, asked, err, out)
	}
	_, tag, _ := strings.Cut(s.Image, ":")
	release := regexp.MustCompile(`\d+\.\d+`)
	if want, got := release.FindString(tag), release.FindString(string(out)); want == "" || got != want {
		t.Errorf("compose has %s, tests run on %s", s.Image, got)
	}
	return path
}

// local puts a file of the host in the place of a container's path, by what is mounted there; "": nothing is.
func local(s types.ServiceConfig, path string) string {
	for _, v := range s.Volumes {
		if rest, ok := strings.CutPrefix(path, v.Target); ok && v.Type == "bind" {
			return v.Source + rest
		}
	}
	return ""
}

// HAProxy takes the shipped configuration with compose's variables, and knows one that is wrong.
func TestComposeHAProxy(t *testing.T) {
	s := compose(t, "ab").Services["haproxy"]
	path := program(t, s, "haproxy", "-v")
	config := local(s, "/usr/local/etc/haproxy/haproxy.cfg")
	if shipped, err := haproxy.Shipped(); err != nil || shipped != config {
		t.Errorf("compose mounts %s, and the tests of it use %s, %v", config, shipped, err)
	}
	env := environment(s)
	check := func() (string, error) {
		cmd := exec.CommandContext(t.Context(), path, "-c", "-f", config)
		cmd.Env = variant.Environ(env)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := check(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	// One address reaches one address and port with so many source ports.
	const ports = 60999 - 32768 + 1
	if n, err := strconv.Atoi(env["LB_MULTI_MAXCONN"]); err != nil || n > ports {
		t.Errorf("ws-multi is given %s connections (%v), %d can be made", env["LB_MULTI_MAXCONN"], err, ports)
	}
	env["LB_MULTI_WEIGHT"] = "257"
	if out, err := check(); err == nil {
		t.Errorf("it takes anything:\n%s", out)
	}
}

// Prometheus starts with compose's command line; only paths and the port are this machine's.
func TestComposePrometheus(t *testing.T) {
	t.Parallel()
	s := compose(t, "ab").Services["prometheus"]
	path := program(t, s, "prometheus", "--version")
	dir := t.TempDir()
	addr, err := variant.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"--web.listen-address=" + addr}
	for _, arg := range s.Command {
		name, value, _ := strings.Cut(arg, "=")
		switch name {
		case "--config.file":
			value = local(s, value)
		case "--storage.tsdb.path":
			if !slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Type == "volume" && v.Target == value }) {
				t.Errorf("what it stores in %s is gone with the container: %v", value, s.Volumes)
			}
			value = filepath.Join(dir, "data")
		}
		args = append(args, name+"="+value)
	}
	p, err := variant.Start(variant.Options{Binary: path, Args: args, Env: map[string]string{"WS_ADMIN_ADDR": addr}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Kill()
	if err := p.WaitStatus(stage.Within(t), "/-/ready", http.StatusOK); err != nil {
		t.Fatalf("%v\n%s", err, p.Logs())
	}
}

// The publisher takes compose's command line and environment, and publishes to each topic that the servers read.
func TestComposePublisher(t *testing.T) {
	t.Parallel()
	root, _ := repository(t)
	s := compose(t, "ab", "PUBLISH_RATE=200/s").Services["publisher"]
	binary := filepath.Join(t.TempDir(), "publish")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/publish")
	build.Dir = filepath.Join(root, "scripts")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build publish: %v\n%s", err, out)
	}
	env := environment(s)
	for _, name := range []string{"ws-single", "ws-multi"} {
		if theirs := environment(compose(t, "ab").Services[name]); theirs["KAFKA_TOPICS"] != env["KAFKA_TOPICS"] || theirs["KAFKA_BROKERS"] != env["KAFKA_BROKERS"] {
			t.Errorf("it publishes to %s at %s, %s reads %s at %s", env["KAFKA_TOPICS"], env["KAFKA_BROKERS"], name, theirs["KAFKA_TOPICS"], theirs["KAFKA_BROKERS"])
		}
	}
	// Topics of its own: the broker is shared.
	own := stage.Symbol()
	maps.Copy(env, map[string]string{"KAFKA_BROKERS": brokers(t), "KAFKA_TOPICS": strings.ReplaceAll(env["KAFKA_TOPICS"], "odin.", own+".")})
	cmd := exec.CommandContext(stage.Within(t), binary, append(slices.Clone(s.Command), "--duration", "1s", "--partitions", "1")...)
	cmd.Env = variant.Environ(env)
	var out, trouble bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &trouble
	var sum produce.Summary
	err := cmd.Run()
	if jsonErr := json.Unmarshal(out.Bytes(), &sum); err != nil || jsonErr != nil || sum.Acked < 100 || sum.Errors > 0 {
		t.Fatalf("%v, %v: %s\n%s", err, jsonErr, out.String(), trouble.String())
	}
	if made := strings.Count(trouble.String(), own+"."); made != strings.Count(env["KAFKA_TOPICS"], "=") {
		t.Errorf("it made %d topics of %s:\n%s", made, env["KAFKA_TOPICS"], trouble.String())
	}
}
