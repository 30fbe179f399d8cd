package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/adred-codev/ws_poc/scripts/internal/broker"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// suite is what all tests share.
var suite struct {
	brokers  string
	variants []variant.Variant
	binaries map[string]string // by variant

	life    stage.Scope // what the shared servers stand on
	mu      sync.Mutex
	servers map[string]*stage.Server // the shared ones, by variant
}

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) (code int) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	stop, err := setUp(ctx)
	if err == nil {
		code = m.Run()
	}
	if stop != nil {
		err = errors.Join(err, stop())
	}
	if err == nil && code == 0 {
		err = goleak.Find()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	return code
}

// setUp fills the suite; stop undoes it.
func setUp(ctx context.Context) (stop func() error, err error) {
	if suite.variants, err = variant.All(); err != nil {
		return nil, err
	}
	suite.binaries = map[string]string{}
	suite.servers = map[string]*stage.Server{}
	for _, v := range suite.variants {
		if suite.binaries[v.Name], err = v.Binary(ctx); err != nil {
			return nil, err
		}
	}
	stopBroker := func() error { return nil }
	if suite.brokers = os.Getenv("KAFKA_TEST_BROKERS"); suite.brokers == "" {
		b, err := broker.Start(ctx, broker.Options{})
		if err != nil {
			return nil, err
		}
		suite.brokers, stopBroker = b.Addr(), b.Stop
	}
	return func() error {
		suite.life.End()
		var wrong error
		if all := suite.life.Errors(); len(all) > 0 {
			wrong = fmt.Errorf("the shared servers: %s", strings.Join(all, "\n"))
		}
		return errors.Join(wrong, stopBroker())
	}, nil
}

// each runs a test against every variant, beside the other tests.
func each(t *testing.T, test func(t *testing.T, v variant.Variant)) {
	t.Helper()
	t.Parallel()
	for _, v := range suite.variants {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			test(t, v)
		})
	}
}
