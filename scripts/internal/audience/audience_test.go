package audience

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/adred-codev/ws_poc/scripts/internal/broker"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

var brokers string

func TestMain(m *testing.M) {
	os.Exit(broker.Main(func(addr string) int {
		brokers = addr
		return m.Run()
	}, func() error { return goleak.Find() }))
}

// A crowd that is cut, and closed by its server, comes back to the other variant and has everything.
func TestCrowdComesBack(t *testing.T) {
	all, err := variant.All()
	if err != nil {
		t.Fatal(err)
	}
	tp := stage.MakeTopics(t, brokers, 3, "trade", "social")
	var urls []string
	var servers []*stage.Server
	for _, v := range all {
		binary, err := v.Binary(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s := stage.Start(t, binary, tp, stage.Settings{"WS_DRAIN_SPREAD": "1s"})
		servers, urls = append(servers, s), append(urls, s.URL())
	}
	channels := []Channel{{stage.Symbol(), "trade"}, {stage.Symbol(), "social"}}
	const members = 20
	crowd, err := Gather(stage.Within(t), Options{URLs: urls, Members: members, Channels: func(i int) []string {
		return []string{channels[0].Name(), channels[1].Name()}[:1+i%2]
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer crowd.Close()
	feed := StartFeed(t, tp, channels, 200, 20)
	back := func(resumes int) {
		t.Helper()
		stage.Eventually(t, fmt.Sprintf("%d resumes", resumes), func() bool { return crowd.Report().Resumes >= resumes })
		if err := crowd.AwaitAll(stage.Within(t)); err != nil {
			t.Fatal(err)
		}
	}
	crowd.Cut()
	back(members)
	servers[0].Post(t, "/drain")
	back(members + members/2) // those that were on it
	ends, err := feed.Stop()
	if err != nil {
		t.Fatal(err)
	}
	if err := crowd.AwaitEnds(stage.Within(t), ends); err != nil {
		t.Fatal(err)
	}
	if err := crowd.Settle(stage.Within(t)); err != nil {
		t.Fatal(err)
	}
	r := crowd.Report()
	if r.Closes[4000] != members/2 || r.Closes[1006] < members || r.Notices != members/2 || r.Byes != members/2 || r.NotRecovered != 0 || len(r.Broken) > 0 {
		t.Errorf("%v; %d notices, %d byes", r, r.Notices, r.Byes)
	}
	for _, end := range r.Ends {
		if want := map[int]string{4000: "DRAIN"}[end.Code]; end.Notice != want || end.Announced != (want != "") {
			t.Errorf("an end with %d was announced by %q: %t", end.Code, end.Notice, end.Announced)
		}
	}
	if h := crowd.Latency(); h.TotalCount() == 0 || h.Max() > time.Minute.Microseconds() {
		t.Errorf("%d latencies up to %d us", h.TotalCount(), h.Max())
	}
	// It does not take everything for everything.
	ends[channels[0].Name()]++
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := crowd.AwaitEnds(ctx, ends); err == nil || !strings.Contains(err.Error(), "was expected") {
		t.Errorf("a record that was never published is missing: %v", err)
	}
}

func TestGatherFails(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	addr, err := variant.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	_, err = Gather(ctx, Options{URLs: []string{"ws://" + addr + "/ws"}, Members: 2, Channels: func(int) []string { return []string{"A.trade"} }})
	if err == nil || !strings.Contains(err.Error(), "0 of 2") || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v", err)
	}
}
