package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// job is one running part: what it has counted, and what it has to say if
// something failed.
type job struct {
	*shared
	ctx                     context.Context
	passed, failed, skipped int
	report                  bytes.Buffer
	skips, notes            []string // why tests were skipped; what is to be known though nothing failed
}

// pass counts tests that passed.
func (j *job) pass(n int) { j.passed += n }

// skip counts one test that could not run; the summary says why.
func (j *job) skip(why string) {
	j.skipped++
	j.skips = append(j.skips, why)
}

// note has the summary tell something that is no failure.
func (j *job) note(text string) { j.notes = append(j.notes, text) }

// fail counts one test that failed, with all it said.
func (j *job) fail(name, output string) {
	j.failed++
	fmt.Fprintf(&j.report, "--- FAIL: %s\n%s\n", name, output)
}

// verdict counts a check that is one test: it failed if err is not nil.
func (j *job) verdict(name, output string, err error) {
	if err == nil {
		j.pass(1)
		return
	}
	j.fail(name, fmt.Sprintf("%s%v", output, err))
}

// command prepares a program in a folder of the repository, in a process group
// of its own, so that all it has started ends with the run.
func (j *job) command(dir string, env []string, name string, args ...string) *exec.Cmd {
	return command(j.ctx, dir, env, name, args...)
}

func command(ctx context.Context, dir string, env []string, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// check runs a program that is one test by its exit code.
func (j *job) check(name, dir, program string, args ...string) {
	out, err := j.command(dir, nil, program, args...).CombinedOutput()
	j.verdict(name, string(out), err)
}

// runParts runs the parts and reports; its result is the exit code.
func runParts(ctx context.Context, s *shared, chosen []part, jobs int) int {
	began := time.Now()
	results := make(chan *job)
	var workers sync.WaitGroup
	queue := make(chan part)
	for range jobs {
		workers.Go(func() {
			for p := range queue {
				results <- runPart(ctx, s, p)
			}
		})
	}
	go func() {
		for _, p := range chosen {
			queue <- p
		}
		close(queue)
		workers.Wait()
		close(results)
	}()
	var total job
	for j := range results {
		total.passed += j.passed
		total.failed += j.failed
		total.skipped += j.skipped
	}
	if err := s.close(); err != nil {
		total.failed++
		fmt.Fprintln(s.out, err)
	}
	if ctx.Err() != nil {
		total.failed++
		fmt.Fprintln(s.out, "interrupted")
	}
	fmt.Fprintf(s.out, "\nall parts took %.1f s\n%s\n", time.Since(began).Seconds(), total.count())
	if total.failed > 0 {
		return 1
	}
	return 0
}

var printing sync.Mutex

func runPart(ctx context.Context, s *shared, p part) *job {
	began := time.Now()
	j := &job{shared: s, ctx: ctx}
	p.run(j)
	if j.passed+j.failed+len(j.skips) == 0 {
		j.fail(p.name, "no test ran")
	}
	printing.Lock()
	defer printing.Unlock()
	word := "ok  "
	if j.failed > 0 {
		word = "FAIL"
		_, _ = j.report.WriteTo(s.out)
	}
	why := ""
	if len(j.skips) > 0 {
		why = ": " + strings.Join(j.skips, "; ")
	}
	fmt.Fprintf(s.out, "%s %-20s %6.1f s   %s%s\n", word, p.name, time.Since(began).Seconds(), j.count(), why)
	for _, note := range j.notes {
		fmt.Fprintf(s.out, "     %s\n", note)
	}
	return j
}

// count is the line that says how many tests ran.
func (j *job) count() string {
	if j.skipped > 0 {
		return fmt.Sprintf("%d passed, %d failed, %d skipped", j.passed, j.failed, j.skipped)
	}
	return fmt.Sprintf("%d passed, %d failed", j.passed, j.failed)
}
