package broker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/lock"
)

// startTimeout bounds one start: the broker answers after about three seconds
// on an idle machine, and machines that run tests are not idle.
const startTimeout = 2 * time.Minute

// Options say where a broker runs. The zero value: a free port and a temporary
// directory that Stop removes.
type Options struct {
	Port int    // 0: a free one
	Dir  string // properties, data and log; kept by Stop. "": a temporary one

	// Security asks for listeners besides the plain one at which clients must
	// prove who they are; nil: none. It counts when the directory is new.
	Security *Security

	// Second asks for another plain listener, for a link of its own that can be
	// harmed while other clients come by the first; nil: none. It counts when the
	// directory is new.
	Second *Second
}

// Second is a listener behind something: a proxy, or a filter of its port.
type Second struct {
	Port       int    // 0: a free one
	Advertised string // host:port where the broker tells its clients to come to; "": the listener itself
}

// Broker is one Kafka node.
type Broker struct {
	node       node
	java, libs string
	attached   bool
	temporary  bool
	pid        int
	proc       *process // nil unless this process started it
}

// Start starts a broker and returns when it answers. It is killed when the
// calling process dies.
func Start(ctx context.Context, opts Options) (*Broker, error) {
	return start(ctx, opts, true)
}

// StartDetached starts a broker that outlives the calling process, or returns
// the one that already runs in the directory. opts.Dir is required.
func StartDetached(ctx context.Context, opts Options) (*Broker, error) {
	if opts.Dir == "" {
		return nil, errors.New("a detached broker needs a directory to be found by")
	}
	return start(ctx, opts, false)
}

// Find returns the broker that runs in a directory, nil when none does.
func Find(dir string) (*Broker, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("resolve broker directory: %w", err)
	}
	n, err := readNode(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	pid := n.pid()
	if pid == 0 {
		return nil, nil
	}
	return &Broker{node: n, pid: pid}, nil
}

func start(ctx context.Context, opts Options, attached bool) (*Broker, error) {
	java, err := exec.LookPath("java")
	if err != nil {
		return nil, ErrNoJava
	}
	libs, err := Jars(ctx)
	if err != nil {
		return nil, err
	}
	b := &Broker{java: java, libs: libs, attached: attached, temporary: opts.Dir == ""}
	dir := opts.Dir
	if b.temporary {
		if dir, err = os.MkdirTemp("", "kafka-"); err != nil {
			return nil, fmt.Errorf("make broker directory: %w", err)
		}
	} else if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("resolve broker directory: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make broker directory: %w", err)
	}
	unlock, err := lock.Wait(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	if running, err := Find(dir); err != nil {
		return nil, err
	} else if running != nil {
		if attached {
			return nil, fmt.Errorf("start broker: process %d already runs in %s", running.pid, dir)
		}
		if opts.Port != 0 && opts.Port != running.node.port {
			return nil, fmt.Errorf("start broker: the one in %s listens on port %d, not %d", dir, running.node.port, opts.Port)
		}
		return running, running.ready(ctx)
	}
	// Between choosing a free port and using it another program may take it.
	for attempt := range 3 {
		if err = b.up(ctx, dir, opts); err == nil {
			return b, nil
		}
		if opts.Port != 0 || ctx.Err() != nil || attempt == 2 || !errors.Is(err, errEnded) {
			break
		}
	}
	if b.temporary {
		os.RemoveAll(dir)
	}
	return nil, err
}

