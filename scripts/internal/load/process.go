package load

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is one worker. Two goroutines belong to it: one has started it and waits for its end, one reads its reports.
type process struct {
	number int
	pid    int
	in     *os.File
	errors tail

	ended chan struct{} // closed when the process has
	err   error         // how it ended, valid then
	done  chan struct{} // closed when the reader has ended
}

// event is a report of a worker, or its end.
type event struct {
	worker int
	report *report
	err    error
}

func startProcess(number int, command []string, cpus []int, events chan<- event, closed <-chan struct{}) (*process, error) {
	if len(command) == 0 {
		return nil, errors.New("no command says what runs a worker")
	}
	stdin, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	defer stdin.Close()
	out, stdout, err := os.Pipe()
	if err != nil {
		in.Close()
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	defer stdout.Close()
	p := &process{number: number, in: in, ended: make(chan struct{}), done: make(chan struct{})}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, &p.errors
	// In a group of its own: Ctrl-C is the coordinator's to answer.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error)
	go p.run(cmd, cpus, started)
	if err := <-started; err != nil {
		in.Close()
		out.Close()
		return nil, err
	}
	go p.listen(out, events, closed)
	return p, nil
}

// run keeps its thread until the process has ended, for the parent-death signal comes when the thread ends that forked
// (prctl(2)), and does not give it back, for it is bound to the worker's CPUs, which the child has inherited.
func (p *process) run(cmd *exec.Cmd, cpus []int, started chan<- error) {
	runtime.LockOSThread()
	if len(cpus) > 0 {
		var set unix.CPUSet
		for _, cpu := range cpus {
			set.Set(cpu)
		}
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			started <- fmt.Errorf("bind to CPUs %v: %w", cpus, err)
			return
		}
	}
	if err := cmd.Start(); err != nil {
		started <- err
		return
	}
	p.pid = cmd.Process.Pid
	started <- nil
	p.err = cmd.Wait()
	close(p.ended)
}

// listen reads reports until there are no more, then tells that the process has ended.
func (p *process) listen(out *os.File, events chan<- event, closed <-chan struct{}) {
	defer close(p.done)
	defer out.Close()
	lines := bufio.NewReaderSize(out, 64<<10)
	for {
		line, err := lines.ReadBytes('\n')
		e := event{worker: p.number, report: &report{}}
		switch {
		case err == nil:
			if err := json.Unmarshal(line, e.report); err != nil {
				e.err = fmt.Errorf("read the report of load worker %d: %w", p.pid, err)
			}
		case errors.Is(err, io.EOF):
			<-p.ended
			e.err = p.died()
		default:
			e.err = fmt.Errorf("read the reports of load worker %d: %w", p.pid, err)
		}
		select {
		case events <- e:
		case <-closed:
			return
		}
		if e.err != nil {
			return
		}
	}
}

// died says how the process ended.
func (p *process) died() error {
	how := "exit status 0"
	if p.err != nil {
		how = p.err.Error()
	}
	if last := p.errors.String(); last != "" {
		how += "\n" + last
	}
	return fmt.Errorf("load worker %d ended: %s", p.pid, how)
}

// tell gives the worker an order.
func (p *process) tell(o *order) error {
	line, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("write order: %w", err)
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write order: %w", err)
	}
	return nil
}

// end waits for the process, which ends when its input does, and kills it when it does not.
func (p *process) end() error {
	err := p.in.Close()
	timer := time.NewTimer(closePatience)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		_ = syscall.Kill(p.pid, syscall.SIGKILL) // not waited for yet, so the number is still its
		<-p.ended
		err = fmt.Errorf("load worker %d did not end, and was killed", p.pid)
	}
	<-p.done
	if err == nil && p.err != nil {
		err = p.died()
	}
	return err
}

// tail keeps the last of what a process writes to its standard error.
type tail struct {
	mu   sync.Mutex
	last []byte
}

const tailBytes = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = append(t.last, p...)
	if over := len(t.last) - tailBytes; over > 0 {
		t.last = append(t.last[:0], t.last[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.last))
}
