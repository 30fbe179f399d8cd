package main

import "slices"

// rule says what a change at a path asks for.
type rule struct {
	path   string   // a file, or a folder, which has a slash at its end
	all    bool     // everything, parts that are named besides are no other rule's
	parts  []string // of scripts/test
	images []string // variants whose image is built
	alone  bool     // parts that no rule names are not asked for
}

var (
	variants = []string{"ws-single", "ws-multi"}

	// fromOutside are the parts that start the servers. The long ones among them run with --full only.
	fromOutside = []string{
		"e2e", "faults", "conformance", "programs", "parity", "rollout", "scripts", "bench", "demo", "client", "third-party", "load",
		"matrix", "explore", "races", "rollout-full", "images",
	}
	// ofTools are the parts that run what is in scripts.
	ofTools = slices.Concat(fromOutside, []string{"baselines", "lint", "vulnerabilities", "kit-copies", "licences"})
)

// rules are all rules; of those whose path is above a changed one the longest counts, and where none is, everything is asked for.
var rules = []rule{
	ofVariant("ws-single"),
	ofVariant("ws-multi"),
	// The kit is in both variants and in the tools.
	{path: "kit/", all: true, parts: []string{"kit"}},
	// The link is a file of its own. When it turns, another server is in production, and nothing below either folder has changed.
	{path: "ws", all: true},
	{path: "go.work", all: true},
	{path: "go.work.sum", all: true},
	{path: ".ci/", all: true},
	{path: ".github/workflows/", all: true},

	// What every part rests on: the runner, and the broker.
	{path: "scripts/test", all: true},
	{path: "scripts/cmd/test/", all: true},
	{path: "scripts/cmd/kafka/", all: true},
	{path: "scripts/internal/broker/", all: true},
	{path: "scripts/internal/variant/", all: true},
	{path: "scripts/go.mod", all: true},
	{path: "scripts/go.sum", all: true},

	{path: "scripts/", parts: ofTools},
	{path: "scripts/baselines/", parts: []string{"baselines", "bench", "lint", "vulnerabilities"}},
	{path: "scripts/client/", parts: []string{"client", "demo", "scripts", "lint"}},
	{path: "scripts/e2e/", parts: []string{"e2e", "client", "third-party", "load", "lint"}},
	{path: "scripts/evidence/", parts: []string{"scripts", "conformance", "faults"}},
	{path: "scripts/scenarios/", parts: []string{"scripts", "bench"}},
	{path: "scripts/tools/", parts: []string{"scripts", "lint", "vulnerabilities"}},

	{path: "deploy/", parts: []string{"scripts", "rollout", "images"}},
	{path: ".github/", parts: []string{"scripts"}},
	{path: "Taskfile.yml", parts: []string{"scripts"}},

	// Words for people; tests of scripts read some of them.
	{path: "README.md", parts: []string{"scripts"}, alone: true},
	{path: "scripts/README.md", parts: []string{"scripts"}, alone: true},
	{path: "deploy/guide/", parts: []string{"scripts"}, alone: true},
	{path: ".github/ISSUE_TEMPLATE/", parts: []string{"scripts"}, alone: true},
	{path: ".golangci.yml", parts: []string{"lint"}, alone: true},
}

// ofVariant is what a change in a variant's folder asks for: the other variant's own tests are not among it.
func ofVariant(name string) rule {
	return rule{
		path:   name + "/",
		parts:  slices.Concat([]string{name, "autobahn-" + name, "lint", "kit-copies", "vulnerabilities", "licences"}, fromOutside),
		images: []string{name},
	}
}
