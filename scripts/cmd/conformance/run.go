package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/broker"
	"github.com/adred-codev/ws_poc/scripts/internal/conformance"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// errInterrupted ends a run of which there is no whole to report.
var errInterrupted = errors.New("interrupted: no report was written")

// runCases runs the cases on each server and reports; kept says that nothing was broken and nothing differs.
func runCases(ctx context.Context, args []string, env func(string) string, stdout, stderr io.Writer) (kept bool, err error) {
	o, err := parse(args, env, stdout)
	if err != nil {
		return false, err
	}
	if o.list {
		for _, c := range o.cases {
			fmt.Fprintf(stdout, "%-7s %s\n", c.ID, c.Says)
		}
		return true, nil
	}
	if err := o.writable(); err != nil {
		return false, err
	}
	started := time.Now()
	kafka := ""
	if o.kafka == "" {
		fmt.Fprintln(stderr, "conformance: starting a Kafka")
		b, failed := broker.Start(ctx, broker.Options{})
		if failed != nil {
			return false, failed
		}
		defer func() { err = errors.Join(err, b.Stop()) }()
		o.kafka, kafka = b.Addr(), broker.Version
	}
	var ran []conformance.Ran
	if o.addr != "" {
		site, err := conformance.NewRunning(ctx, o.addr, o.admin, o.kafka, o.topics)
		if err != nil {
			return false, err
		}
		ran = append(ran, o.on(ctx, site, stderr))
	}
	all, others, err := o.build(ctx, stderr)
	if err != nil {
		return false, err
	}
	for i, v := range o.variants {
		site := conformance.NewProgram(v.Name, all[i], o.kafka).WithOther(others[i])
		one := o.on(ctx, site, stderr)
		one.Wrong = site.Close()
		ran = append(ran, one)
	}
	if ctx.Err() != nil {
		return false, errInterrupted
	}
	report := conformance.NewReport(o.cases, ran)
	report.Started, report.Kafka, report.Race, report.Command = started, kafka, o.race, again(args)
	if report.Commit, report.Dirty, err = commit(ctx); err != nil {
		return false, err
	}
	if err := o.write(report); err != nil {
		return false, err
	}
	summarize(stdout, report)
	tried := slices.ContainsFunc(report.Servers, func(s conformance.Ran) bool { passed, failed, _ := s.Count(); return passed+failed > 0 })
	return tried && report.Passed(), nil
}

// build builds the servers from the repository, and for each another one for the clients that move.
func (o *options) build(ctx context.Context, stderr io.Writer) (binaries, others []string, err error) {
	if len(o.variants) == 0 {
		return nil, nil, nil
	}
	dir, err := variant.BinDir()
	if err != nil {
		return nil, nil, err
	}
	all, err := variant.All()
	if err != nil {
		return nil, nil, err
	}
	built := map[string]string{}
	for _, v := range all {
		fmt.Fprintf(stderr, "conformance: building %s\n", v.Name)
		if built[v.Name], err = v.Build(ctx, dir, o.race); err != nil {
			return nil, nil, err
		}
	}
	for _, v := range o.variants {
		binaries = append(binaries, built[v.Name])
		other := ""
		for _, w := range all {
			if w.Name != v.Name {
				other = built[w.Name]
			}
		}
		others = append(others, other)
	}
	return binaries, others, nil
}

// on runs the cases on a site.
func (o *options) on(ctx context.Context, site conformance.Site, stderr io.Writer) conformance.Ran {
	began := time.Now()
	show := newProgress(stderr, site.Name(), o.cases)
	results := conformance.Run(ctx, site, o.cases, o.atOnce, show.take)
	show.wipe()
	return conformance.Ran{Server: site.Name(), Version: site.Version(), Seconds: time.Since(began).Seconds(), Results: results}
}

// writable says before the run what could not be written after it.
func (o *options) writable() error {
	for _, path := range []string{o.report, o.json} {
		if path == "" {
			continue
		}
		_, err := os.Stat(path)
		there := err == nil
		if there && len(o.cases) < len(conformance.Cases()) {
			return fmt.Errorf("%w: %s is there already, and may be of all sentences: name another file for these, or remove it", errUsage, path)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("make a folder for %s: %w", path, err)
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
		if err != nil {
			return fmt.Errorf("write: %w", err)
		}
		if err := f.Close(); err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
		if there {
			continue
		}
		if err := os.Remove(path); err != nil { // a run that is given up leaves no empty page
			return fmt.Errorf("write %s: %w", path, err)
		}
	}
	return nil
}

// write writes the files that were asked for.
func (o *options) write(report *conformance.Report) error {
	if o.json != "" {
		if err := write(o.json, func(w io.Writer) error {
			e := json.NewEncoder(w)
			e.SetIndent("", "  ")
			return e.Encode(report)
		}); err != nil {
			return err
		}
	}
	if o.report == "" {
		return nil
	}
	clauses, err := conformance.Clauses()
	if err != nil {
		return err
	}
	return write(o.report, func(w io.Writer) error { return report.Markdown(w, clauses) })
}

func write(path string, content func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if err := errors.Join(content(f), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func summarize(stdout io.Writer, report *conformance.Report) {
	for i := range report.Servers {
		s := &report.Servers[i]
		passed, failed, notRun := s.Count()
		fmt.Fprintf(stdout, "%s: %d of the sentences tried in %.0f s: %d kept, %d broken", s.Server, passed+failed, s.Seconds, passed, failed)
		if notRun > 0 {
			fmt.Fprintf(stdout, "; %d not run", notRun)
		}
		fmt.Fprintln(stdout)
		for _, r := range s.Results {
			if r.NotRun != "" {
				fmt.Fprintf(stdout, "  %s was not run: %s\n", r.Case, r.NotRun)
			}
		}
		for _, wrong := range s.Wrong {
			fmt.Fprintf(stdout, "  wrong: %s\n", wrong)
		}
	}
	for _, d := range report.Differences {
		fmt.Fprintf(stdout, "differs: %s\n", d)
	}
}

// again is the command line for a shell.
func again(args []string) string {
	words := []string{"scripts/conformance"}
	for _, arg := range args {
		if strings.ContainsAny(arg, " '\"$\\*?;&|<>()") {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}

// commit is the repository's; a tree without git, such as a release's archive, has none.
func commit(ctx context.Context) (hash string, dirty bool, err error) {
	root, err := variant.Root()
	if err != nil {
		return "", false, err
	}
	git := func(args ...string) string {
		out, err := exec.CommandContext(ctx, "git", append([]string{"-C", root}, args...)...).Output()
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(out))
	}
	return git("rev-parse", "HEAD"), git("status", "--porcelain", "--untracked-files=no") != "", nil
}
