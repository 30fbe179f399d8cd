package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/broker"
	"github.com/adred-codev/ws_poc/scripts/internal/produce"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// trial is what images are tried with. Its methods end the test when something is not as it must be.
type trial struct {
	stage.TB
	ctx   context.Context
	self  string            // this program
	roots map[*image]string // their files
	tp    *stage.Topics
}

// try runs all images at a broker, and notes in them what was found.
func (b *buildah) try(ctx context.Context, images []*image) (err error) {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	x := trial{ctx: ctx, self: self, roots: map[*image]string{}}
	for _, i := range images {
		root, unmount, err := b.mount(ctx, i)
		if err != nil {
			return err
		}
		defer func() { _ = unmount() }() // what it was for is known by now
		x.roots[i] = root
	}
	fmt.Fprintln(b.progress, "trying them at a broker")
	k, err := broker.Start(ctx, broker.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.Stop()) }()
	scope := &stage.Scope{Called: "the try of images"}
	x.TB = scope
	scope.Do(func() {
		x.tp = stage.MakeTopics(scope, k.Addr(), 2, "trade")
		x.together(images)
	})
	scope.End()
	if errs := scope.Errors(); len(errs) > 0 {
		return errors.New(strings.Join(errs, "\n"))
	}
	return nil
}

// together has the servers carry what the publisher publishes.
func (x *trial) together(images []*image) {
	type served struct {
		*image
		server *stage.Server
		client *stage.Conn
	}
	var servers []served
	var publisher *image
	for _, i := range images {
		if i.service == "publisher" {
			publisher = i
			continue
		}
		x.version(i)
		s := x.serve(i)
		c := stage.Dial(x, s)
		c.Join("*.trade")
		servers = append(servers, served{i, s, c})
	}
	if publisher != nil {
		x.publish(publisher)
	} else {
		x.tp.Count(x, "trade", stage.Symbol(), 1, 50)
	}
	for _, s := range servers {
		m, _ := s.client.UntilType("message")
		s.note("delivers", "%s, with position %s, to a client", m.Channel, m.Pos)
		x.drain(s.image, s.server)
	}
}

// version asks the program what it is.
func (x *trial) version(i *image) {
	out, code := x.run(i, nil, i.is.program("version")...)
	if code != 0 || !strings.Contains(out, i.version) || !strings.Contains(out, i.commit) {
		x.Fatalf("%s: version ends with %d and says:\n%s\nwant %s and %s", i.name, code, out, i.version, i.commit)
	}
	labels := i.is.Config.Labels
	if labels["org.opencontainers.image.version"] != i.version || labels["org.opencontainers.image.revision"] != i.commit {
		x.Fatalf("%s: its labels say %v, want %s and %s", i.name, labels, i.version, i.commit)
	}
	i.note("version", "%s, commit %s, in its labels too", i.version, i.commit)
}

// serve starts a server, and asks its health check before and after.
func (x *trial) serve(i *image) *stage.Server {
	health, err := i.is.health()
	if err != nil {
		x.Fatalf("%s: %v", i.name, err)
	}
	args, err := confine(x.roots[i], i.is, i.is.program())
	if err != nil {
		x.Fatalf("%s: %v", i.name, err)
	}
	admin, err := variant.FreeAddr()
	if err != nil {
		x.Fatal(err)
	}
	env := map[string]string{
		"WS_ADMIN_ADDR": admin, "WS_DRAIN_SPREAD": "1s", "KAFKA_BROKERS": x.tp.Brokers, "KAFKA_TOPICS": x.tp.Setting(), "PATH": i.path(),
	}
	if out, code := x.run(i, env, health...); code != 1 {
		x.Fatalf("%s: with nobody there its health check ends with %d and says %s", i.name, code, out)
	}
	p, err := variant.Start(variant.Options{Binary: x.self, Args: args, Env: env})
	if err != nil {
		x.Fatal(err)
	}
	x.Cleanup(p.Kill)
	if err := p.WaitReady(x.within()); err != nil {
		x.Fatalf("%s: %v", i.name, err)
	}
	x.confined(i, p.PID)
	out, code := x.run(i, env, health...)
	if code != 0 {
		x.Fatalf("%s: its health check ends with %d and says %s", i.name, code, out)
	}
	i.note("health check", "%s: %s; 1 with nobody there", strings.Join(health, " "), strings.TrimSpace(out))
	return &stage.Server{Addr: p.Addr, AdminAddr: p.AdminAddr, Topics: x.tp, Process: p}
}

