package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"go.uber.org/goleak"

	"github.com/adred-codev/ws_poc/scripts/internal/broker"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// patience bounds each single wait. It is long because machines that run
// tests are busy; nothing that works ever waits so long.
const patience = 45 * time.Second

// suite is what all tests share.
var suite struct {
	brokers  string
	variants []variant.Variant
	binaries map[string]string // by variant
	producer *kafka.Producer

	mu      sync.Mutex
	servers map[string]*server // the shared ones, by variant
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
	suite.servers = map[string]*server{}
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
	if suite.producer, err = newProducer(suite.brokers); err != nil {
		return stopBroker, err
	}
	return func() error {
		var errs []error
		for _, s := range suite.servers {
			errs = append(errs, s.end())
		}
		suite.producer.Close()
		return errors.Join(append(errs, stopBroker())...)
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

// within is a context for one wait.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits until ok says so; what tells what was waited for.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}
