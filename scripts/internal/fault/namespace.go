package fault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/netns"
)

// childEnv holds an order, for a process that makes one fault and nothing else.
const childEnv = "WS_FAULT_CHILD"

type order struct {
	Fault  string
	Target Target
	Small  bool
}

// answer is what a child writes to its file 3.
type answer struct {
	Result
	Logs []string
}

// callers says whether this process began by Child, and child whether it is one.
var callers, child bool

// Child is what a program that makes faults calls before anything else. In a process that [T.InNamespace] started it makes
// the fault, and does not return.
func Child() {
	callers = true
	text, is := os.LookupEnv(childEnv)
	if !is {
		return
	}
	child = true
	if err := obey([]byte(text)); err != nil {
		fmt.Fprintln(os.Stderr, "fault:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// obey makes the ordered fault and tells what came of it.
func obey(text []byte) error {
	if err := os.Unsetenv(childEnv); err != nil { // what this process starts is none
		return err
	}
	var o order
	if err := json.Unmarshal(text, &o); err != nil {
		return fmt.Errorf("read the order: %w", err)
	}
	chosen, unknown := Choose(Faults(), o.Fault)
	if len(unknown) > 0 || len(chosen) != 1 {
		return fmt.Errorf("there is not one fault %q", o.Fault)
	}
	if err := netns.Enter(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	r := Run(ctx, chosen[0], o.Target, "", o.Small)
	out := os.NewFile(3, "answer")
	if err := json.NewEncoder(out).Encode(answer{r, r.Logs}); err != nil {
		return fmt.Errorf("tell the result: %w", err)
	}
	return out.Close()
}

// InNamespace returns in a process of the fault's own, whose network is its own too: a loopback that nobody else uses, whose
// packets may be lost ([T.Lose]). It is the first that Run of a fault calls. T.Brokers is not there: the fault starts its own.
func (t *T) InNamespace() {
	if child {
		return
	}
	if !callers {
		t.Fatal("a program that makes faults must call fault.Child before anything else")
	}
	if err := netns.Check(); err != nil {
		t.NotRun(err.Error())
	}
	a, err := t.delegate()
	if errors.Is(err, syscall.EPERM) {
		t.NotRun("the kernel does not let this process have a network namespace: run as root, with CAP_SYS_ADMIN")
	}
	if err != nil {
		t.Error(err)
	}
	t.figures, t.seen = append(t.figures, a.Figures...), append(t.seen, a.Saw...)
	for _, why := range a.Why {
		t.Error(why)
	}
	for _, line := range a.Logs {
		t.Logf("%s", line)
	}
	if a.NotRun != "" {
		t.NotRun(a.NotRun)
	}
	runtime.Goexit()
}

// delegate runs this program again in a namespace, with the order to make the fault.
func (t *T) delegate() (a answer, err error) {
	text, err := json.Marshal(order{t.fault, Target{t.Variant, t.Binary, t.Other}, t.Small})
	if err != nil {
		return a, fmt.Errorf("make an order: %w", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return a, fmt.Errorf("make a pipe: %w", err)
	}
	defer r.Close() // it was read to its end, or nothing was
	cmd := exec.CommandContext(t.Context, "/proc/self/exe")
	cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	cmd.ExtraFiles = []*os.File{w}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	// It ends its servers and brokers itself when it is asked to; the kernel ends all when this process is no more.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = time.Minute
	netns.Enclose(cmd)

	// The death signal comes when the thread that forked ends, so that thread is kept.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err = cmd.Start()
	w.Close() // the child has its own
	if err != nil {
		return a, fmt.Errorf("start in a namespace: %w", err)
	}
	result, readErr := io.ReadAll(r)
	if err := cmd.Wait(); err != nil {
		return a, fmt.Errorf("in the namespace: %w: %s", err, said.String())
	}
	if readErr != nil {
		return a, fmt.Errorf("read the result: %w", readErr)
	}
	if err := json.Unmarshal(result, &a); err != nil {
		return a, fmt.Errorf("read the result: %w: %s", err, said.String())
	}
	return a, nil
}

// Lose loses a share of the packets to and from an address until end is called, also when the fault ends. It wants
// [T.InNamespace].
func (t *T) Lose(addr string, share float64) (end func()) {
	undo, err := netns.Lose(portOf(t, addr), share)
	if errors.Is(err, netns.ErrCannot) {
		t.NotRun(err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	end = func() {
		if err := undo(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(end)
	return end
}

// Lost is how many packets were lost so far.
func (t *T) Lost() int {
	n, err := netns.Lost()
	if err != nil {
		t.Fatal(err)
	}
	return n
}
