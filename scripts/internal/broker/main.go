package broker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// BrokersEnv names the environment variable with the address of the broker that a run of tests shares.
const BrokersEnv = "KAFKA_TEST_BROKERS"

// Main runs the tests of a package on the broker of [BrokersEnv], or on one that it starts for them and stops again. It returns
// the exit code, which is not 0 either when there was no broker or it did not stop, or when leaks, called last, finds something.
func Main(tests func(brokers string) int, leaks func() error) int {
	code, err := 0, error(nil)
	if shared := os.Getenv(BrokersEnv); shared != "" {
		code = tests(shared)
	} else {
		code, err = onOwn(tests)
	}
	if err = errors.Join(err, leaks()); err != nil {
		fmt.Fprintln(os.Stderr, "tests:", err)
		code = max(code, 1)
	}
	return code
}

func onOwn(tests func(brokers string) int) (code int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	b, err := Start(ctx, Options{})
	if err != nil {
		return 1, err
	}
	code = tests(b.Addr())
	return code, b.Stop()
}
