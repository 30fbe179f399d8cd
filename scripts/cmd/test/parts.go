package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/adred-codev/ws_poc/scripts/internal/variant"
	"github.com/adred-codev/ws_poc/scripts/internal/venv"
)

// part is one kind of test.
type part struct {
	name, about string
	needs       []string // names of tools
	full        bool     // only with --full, or by name
	run         func(*job)
}

// parts are all parts, those that take longest first, so that the short ones
// fill up what is left.
func parts(variants []variant.Variant) []part {
	kafka := []string{"gcc", "java", "mvn"}
	list := []part{{
		name: "e2e", needs: kafka, about: "the real servers, against a real broker, from outside",
		run: func(j *job) { j.withServers("-parallel=6", "-skip=^Test(ThirdParty|ReferenceClient)", "./e2e") },
	}, {
		name: "lint", needs: []string{"gcc"}, about: "golangci-lint over every module, with its formatter",
		run: func(j *job) { j.runLint() },
	}}
	for _, v := range variants {
		list = append(list, part{
			name: v.Name, needs: kafka, about: "the packages of " + v.Name + ", with their fuzz seeds",
			run: func(j *job) { j.withBroker(v.Dir, nil, "./...") },
		})
	}
	list = append(list, part{
		name: "faults", needs: append([]string{"iptables"}, kafka...), about: "the faults that take seconds, done to the real servers",
		run: func(j *job) { j.withShipped("-parallel=4", "./internal/fault") },
	}, part{
		name: "conformance", needs: kafka, about: "a case for each sentence of the protocol, on both servers, and lies that must be found",
		run: func(j *job) { j.withShipped("./internal/conformance", "./cmd/conformance") },
	}, part{
		name: "programs", needs: kafka, about: "random programs of clients and publishers against a model of what each must see",
		run: func(j *job) { j.withRacing("./internal/program") },
	}, part{
		name: "parity", needs: kafka, about: "both variants side by side, and servers that lie, which must be found",
		run: func(j *job) { j.withServers("./internal/parity", "./cmd/parity") },
	}, part{
		name: "rollout", needs: append([]string{"prometheus", "haproxy"}, kafka...), about: "clients moved between both servers behind a real HAProxy, watched by a real Prometheus",
		run: func(j *job) { j.withServers("./cmd/rollout") },
	}, part{
		name: "scripts", needs: append([]string{"systemd-analyze", "python", "prometheus", "haproxy"}, kafka...), about: "the packages of the tools",
		run: func(j *job) { j.runScripts() },
	}, part{
		name: "bench", needs: kafka, about: "every scenario of bench in little, each reason to refuse provoked, and capacity",
		run: func(j *job) { j.withServers("./internal/measure") },
	}, part{
		name: "baselines", needs: kafka, about: "what servers are measured beside: floor, gorilla-hub, centrifuge, reader",
		run: func(j *job) { j.withBroker(filepath.Join(j.scripts, "baselines"), nil, "./...") },
	}, part{
		name: "demo", needs: append([]string{"chromium"}, kafka...), about: "the demo, its page in a real headless Chromium",
		run: func(j *job) { j.withServers("./cmd/demo/...") },
	}, part{
		name: "client", needs: append([]string{"node", "npm", "chromium"}, kafka...), about: "the reference client: its units, its types, and against the real servers in Node and Chromium",
		run: func(j *job) { j.runClient() },
	}, part{
		name: "third-party", needs: append([]string{"node", "npm", "python"}, kafka...), about: "npm ws and Python websockets against the real servers",
		run: func(j *job) { j.runThirdParty() },
	})
	for _, v := range variants {
		list = append(list, part{
			name: "autobahn-" + v.Name, needs: []string{"gcc", "python"}, about: "the Autobahn cases on the connection code of " + v.Name,
			run: func(j *job) { j.autobahn(v) },
		})
	}
	return append(list, part{
		name: "kit", needs: []string{"gcc"}, about: "the kit, with its golden files and fuzz seeds",
		run: func(j *job) { j.goTest(filepath.Join(j.root, "kit"), true, nil, "./...") },
	}, part{
		name: "kit-copies", about: "the variants' copies of the kit are whole",
		run: func(j *job) { j.check("scripts/kit check", j.root, filepath.Join(j.scripts, "kit"), "check") },
	}, part{
		name: "vulnerabilities", needs: []string{"gcc"}, about: "govulncheck: no module calls a function with a known vulnerability",
		run: func(j *job) { j.vulnerabilities() },
	}, part{
		name: "licences", about: "what the servers are linked with is listed, and its licences are allowed",
		run: func(j *job) { j.licences() },
	}, part{
		name: "load", needs: kafka, full: true, about: "1,000 connections x 5 messages/s for 60 s, and with 50 of them stalled",
		run: func(j *job) { j.withServers("-tags=full", "-run=^TestLoad", "./e2e") },
	}, part{
		name: "matrix", needs: append([]string{"iptables"}, kafka...), full: true, about: "every fault at its full size, one at a time: about two hours",
		run: func(j *job) { j.withShipped("-tags=full", "-timeout=4h", "-run=^TestMatrix", "./internal/fault") },
	}, part{
		name: "explore", needs: kafka, full: true, about: "random programs for ten minutes",
		run: func(j *job) { j.withRacing("-run=^TestPrograms", "./internal/program", "-programs.for=10m") },
	}, part{
		name: "races", needs: append([]string{"iptables"}, kafka...), full: true, about: "conformance and faults once more, with the race detector",
		run: func(j *job) {
			j.withRacing("-timeout=45m", "-p=1", "-parallel=3", "./internal/conformance", "./cmd/conformance", "./internal/fault")
		},
	}, part{
		name: "rollout-full", needs: append([]string{"prometheus", "haproxy"}, kafka...), full: true, about: "rollouts with 2,000 clients, a challenger that gets worse, and deaths on the way",
		run: func(j *job) { j.withShipped("-tags=full", "-timeout=45m", "-run=^TestFull", "./cmd/rollout") },
	}, part{
		name: "fuzz", needs: kafka, full: true, about: "every fuzz target of every module for a few thousand inputs",
		run: func(j *job) { j.fuzz() },
	}, part{
		name: "images", needs: append([]string{"buildah", "debootstrap"}, kafka...), full: true, about: "the images of deploy/compose, built and tried",
		run: func(j *job) {
			j.goTest(j.scripts, true, []string{"KAFKA_TEST_BROKERS="}, "-tags=full", "-timeout=30m", "-run=^TestImages$", "./cmd/images")
		},
	})
}

