package baselines

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience bounds each single wait. It is long because machines that run tests
// are busy; nothing that works ever waits so long.
const patience = 45 * time.Second

var binaries string // folder of the baselines, built with the race detector

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	if binaries, err = os.MkdirTemp("", "baselines-*"); err != nil {
		fmt.Fprintln(os.Stderr, "baselines:", err)
		return 1
	}
	defer os.RemoveAll(binaries)
	if out, err := exec.Command("go", "build", "-race", "-o", binaries, "./cmd/...").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build baselines: %v\n%s", err, out)
		return 1
	}
	code := m.Run()
	if err := shared.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop broker:", err)
		code = 1
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	return code
}

// broker is a real Kafka, run by scripts/kafka for this process: it ends when
// our end of its standard input closes, which the kernel sees to.
type broker struct {
	once  sync.Once
	addr  string
	err   error
	cmd   *exec.Cmd
	stdin io.WriteCloser
}

var shared broker

// brokers is the address of a broker that tests share, each with topics of its
// own: KAFKA_TEST_BROKERS, or one started now.
func brokers(t *testing.T) string {
	t.Helper()
	if addr := os.Getenv("KAFKA_TEST_BROKERS"); addr != "" {
		return addr
	}
	shared.once.Do(shared.start)
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.addr
}

func (b *broker) start() {
	cmd := exec.Command("go", "run", "./cmd/kafka", "start", "--foreground", "--port", "0")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "GOWORK=", "GOFLAGS=")
	cmd.Stderr = os.Stderr
	var stdout io.ReadCloser
	if b.stdin, b.err = cmd.StdinPipe(); b.err != nil {
		return
	}
	if stdout, b.err = cmd.StdoutPipe(); b.err != nil {
		return
	}
	if b.err = cmd.Start(); b.err != nil {
		return
	}
	b.cmd = cmd
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() {
		b.err = fmt.Errorf("scripts/kafka gave no address: %w", cmd.Wait())
		return
	}
	b.addr = lines.Text()
}

func (b *broker) stop() error {
	if b.cmd == nil || b.err != nil {
		return nil
	}
	_ = b.stdin.Close()
	return b.cmd.Wait()
}