// drain ends a server as container engines do, with a client on it.
func (x *trial) drain(i *image, s *stage.Server) {
	began := time.Now()
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		x.Fatal(err)
	}
	if code, err := s.Process.Wait(x.within()); err != nil || code != 0 {
		x.Fatalf("%s: after SIGTERM it ended with %d, %v\n%s", i.name, code, err, s.Process.Logs())
	}
	i.note("drains", "after SIGTERM, within %v, with exit status 0", time.Since(began).Round(100*time.Millisecond))
}

// publish runs the publisher for two seconds.
func (x *trial) publish(i *image) {
	var summary produce.Summary
	env := map[string]string{"KAFKA_BROKERS": x.tp.Brokers, "KAFKA_TOPICS": x.tp.Setting()}
	out, code := x.run(i, env, i.is.program("--rate", "200/s", "--duration", "2s")...)
	if err := json.Unmarshal([]byte(out), &summary); code != 0 || err != nil || summary.Acked == 0 {
		x.Fatalf("%s: it ended with %d, %v:\n%s", i.name, code, err, out)
	}
	labels := i.is.Config.Labels
	if labels["org.opencontainers.image.revision"] != i.commit {
		x.Fatalf("%s: its labels say %v, want %s", i.name, labels, i.commit)
	}
	i.note("publishes", "%d records in 2 s, all acknowledged", summary.Acked)
}

// run runs a program of the image to its end, confined, and checks while it runs that it is. What it prints on standard
// output is returned, or what went wrong.
func (x *trial) run(i *image, env map[string]string, argv ...string) (output string, code int) {
	args, err := confine(x.roots[i], i.is, argv)
	if err != nil {
		x.Fatalf("%s: %v", i.name, err)
	}
	// The child dies with the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(x.ctx, x.self, args...)
	set := map[string]string{"PATH": i.path()}
	for name, value := range env {
		set[name] = value
	}
	cmd.Env = variant.Environ(set)
	var out, trouble bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &trouble
	if err := cmd.Start(); err != nil {
		x.Fatalf("%s: %v", i.name, err)
	}
	if i.service == "publisher" {
		x.confined(i, cmd.Process.Pid)
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return out.String() + trouble.String(), exit.ExitCode()
	case err != nil:
		x.Fatalf("%s: run %s: %v", i.name, strings.Join(argv, " "), err)
	}
	return out.String(), 0
}

// confined asks the kernel what the process may do.
func (x *trial) confined(i *image, pid int) {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	uid, gid, _ := strings.Cut(i.is.Config.User, ":")
	want := []string{
		fmt.Sprintf("Uid:\t%[1]s\t%[1]s\t%[1]s\t%[1]s\n", uid), fmt.Sprintf("Gid:\t%[1]s\t%[1]s\t%[1]s\t%[1]s\n", gid), "Groups:\t \n", "NoNewPrivs:\t1\n",
		"CapInh:\t0000000000000000\n", "CapPrm:\t0000000000000000\n", "CapEff:\t0000000000000000\n", "CapBnd:\t0000000000000000\n", "CapAmb:\t0000000000000000\n",
	}
	var missing []string
	// At first it is still this program.
	stage.Eventually(x, i.name+" to be confined", func() bool {
		text, err := os.ReadFile(filepath.Join(proc, "status"))
		if err != nil {
			x.Fatalf("%s: read its status: %v", i.name, err)
		}
		missing = nil
		for _, line := range want {
			if !strings.Contains(string(text), line) {
				missing = append(missing, line)
			}
		}
		exe, err := os.Readlink(filepath.Join(proc, "exe"))
		return len(missing) == 0 && err == nil && exe != x.self
	})
	// Not even root can write where the program can look.
	for _, place := range []string{"", "tmp", "var/tmp", "run", "etc", "usr/local/bin"} {
		path := filepath.Join(proc, "root", place, "written")
		if err := os.WriteFile(path, nil, 0o644); !errors.Is(err, syscall.EROFS) {
			_ = os.Remove(path)
			x.Fatalf("%s: writing to /%s: %v, want that it is read-only", i.name, place, err)
		}
	}
	i.note("confined", "as %s, without groups, capabilities or a way to them, on a root that is read-only", i.is.Config.User)
}

// path is where the image looks for programs.
func (i *image) path() string {
	for _, kv := range i.is.Config.Env {
		if path, ok := strings.CutPrefix(kv, "PATH="); ok {
			return path
		}
	}
	return "/usr/local/bin:/usr/bin:/bin"
}

// within is a context for one wait, which an interrupt ends, too.
func (x *trial) within() context.Context {
	ctx, cancel := context.WithTimeout(x.ctx, stage.Patience)
	x.Cleanup(cancel)
	return ctx
}