// withBroker runs Go tests that find the run's broker.
func (j *job) withBroker(dir string, env []string, args ...string) {
	brokers, err := j.brokers()
	if err != nil {
		j.fail("broker", err.Error())
		return
	}
	j.goTest(dir, true, append(env, "KAFKA_TEST_BROKERS="+brokers), args...)
}

// withServers runs tests of scripts that find the servers' binaries, too.
func (j *job) withServers(args ...string) {
	if err := j.racing(); err != nil {
		j.fail("build", err.Error())
		return
	}
	j.withBroker(j.scripts, []string{variant.BinDirEnv + "=" + j.bin}, args...)
}

// apart are the folders of scripts that are parts of their own.
var apart = []string{
	"e2e", "cmd/demo", "cmd/conformance", "internal/measure", "internal/conformance", "internal/fault", "internal/program",
	"internal/parity", "cmd/parity", "cmd/rollout",
}

// withRacing is withServers for packages that start brokers of their own: they make so many topics that others on the same
// one would feel it.
func (j *job) withRacing(args ...string) { j.withBinaries(true, j.racing, args...) }

// withShipped is withRacing for packages that judge times: neither they nor the servers carry the race detector, which makes
// either several times slower.
func (j *job) withShipped(args ...string) { j.withBinaries(false, j.shipped, args...) }

func (j *job) withBinaries(race bool, build func() error, args ...string) {
	if err := build(); err != nil {
		j.fail("build", err.Error())
		return
	}
	j.goTest(j.scripts, race, []string{variant.BinDirEnv + "=" + j.bin, "KAFKA_TEST_BROKERS="}, args...)
}

// runScripts tests the tools' packages that are no part of their own.
func (j *job) runScripts() {
	out, err := j.command(j.scripts, nil, "go", "list", "./...").Output()
	if err != nil {
		j.fail("go list", err.Error()+stderrOf(err))
		return
	}
	var packages []string
	for _, p := range strings.Fields(string(out)) {
		if !slices.ContainsFunc(apart, func(part string) bool { return strings.Contains(p, "/scripts/"+part) }) {
			packages = append(packages, p)
		}
	}
	j.withServers(packages...)
}

// runLint is one test a module.
func (j *job) runLint() {
	lint, err := j.lint()
	if err != nil {
		j.fail("golangci-lint", err.Error())
		return
	}
	dirs := []string{filepath.Join(j.root, "kit"), j.scripts, filepath.Join(j.scripts, "baselines")}
	for _, v := range j.variants {
		dirs = append(dirs, v.Dir)
	}
	for _, dir := range dirs {
		j.check("lint "+filepath.Base(dir), dir, lint, "run", "--config", filepath.Join(j.root, ".golangci.yml"), "./...")
	}
}

func (j *job) runClient() {
	dir := filepath.Join(j.scripts, "client")
	if err := j.npm(dir); err != nil {
		j.fail("npm", err.Error())
		return
	}
	j.nodeTest(dir, "test/unit/*.test.js")
	j.check("types", dir, "npm", "run", "--silent", "check")
	j.withServers("-run=^TestReferenceClient", "./e2e")
}

func (j *job) runThirdParty() {
	dir := filepath.Join(j.scripts, "e2e", "clients")
	if err := j.npm(filepath.Join(dir, "node")); err != nil {
		j.fail("npm", err.Error())
		return
	}
	bin, err := venv.Make(j.ctx, j.cache, filepath.Join(dir, "python", "requirements.txt"))
	if err != nil {
		j.fail("python", err.Error())
		return
	}
	path := fmt.Sprintf("PATH=%s%c%s", bin, os.PathListSeparator, os.Getenv("PATH"))
	if err := j.racing(); err != nil {
		j.fail("build", err.Error())
		return
	}
	j.withBroker(j.scripts, []string{variant.BinDirEnv + "=" + j.bin, path}, "-run=^TestThirdParty", "./e2e")
}
