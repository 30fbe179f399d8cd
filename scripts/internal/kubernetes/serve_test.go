package kubernetes

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/broker"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// secret is what README.md has the operator put into a variant's Secret.
var secret = map[string]string{"WS_ADMIN_TOKEN": "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}

// environment is what the container of a variant's pod gets. Kubernetes takes the sources in order, the later wins.
func environment(t *testing.T, all []object, c container, name string) map[string]string {
	t.Helper()
	if len(c.Env) > 0 {
		t.Fatalf("%s has env, which this does not read", name)
	}
	env := map[string]string{}
	for _, from := range c.EnvFrom {
		switch {
		case from.ConfigMapRef != nil:
			maps.Copy(env, as[struct{ Data map[string]string }](t, find(t, all, "ConfigMap", from.ConfigMapRef.Name)).Data)
		case from.SecretRef != nil && from.SecretRef.Name == name:
			maps.Copy(env, secret)
		default:
			t.Fatalf("%s takes its environment from %+v", name, from)
		}
	}
	return env
}

// say runs a command of the server with an environment and nothing else.
func say(t *testing.T, binary string, env map[string]string, args ...string) (output string, code int) {
	t.Helper()
	cmd := exec.CommandContext(stage.Within(t), binary, args...)
	cmd.Env = []string{}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// with is an environment with more in it.
func with(env map[string]string, more map[string]string) map[string]string {
	all := maps.Clone(env)
	maps.Copy(all, more)
	return all
}

func binaryOf(t *testing.T, name string) string {
	t.Helper()
	binary, err := variantOf(t, name).Binary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// A pod's environment is one that the server takes without a warning, and its ports are the pod's.
func TestEnvironment(t *testing.T) {
	binaries := map[string]string{}
	for _, name := range overlays["ab"] {
		binaries[name] = binaryOf(t, name)
	}
	for overlay, variants := range overlays {
		for _, name := range variants {
			t.Run(overlay+"/"+name, func(t *testing.T) {
				t.Parallel()
				environmentOf(t, build(t, overlay), name, binaries[name])
			})
		}
	}
}

func environmentOf(t *testing.T, all []object, name, binary string) {
	t.Helper()
	p, c := server(t, all, name)
	env := environment(t, all, c, name)
	out, code := say(t, binary, env, "config", "check")
	if code != 0 {
		t.Fatalf("config check: exit code %d\n%s", code, out)
	}
	for line := range strings.Lines(out) {
		if strings.Contains(line, "warning") && !strings.Contains(line, "file limit") { // which is this machine's
			t.Errorf("config check says %s", line)
		}
	}
	if out, code := say(t, binary, with(env, map[string]string{"WS_ADMIN_TOKEN": "short"}), "config", "check"); !strings.Contains(out, "warning") || code != 0 {
		t.Errorf("a short token is not warned of, so that a warning would not be seen: %d\n%s", code, out)
	}

	// Where service links are on, a Service named kafka brings names that stop the start.
	links := map[string]string{
		"KAFKA_SERVICE_HOST": "10.0.0.9", "KAFKA_SERVICE_PORT": "9092", "KAFKA_PORT": "tcp://10.0.0.9:9092",
		"KAFKA_PORT_9092_TCP": "tcp://10.0.0.9:9092", "KAFKA_PORT_9092_TCP_ADDR": "10.0.0.9",
	}
	if out, code := say(t, binary, with(env, links), "config", "check"); code != 2 || !strings.Contains(out, "KAFKA_") {
		t.Errorf("with service links: exit code %d, want 2\n%s", code, out)
	}

	printed, code := say(t, binary, env, "config", "print")
	if code != 0 {
		t.Fatalf("config print: exit code %d\n%s", code, printed)
	}
	inForce := func(setting string) string {
		m := regexp.MustCompile(`(?m)^` + setting + `\s.*\s(\S+)\s*$`).FindStringSubmatch(printed)
		if m == nil {
			t.Fatalf("config print has no %s:\n%s", setting, printed)
		}
		return m[1]
	}
	for setting, port := range map[string]string{"WS_ADDR": "ws", "WS_ADMIN_ADDR": "admin"} {
		addr := inForce(setting)
		host, number, err := net.SplitHostPort(addr)
		if err != nil || number != fmt.Sprint(c.port(t, port)) || host != "" {
			t.Errorf("%s is %s (%v), and the pod's port %s is %d on all its addresses", setting, addr, err, port, c.port(t, port))
		}
	}
	timeout := inForce("WS_DRAIN_TIMEOUT")
	drain, err := time.ParseDuration(timeout)
	grace := time.Duration(p.TerminationGracePeriodSeconds) * time.Second
	// What the command drain waits beyond the drain itself.
	if most := drain + 10*time.Second; err != nil || grace < most || grace != 45*time.Second {
		t.Errorf("the pod has %v to end and a drain %s (%v), preStop waits %v", grace, timeout, err, most)
	}
}

// brokers is a Kafka.
func brokers(t *testing.T) string {
	t.Helper()
	if given := os.Getenv("KAFKA_TEST_BROKERS"); given != "" {
		return given
	}
	b, err := broker.Start(t.Context(), broker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Stop() })
	return b.Addr()
}

// A pod that waits for Kafka is alive and not ready; with Kafka it is both. preStop empties it, and SIGTERM is the same drain.
func TestPod(t *testing.T) {
	kafka := brokers(t)
	for _, name := range []string{"ws-single", "ws-multi"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			binary := binaryOf(t, name)
			all := build(t, "ab")
			_, c := server(t, all, name)
			tp := stage.MakeTopics(t, kafka, 2, "trade")
			waits := startPod(t, binary, tp, environment(t, all, c, name), stage.Settings{"KAFKA_BROKERS": nobody(t)})
			waits.WaitStatus(t, c.StartupProbe.HTTPGet.Path, http.StatusOK)
			waits.WaitStatus(t, c.LivenessProbe.HTTPGet.Path, http.StatusOK)
			if r := waits.Get(t, c.ReadinessProbe.HTTPGet.Path); r.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("without Kafka readiness is %d %s", r.StatusCode, r.Body)
			}

			env := environment(t, all, c, name)
			s := startPod(t, binary, tp, env, stage.Settings{"WS_DRAIN_SPREAD": "1s"})
			for _, p := range []*probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe} {
				if p.HTTPGet.Port != "admin" {
					t.Errorf("%s is asked at the port %s", p.HTTPGet.Path, p.HTTPGet.Port)
				}
				s.WaitStatus(t, p.HTTPGet.Path, http.StatusOK)
			}
			if r := s.Post(t, "/rebalance?connections=1"); r.StatusCode != http.StatusUnauthorized && r.StatusCode != http.StatusForbidden {
				t.Errorf("without the token a POST gets %d %s", r.StatusCode, r.Body)
			}
			drained(t, s, binary, c, env)
		})
	}
}

