package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// exposed is the most that systemd-analyze security may find, in tenths of ten:
// 15 is "1.5, OK". A server that listens and dials cannot have 0.
const exposed = 15

func TestUnits(t *testing.T) {
	root, variants := repository(t)
	for _, v := range variants {
		t.Run(v.Name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(root, "deploy", "systemd", v.Name+".service"))
			if err != nil {
				t.Fatal(err)
			}
			unit := string(text)
			if out, err := analyze(t, v, unit, "verify"); err != nil || out != "" {
				t.Errorf("systemd-analyze verify: %v\n%s", err, out)
			}
			security := []string{"security", "--offline=true", "--no-pager", "--threshold=" + strconv.Itoa(exposed)}
			if out, err := analyze(t, v, unit, security...); err != nil {
				t.Errorf("systemd-analyze security: %v\n%s", err, out)
			}
			// Both can fail.
			if out, err := analyze(t, v, strings.Replace(unit, "ExecStart=/", "ExecStart=/nowhere/", 1), "verify"); err == nil {
				t.Errorf("verify takes a unit without a program:\n%s", out)
			}
			for _, line := range []string{"CapabilityBoundingSet=\n", "SystemCallFilter=@system-service\n", "PrivateUsers=yes\n"} {
				if out, err := analyze(t, v, strings.Replace(unit, line, "", 1), security...); err == nil {
					t.Errorf("without %q it is safe enough:\n%s", line, out)
				}
			}

			for _, want := range []string{
				"DynamicUser=yes", "NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=", "KillSignal=SIGTERM", "Restart=on-failure",
				"RestartPreventExitStatus=2", "LimitCORE=0",
				"ExecStart=/usr/local/bin/" + v.Name,
				"EnvironmentFile=/etc/" + v.Name + "/" + v.Name + ".env",
			} {
				if !slices.Contains(strings.Split(unit, "\n"), want) {
					t.Errorf("it has no line %s", want)
				}
			}
			// systemd starts a service anew whatever status its ExecStartPre= had: a wrong setting would be tried for ever.
			if strings.Contains(unit, "\nExecStartPre=") {
				t.Error("RestartPreventExitStatus= does not count for what ExecStartPre= runs: leave the check to the server")
			}
			stop, err := time.ParseDuration(value(t, unit, "TimeoutStopSec"))
			if err != nil || stop < 45*time.Second {
				t.Errorf("it waits %v for a drain (%v), at least 45s are needed", stop, err)
			}
			files, err := strconv.Atoi(value(t, unit, "LimitNOFILE"))
			if most := connections(t, v); err != nil || files < most+500 {
				t.Errorf("%d files (%v) are not enough for %d connections", files, err, most)
			}
		})
	}
}

// value is what a unit sets a directive to.
func value(t *testing.T, unit, directive string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^`+directive+`=(.*)$`).FindAllStringSubmatch(unit, -1)
	if len(found) != 1 {
		t.Fatalf("%s stands there %d times", directive, len(found))
	}
	return found[0][1]
}

// connections is what VERSION says the variant is made for.
func connections(t *testing.T, v variant.Variant) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(v.Dir, "VERSION"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^\s*max_connections: (\d+)`).FindSubmatch(text)
	if found == nil {
		t.Fatalf("VERSION has no max_connections:\n%s", text)
	}
	n, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// analyze runs systemd-analyze over a unit whose program stands elsewhere: a file
// that can be executed is all it asks for.
func analyze(t *testing.T, v variant.Variant, unit string, args ...string) (output string, err error) {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Fatal("systemd-analyze is not installed (Debian: apt-get install systemd)")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, v.Name), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, v.Name+".service")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(unit, "=/usr/local/bin/", fmt.Sprintf("=%s/", dir))), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", append(args, path)...).CombinedOutput()
	return string(out), err
}
