package measure

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/adred-codev/ws_poc/scripts/internal/broker"
	"github.com/adred-codev/ws_poc/scripts/internal/load"
)

// workerEnv makes this test's program a load process.
const workerEnv = "MEASURE_TEST_WORKER"

// hogEnv makes it a program that computes until it is killed.
const hogEnv = "MEASURE_TEST_HOG"

var brokers string

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(workerEnv) != "":
		if err := load.Serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	case os.Getenv(hogEnv) != "":
		_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, -20) // it is to be in the generator's way
		for n := uint64(1); n != 0; n += 2 {                  // odd numbers are never 0
		}
	}
	// The workers inherit it.
	if err := os.Setenv(workerEnv, "1"); err != nil {
		panic(err)
	}
	brokers = os.Getenv("KAFKA_TEST_BROKERS")
	stop := func() error { return nil }
	if brokers == "" {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
		b, err := broker.Start(ctx, broker.Options{})
		cancel()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		brokers, stop = b.Addr(), b.Stop
	}
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