// startPod starts the server as in a pod, but for the ports, which others may have, and Kafka.
func startPod(t *testing.T, binary string, tp *stage.Topics, env map[string]string, set stage.Settings) *stage.Server {
	t.Helper()
	more := stage.Settings{
		"KAFKA_BROKERS": tp.Brokers, "KAFKA_TOPICS": tp.Setting(),
		"WS_ADDR": everywhere(t), "WS_ADMIN_ADDR": everywhere(t), "WS_ALLOW_NO_ORIGIN": "false",
	}
	maps.Copy(more, set)
	return stage.StartCold(t, binary, tp, with(env, more))
}

// everywhere is a free port on all addresses, as a pod's are, so that the token counts.
func everywhere(t *testing.T) string {
	t.Helper()
	addr, err := variant.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(addr)
	return net.JoinHostPort("0.0.0.0", port)
}

// nobody is an address where nothing listens.
func nobody(t *testing.T) string {
	t.Helper()
	addr, err := variant.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// drained runs preStop while a client is there, and sends SIGTERM into it.
func drained(t *testing.T, s *stage.Server, binary string, c container, env map[string]string) {
	t.Helper()
	symbol := stage.Symbol()
	client := stage.DialWith(t, s, check.Options{Header: stage.Origin(env["WS_ALLOWED_ORIGINS"])})
	client.Join(symbol + ".trade")
	s.Topics.Count(t, "trade", symbol, 1, 10)
	client.Counts(symbol+".trade", 1, 10)

	pre := exec.CommandContext(stage.Within(t), binary, c.Lifecycle.PreStop.Exec.Command[1:]...)
	pre.Env = variant.Environ(with(env, map[string]string{"WS_ADMIN_ADDR": s.AdminAddr}))
	var said bytes.Buffer
	pre.Stdout, pre.Stderr = &said, &said
	s.Process.MayEnd()
	if err := pre.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- pre.Wait() }()
	s.WaitStatus(t, c.ReadinessProbe.HTTPGet.Path, http.StatusServiceUnavailable)
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	client.Farewell(wire.CloseDrain)
	if err := <-ended; err != nil {
		t.Errorf("preStop: %v\n%s", err, said.String())
	}
	if code, err := s.Process.Wait(stage.Within(t)); err != nil || code != 0 {
		t.Errorf("the server ended with %d, %v\n%s", code, err, s.Process.Logs())
	}
	// A drain's first line says over which time; the later ones, how many are left.
	began := 0
	for line := range strings.Lines(s.Process.Logs()) {
		if strings.Contains(line, `"draining"`) && strings.Contains(line, `"spread"`) {
			began++
		}
	}
	if began != 1 {
		t.Errorf("%d drains began:\n%s", began, s.Process.Logs())
	}
}
