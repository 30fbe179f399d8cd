package program

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/adred-codev/ws_poc/scripts/internal/broker"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// suite is what all tests share.
var suite struct {
	brokers string
	topics  Topics
	servers [2]Server
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
	if err = errors.Join(err, stop()); err == nil && code == 0 {
		err = goleak.Find()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "program:", err)
		return 1
	}
	return code
}

// setUp makes topics and starts a server of each variant; stop undoes it, whatever came of it.
func setUp(ctx context.Context) (stop func() error, err error) {
	var stops []func() error
	stop = func() error {
		var errs []error
		for i := len(stops) - 1; i >= 0; i-- {
			errs = append(errs, stops[i]())
		}
		return errors.Join(errs...)
	}
	if suite.brokers = os.Getenv("KAFKA_TEST_BROKERS"); suite.brokers == "" {
		b, err := broker.Start(ctx, broker.Options{})
		if err != nil {
			return stop, err
		}
		suite.brokers, stops = b.Addr(), append(stops, b.Stop)
	}
	if suite.topics, err = MakeTopics(ctx, suite.brokers); err != nil {
		return stop, err
	}
	variants, err := variant.All()
	if err != nil {
		return stop, err
	}
	names := strings.Split(*programsVariants, ",")
	if len(names) != len(suite.servers) {
		return stop, fmt.Errorf("-programs.variants %s: write two, parted by a comma", *programsVariants)
	}
	for i, name := range names {
		n := slices.IndexFunc(variants, func(v variant.Variant) bool { return v.Name == name })
		if n < 0 {
			return stop, fmt.Errorf("-programs.variants: there is no %s", name)
		}
		v := variants[n]
		binary, err := v.Binary(ctx)
		if err != nil {
			return stop, err
		}
		settings := Settings(suite.brokers, suite.topics)
		if v.Name == "ws-multi" {
			settings["WS_SHARDS"] = "3"
		}
		p, err := variant.Start(variant.Options{Binary: binary, Env: settings})
		if err != nil {
			return stop, err
		}
		stops = append(stops, func() error { return endServer(p) })
		suite.servers[i] = Server{Name: fmt.Sprintf("server %d, %s", i, v.Name), URL: p.URL()}
		if err := p.WaitReady(ctx); err != nil {
			return stop, err
		}
	}
	return stop, nil
}

// endServer stops a server the fast way, and says whether it had gone wrong.
func endServer(p *variant.Server) error {
	defer p.Kill()
	ended := time.After(patience)
	for {
		// The second one ends it at once; two that come together are one.
		if err := p.Signal(syscall.SIGTERM); err != nil {
			return err
		}
		select {
		case <-p.Done():
			for _, bad := range []string{"DATA RACE", "panic:", "fatal error:"} {
				if strings.Contains(p.Logs(), bad) {
					return fmt.Errorf("the server's log has %q:\n%s", bad, p.Logs())
				}
			}
			return nil
		case <-ended:
			return fmt.Errorf("the server does not end:\n%s", p.Logs())
		case <-time.After(100 * time.Millisecond):
		}
	}
}
