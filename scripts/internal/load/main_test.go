package load

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// workerEnv makes the test binary a worker: the fleets of the tests are of real processes.
const workerEnv = "LOAD_TEST_WORKER"

// asWorker is a command line for a worker that behaves as it is told. The environment is the worker's alone: the testing
// package starts processes of the binary, too.
func asWorker(behaves string) []string {
	return []string{"env", workerEnv + "=" + behaves, os.Args[0]}
}

func TestMain(m *testing.M) {
	switch os.Getenv(workerEnv) {
	case "":
	case "dies":
		fmt.Fprintln(os.Stderr, "out of luck")
		os.Exit(3)
	default:
		if err := Serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	// A race in a worker ends it, and without one it does not wait for a second at its end.
	os.Setenv("GORACE", "halt_on_error=1 exitcode=66 atexit_sleep_ms=0")
	goleak.VerifyTestMain(m)
}

// patience bounds each wait; nothing that works waits so long.
const patience = 30 * time.Second

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits until ok says so.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

func few(connections, channels, each int) *scenario.Scenario {
	return &scenario.Scenario{
		Connections: connections, Channels: channels, Subscribe: scenario.Subscribe{Each: each},
	}
}

// fleet starts a fleet against a server of the test's own.
func fleet(t testing.TB, spec Spec) *Fleet {
	t.Helper()
	if spec.Worker == nil {
		spec.Worker = asWorker("serves")
	}
	f, err := Start(within(t), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// counted waits until so many messages have come, and ends the interval.
func counted(t testing.TB, f *Fleet, received int64) Interval {
	t.Helper()
	var c Counts
	eventually(t, fmt.Sprintf("%d messages", received), func() bool {
		var err error
		if c, err = f.Counts(within(t)); err != nil {
			t.Fatal(err)
		}
		return c.Received+c.StalledReceived >= received
	})
	i, err := f.End(within(t))
	if err != nil {
		t.Fatal(err)
	}
	return i
}
