package conformance

import (
	"flag"
	"os"
	"slices"
	"strings"
	"sync"
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
	os.Exit(broker.Main(func(addr string) int {
		brokers = addr
		return m.Run()
	}, func() error { return goleak.Find() }))
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
	cases, err := Choose(Cases(), names()...)
	if err != nil {
		t.Fatal(err)
	}
	all, others := binaries(t)
	if *onlyVariant != "" {
		all = slices.DeleteFunc(all, func(v built) bool { return v.name != *onlyVariant })
		if len(all) == 0 {
			t.Fatalf("no variant is called %s", *onlyVariant)
		}
	}
	// Side by side: much of what a case does is to wait.
	parallel := 6
	if variant.Race {
		parallel = 2
	}
	ran, wrong := make([]Ran, len(all)), make([][]string, len(all))
	var running sync.WaitGroup
	for i, v := range all {
		running.Go(func() {
			site := NewProgram(v.name, v.binary, brokers).WithOther(others[v.name])
			ran[i] = Ran{Server: v.name, Results: Run(t.Context(), site, cases, parallel, nil)}
			wrong[i] = site.Close()
		})
	}
	running.Wait()
	for i, v := range all {
		t.Run(v.name, func(t *testing.T) {
			for _, wrong := range wrong[i] {
				t.Error(wrong)
			}
			for j, r := range ran[i].Results {
				t.Run(r.Case, func(t *testing.T) { tell(t, cases[j], r) })
			}
		})
	}
	for _, d := range Differences(ran) {
		t.Error(d)
	}
}

// tell is a case's result as that of a test.
func tell(t *testing.T, c Case, r Result) {
	t.Logf("%s; took %v", c.Says, r.Took.Round(time.Millisecond))
	if r.NotRun != "" {
		t.Errorf("not run: %s", r.NotRun)
	}
	for _, why := range r.Why {
		t.Errorf("%s\n%s", c.Says, why)
	}
	for _, line := range r.Logs {
		t.Log(line)
	}
}

// built is a variant's binary.
type built struct{ name, binary string }

// binaries are all variants, and for each by its name the binary of another one.
func binaries(t *testing.T) (all []built, others map[string]string) {
	t.Helper()
	variants, err := variant.All()
	if err != nil {
		t.Fatal(err)
	}
	others = map[string]string{}
	for i, v := range variants {
		binary, err := v.Binary(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, built{v.Name, binary})
		if next := variants[(i+1)%len(variants)].Name; next != v.Name {
			others[next] = binary
		}
	}
	return all, others
}
