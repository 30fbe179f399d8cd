package dashboard

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/adred-codev/ws_poc/scripts/internal/broker"
)

var brokers string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		stop := func() error { return nil }
		if brokers = os.Getenv("KAFKA_TEST_BROKERS"); brokers == "" {
			ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
			defer cancel()
			b, err := broker.Start(ctx, broker.Options{})
			if err != nil {
				fmt.Fprintln(os.Stderr, "dashboard:", err)
				return 1
			}
			brokers, stop = b.Addr(), b.Stop
		}
		code := m.Run()
		if err := errors.Join(stop(), goleak.Find()); err != nil && code == 0 {
			fmt.Fprintln(os.Stderr, "dashboard:", err)
			return 1
		}
		return code
	}())
}
