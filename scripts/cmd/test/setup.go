package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// tool is a program that tests need.
type tool struct {
	name      string
	check     []string // exits with 0 where the tool is usable
	least     int      // the major version, found in what check prints; 0: any
	debian    []string // packages
	elsewhere string
}

var tools = []tool{
	{name: "gcc", check: []string{"gcc", "--version"}, debian: []string{"gcc", "libc6-dev"},
		elsewhere: "a C compiler with the C library's headers (librdkafka and the race detector are linked with it)"},
	{name: "java", check: []string{"java", "-version"}, least: 17, debian: []string{"openjdk-17-jre-headless"},
		elsewhere: "a Java runtime, 17 or later: https://adoptium.net"},
	{name: "mvn", check: []string{"mvn", "--version"}, debian: []string{"maven"},
		elsewhere: "Maven, which fetches the Kafka broker: https://maven.apache.org"},
	{name: "node", check: []string{"node", "--version"}, least: 20, debian: []string{"nodejs"},
		elsewhere: "Node.js, 20 or later: https://nodejs.org"},
	{name: "npm", check: []string{"npm", "--version"}, debian: []string{"npm"},
		elsewhere: "npm, which comes with Node.js: https://nodejs.org"},
	{name: "python", check: []string{"python3", "-c", "import venv, ensurepip; print('Python', __import__('sys').version)"}, least: 3,
		debian: []string{"python3", "python3-venv"}, elsewhere: "Python 3 with its module venv: https://www.python.org"},
	{name: "iptables", check: []string{"iptables-legacy", "--version"}, debian: []string{"iptables"},
		elsewhere: "iptables with iptables-legacy, for packets that are lost"},
	{name: "systemd-analyze", check: []string{"systemd-analyze", "--version"}, debian: []string{"systemd"},
		elsewhere: "systemd's systemd-analyze, which checks the units"},
	{name: "prometheus", check: []string{"promtool", "--version"}, least: 2, debian: []string{"prometheus"},
		elsewhere: "Prometheus, 2.42 or later, with its promtool: https://prometheus.io/download"},
	{name: "haproxy", check: []string{"haproxy", "-v"}, least: 2, debian: []string{"haproxy"},
		elsewhere: "HAProxy, 2.6 or later: https://www.haproxy.org"},
	{name: "buildah", check: []string{"buildah", "--version"}, debian: []string{"buildah"},
		elsewhere: "buildah, which builds images without Docker: https://buildah.io"},
	{name: "debootstrap", check: []string{"debootstrap", "--version"}, debian: []string{"debootstrap"},
		elsewhere: "debootstrap, which makes images' bases of Debian's packages"},
	{name: "chromium", check: []string{"chromium", "--version"}, debian: []string{"chromium"},
		elsewhere: "Chromium, as a program called chromium: https://www.chromium.org"},
}

// problem says why the tool is not usable, "" when it is.
func (t tool) problem(ctx context.Context) string {
	if _, err := exec.LookPath(t.check[0]); err != nil {
		return "is not installed"
	}
	out, err := exec.CommandContext(ctx, t.check[0], t.check[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Sprintf("does not work: %s: %v", strings.Join(t.check, " "), err)
	}
	if t.least == 0 {
		return ""
	}
	if v := version.FindString(string(out)); v == "" {
		return fmt.Sprintf("does not tell its version: %s", out)
	} else if major, err := strconv.Atoi(v); err != nil || major < t.least {
		return fmt.Sprintf("is version %s, %d or later is needed", v, t.least)
	}
	return ""
}

// version is the first number of what a tool prints.
var version = regexp.MustCompile(`\d+`)

// setUp sees to it that the parts' tools are there: on Debian, as root, it
// installs what is missing; elsewhere its error says what to get, and where.
func setUp(ctx context.Context, chosen []part) error {
	missing := missingTools(ctx, chosen)
	if len(missing) == 0 {
		return nil
	}
	_, apt := exec.LookPath("apt-get")
	_, debian := os.Stat("/etc/debian_version")
	if apt == nil && debian == nil && os.Geteuid() == 0 {
		var packages []string
		for _, m := range missing {
			packages = append(packages, m.debian...)
		}
		fmt.Printf("installing %s\n", strings.Join(packages, " "))
		if err := install(ctx, packages); err != nil {
			return err
		}
		if missing = missingTools(ctx, chosen); len(missing) == 0 {
			return nil
		}
	}
	var b strings.Builder
	b.WriteString("these are needed:")
	for _, m := range missing {
		fmt.Fprintf(&b, "\n  %s %s. Get %s", m.name, m.trouble, m.elsewhere)
		if debian == nil {
			fmt.Fprintf(&b, "\n    or, as root: apt-get install %s", strings.Join(m.debian, " "))
		}
	}
	return fmt.Errorf("%s", b.String())
}

// install has apt-get install packages, whose daemons stay off.
func install(ctx context.Context, packages []string) (err error) {
	restore, err := noDaemons(policy)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, restore()) }()
	for _, args := range [][]string{
		{"update", "-q"},
		append([]string{"install", "-q", "-y", "--no-install-recommends"}, packages...),
	} {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", args[0], err, out)
		}
	}
	return nil
}

// policy is the program that Debian's packages ask before they start their daemon.
const policy = "/usr/sbin/policy-rc.d"

// noDaemons has packages that are installed until restore start nothing: Prometheus' would take port 9090 and run for ever. 101
// is "no" (people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt). Where there is a policy already it stays.
func noDaemons(policy string) (restore func() error, err error) {
	f, err := os.OpenFile(policy, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return func() error { return nil }, nil
	}
	if err != nil {
		return nil, fmt.Errorf("keep packages from starting daemons: %w", err)
	}
	_, err = f.WriteString("#!/bin/sh\nexit 101\n")
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("keep packages from starting daemons: %w", errors.Join(err, os.Remove(policy)))
	}
	return func() error { return os.Remove(policy) }, nil
}

type missingTool struct {
	tool
	trouble string
}

func missingTools(ctx context.Context, chosen []part) (missing []missingTool) {
	for _, t := range tools {
		if !slices.ContainsFunc(chosen, func(p part) bool { return slices.Contains(p.needs, t.name) }) {
			continue
		}
		if trouble := t.problem(ctx); trouble != "" {
			missing = append(missing, missingTool{t, trouble})
		}
	}
	return missing
}
