package conformance

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/adred-codev/ws_poc/scripts/internal/broker"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

var (
	onlyCases   = flag.String("cases", "", "run these parts, clauses or cases alone: P3,P7.2,P4.1a")
	onlyVariant = flag.String("variant", "", "run this variant alone: ws-single or ws-multi")
	update      = flag.Bool("update", false, "write the golden files")
)

var brokers string

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := withBroker(m.Run)
	if err = errors.Join(err, goleak.Find()); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// withBroker runs the tests on the broker of KAFKA_TEST_BROKERS, or on one of their own.
func withBroker(tests func() int) (int, error) {
	if brokers = os.Getenv("KAFKA_TEST_BROKERS"); brokers != "" {
		return tests(), nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	b, err := broker.Start(ctx, broker.Options{})
	if err != nil {
		return 1, err
	}
	brokers = b.Addr()
	code := tests()
	return code, b.Stop()
}

// names are those of the flag -cases.
func names() []string {
	if *onlyCases == "" {
		return nil
	}
	return strings.Split(*onlyCases, ",")
}

// Every case holds on every variant, and what the protocol leaves open is alike.
func TestConformance(t *testing.T) {
	all, err := variant.All()
	if err != nil {
		t.Fatal(err)
	}
	cases, err := Choose(Cases(), names()...)
	if err != nil {
		t.Fatal(err)
	}
	if *onlyVariant != "" {
		all = slices.DeleteFunc(all, func(v variant.Variant) bool { return v.Name != *onlyVariant })
		if len(all) == 0 {
			t.Fatalf("no variant is called %s", *onlyVariant)
		}
	}
	var reports []Ran
	for _, v := range all {
		t.Run(v.Name, func(t *testing.T) {
			binary, err := v.Binary(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			site := NewProgram(v.Name, binary, brokers)
			results := Run(t.Context(), site, cases, 8, nil)
			for _, wrong := range site.Close() {
				t.Error(wrong)
			}
			for i, r := range results {
				t.Run(r.Case, func(t *testing.T) {
					t.Logf("%s; took %v", cases[i].Says, r.Took.Round(time.Millisecond))
					if r.NotRun != "" {
						t.Errorf("not run: %s", r.NotRun)
					}
					for _, why := range r.Why {
						t.Errorf("%s\n%s", cases[i].Says, why)
					}
					for _, line := range r.Logs {
						t.Log(line)
					}
				})
			}
			reports = append(reports, Ran{Server: v.Name, Results: results})
		})
	}
	for _, d := range Differences(reports) {
		t.Error(d)
	}
}
