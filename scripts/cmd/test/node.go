package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

// summary is a line at the end of a TAP report of Node's test runner.
var summary = regexp.MustCompile(`(?m)^# (pass|fail|cancelled|skipped) (\d+)$`)

// nodeTest runs Node's test runner over files of a folder, and counts its
// tests.
func (j *job) nodeTest(dir string, files ...string) {
	tap, err := os.CreateTemp("", "node-test-*.tap")
	if err != nil {
		j.fail("node --test", err.Error())
		return
	}
	defer os.Remove(tap.Name())
	defer tap.Close()
	args := []string{
		"--test", "--test-timeout=60000",
		"--test-reporter=tap", "--test-reporter-destination=" + tap.Name(),
		"--test-reporter=spec", "--test-reporter-destination=stdout",
	}
	for _, pattern := range files {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(found) == 0 {
			j.fail(pattern, fmt.Sprintf("no such file in %s (%v)", dir, err))
			return
		}
		args = append(args, found...)
	}
	out, err := j.command(dir, nil, "node", args...).CombinedOutput()
	report, readErr := os.ReadFile(tap.Name())
	if readErr != nil {
		j.fail("node --test", readErr.Error())
		return
	}
	failed := 0
	for _, m := range summary.FindAllStringSubmatch(string(report), -1) {
		n, convErr := strconv.Atoi(m[2])
		if convErr != nil {
			j.fail("node --test", convErr.Error())
			return
		}
		switch m[1] {
		case "pass":
			j.pass(n)
		case "skipped":
			j.skipped += n
		default:
			failed += n
		}
	}
	if failed > 0 || err != nil {
		j.fail("node --test", fmt.Sprintf("%s%v", out, err))
		j.failed += max(0, failed-1)
	}
}
