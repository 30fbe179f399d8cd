package fault

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/adred-codev/ws_poc/scripts/internal/broker"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

var (
	brokers string
	names   = flag.String("faults", "", "the faults to make, by name, with commas; empty: the short ones")
	only    = flag.String("variant", "", "the variant to harm; empty: each")
)

func TestMain(m *testing.M) {
	Child()
	flag.Parse()
	os.Exit(broker.Main(func(addr string) int {
		brokers = addr
		return m.Run()
	}, func() error { return goleak.Find() }))
}

// The faults that take seconds, on every variant, at a tenth of their size.
func TestFaults(t *testing.T) {
	chosen := slices.DeleteFunc(Faults(), func(f Fault) bool { return !f.Short })
	if *names != "" {
		var unknown []string
		if chosen, unknown = Choose(Faults(), strings.Split(*names, ",")...); len(unknown) > 0 {
			t.Fatalf("no faults are called %v", unknown)
		}
	}
	for _, to := range targets(t) {
		for _, f := range chosen {
			t.Run(to.Variant+"/"+f.Name, func(t *testing.T) {
				if !f.Alone {
					t.Parallel()
				}
				judge(t, Run(t.Context(), f, to, brokers, true))
			})
		}
	}
}

// targets are the variants, or the one that was asked for.
func targets(t *testing.T) (chosen []Target) {
	t.Helper()
	all, err := variant.All()
	if err != nil {
		t.Fatal(err)
	}
	binary := func(v variant.Variant) string {
		path, err := v.Binary(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	for i, v := range all {
		if *only == "" || *only == v.Name {
			chosen = append(chosen, Target{Variant: v.Name, Binary: binary(v), Other: binary(all[(i+1)%len(all)])})
		}
	}
	return chosen
}

func judge(t *testing.T, r Result) {
	t.Helper()
	for _, figure := range r.Figures {
		t.Log(figure)
	}
	for _, saw := range r.Saw {
		t.Log(saw)
	}
	if r.NotRun != "" {
		t.Errorf("not run: %s", r.NotRun)
	}
	for _, why := range r.Why {
		t.Error(why)
	}
	if !r.Passed {
		for _, line := range r.Logs {
			t.Log(line)
		}
	}
}

func TestMiddle(t *testing.T) {
	for _, c := range []struct {
		of   []int64
		want int64
	}{{[]int64{7}, 7}, {[]int64{9, 1, 5}, 5}, {[]int64{100, 4, 2, 1}, 3}} {
		if got := middle(c.of); got != c.want {
			t.Errorf("the middle of %v is %d, want %d", c.of, got, c.want)
		}
	}
}

func TestNumber(t *testing.T) {
	for x, want := range map[float64]string{0: "0", 1.0053: "1.005", 1.01: "1.01", 0.9953: "0.995", 1.0001: "1", 0.9999: "1", 1.1: "1.1", 0.99: "0.99", 4.9312: "4.93", 3438.4: "3438", 0.00178123: "0.00178"} {
		if got := number(x); got != want {
			t.Errorf("%v is told as %s, want %s", x, got, want)
		}
	}
}