// up starts the node on the port that is asked for, 0 for a free one.
func (b *Broker) up(ctx context.Context, dir string, opts Options) error {
	ports, err := freePorts(5)
	if err != nil {
		return err
	}
	b.node = node{dir: dir, port: opts.Port, controller: ports[0]}
	if opts.Port == 0 {
		b.node.port = ports[1]
	}
	old, err := readNode(dir)
	again := err == nil && b.node.formatted()
	// The quorum's address is part of what was formatted: keep it.
	if again && checkPort(old.controller) == nil {
		b.node.controller = old.controller
	}
	if again && old.sasl > 0 || !again && opts.Security != nil {
		b.node.sasl, b.node.mutual = ports[2], ports[3]
	}
	if again {
		b.node.second, b.node.advertised = old.second, old.advertised
	} else if opts.Second != nil {
		b.node.second, b.node.advertised = opts.Second.Port, opts.Second.Advertised
		if b.node.second == 0 {
			b.node.second = ports[4]
		}
	}
	if err := checkPort(b.node.port); err != nil {
		return err
	}
	if err := b.node.write(); err != nil {
		return err
	}
	if !b.node.formatted() {
		var users []string
		if opts.Security != nil {
			if err := b.node.secure(); err != nil {
				return err
			}
			users = opts.Security.users()
		}
		if err := b.node.format(ctx, b.java, b.libs, users...); err != nil {
			return err
		}
	}
	return b.run(ctx)
}

var errEnded = errors.New("the broker ended at once")

// run launches the JVM and waits until it answers.
func (b *Broker) run(ctx context.Context) error {
	proc, err := b.node.launch(b.java, b.libs, b.attached)
	if err != nil {
		return err
	}
	b.proc, b.pid = proc, proc.pid
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("no answer within %v", startTimeout))
	defer cancel()
	ctx, dead := context.WithCancelCause(ctx)
	defer dead(nil)
	go func() {
		select {
		case <-proc.done:
			dead(errEnded)
		case <-ctx.Done():
		}
	}()
	if err := b.ready(ctx); err != nil {
		b.Kill() //nolint:errcheck // the start's error is the one that tells
		return fmt.Errorf("start broker: %w\n%s", err, b.node.logTail())
	}
	return nil
}

// Addr is the broker's address, host and port.
func (b *Broker) Addr() string { return b.node.addr() }

// SecondAddr is where the second listener listens, "" without [Options.Second].
func (b *Broker) SecondAddr() string { return b.localAddr(b.node.second) }

// Dir is where the broker's properties, data and log live.
func (b *Broker) Dir() string { return b.node.dir }

// PID is the broker's process, 0 after Kill and Stop.
func (b *Broker) PID() int { return b.pid }

// Kill ends the broker as a crash would (SIGKILL) and returns when it is gone.
func (b *Broker) Kill() error {
	if b.pid == 0 {
		return nil
	}
	if err := syscall.Kill(b.pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill broker: %w", err)
	}
	if b.proc != nil {
		<-b.proc.done
	}
	b.pid, b.proc = 0, nil
	return nil
}

// Restart starts a broker that was killed or stopped again, on the same port
// with the same data, and returns when it answers. A running one is killed first.
func (b *Broker) Restart(ctx context.Context) error {
	if b.java == "" {
		return errors.New("restart broker: it belongs to another process")
	}
	if err := b.Kill(); err != nil {
		return err
	}
	return b.run(ctx)
}

// Freeze stops the broker's process without closing anything (SIGSTOP): its
// connections stay open and silent, as with a dead machine. Thaw undoes it.
func (b *Broker) Freeze() error { return b.signal(syscall.SIGSTOP) }

// Thaw lets a frozen broker go on.
func (b *Broker) Thaw() error { return b.signal(syscall.SIGCONT) }

func (b *Broker) signal(sig syscall.Signal) error {
	if b.pid == 0 {
		return errors.New("signal broker: it does not run")
	}
	if err := syscall.Kill(b.pid, sig); err != nil {
		return fmt.Errorf("signal broker: %w", err)
	}
	return nil
}

// Stop ends the broker in an orderly way. A temporary directory goes with it,
// and then nothing needs order.
func (b *Broker) Stop() error {
	if b.temporary {
		if err := b.Kill(); err != nil {
			return err
		}
		if err := os.RemoveAll(b.node.dir); err != nil {
			return fmt.Errorf("remove broker directory: %w", err)
		}
		return nil
	}
	if b.pid == 0 {
		return nil
	}
	if err := end(b.pid); err != nil {
		return err
	}
	b.pid, b.proc = 0, nil
	return nil
}
