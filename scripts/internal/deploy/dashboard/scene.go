package dashboard

import (
	"fmt"
	"net/http"
	"time"

	api "github.com/prometheus/client_golang/api/prometheus/v1"

	"github.com/adred-codev/ws_poc/scripts/internal/audience"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// Play says how large a scene is.
type Play struct {
	Brokers  string
	Binaries map[string]string // of the servers, by variant
	Order    []string          // of the variants
	Members  int
	Rate     float64       // records a second, to 20 channels; each member has two of them
	Length   time.Duration // of the load
}

// Scene is what was played: both servers under load, and a Prometheus that has seen it.
type Scene struct {
	API   api.API
	Span  Span
	Crowd audience.Report
}

// Run starts the servers and Prometheus, and plays the load: clients at both, all cut after a fifth of the time, a fifth of
// the first server's moved away at two fifths, three times the records from three fifths to four. What clients are promised must
// hold meanwhile. The servers go on until the test ends.
func Run(t stage.TB, play Play) Scene {
	t.Helper()
	tp := stage.MakeTopics(t, play.Brokers, 4, "trade", "social")
	targets := map[string][]string{}
	var servers []*stage.Server
	var urls []string
	for _, name := range play.Order {
		s := stage.Start(t, play.Binaries[name], tp, stage.Settings{"WS_MEMORY_LIMIT": "1GiB"})
		servers, urls = append(servers, s), append(urls, s.URL())
		targets[name] = []string{s.AdminAddr}
	}
	prometheus := StartPrometheus(t, targets)

	var channels []audience.Channel
	for i := range 20 {
		channels = append(channels, audience.Channel{Symbol: stage.Symbol(), Event: []string{"trade", "social"}[i%2]})
	}
	crowd, err := audience.Gather(stage.Within(t), audience.Options{
		URLs: urls, Members: play.Members, Heartbeat: play.Length / 4,
		Channels: func(i int) []string { return []string{channels[i%20].Name(), channels[(i+7)%20].Name()} },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(crowd.Close)
	began := time.Now()
	feed := audience.StartFeed(t, tp, channels, play.Rate, 100)
	at := func(fifths int) { time.Sleep(time.Until(began.Add(play.Length * time.Duration(fifths) / 5))) }

	at(1)
	crowd.Cut()
	at(2)
	moved := max(play.Members/10, 1)
	if r := servers[0].Post(t, fmt.Sprintf("/rebalance?connections=%d&rate=%d", moved, max(moved/5, 1))); r.StatusCode != http.StatusAccepted {
		t.Fatalf("rebalance: %d %s", r.StatusCode, r.Body)
	}
	at(3)
	var more []audience.Channel
	for range 4 {
		more = append(more, audience.Channel{Symbol: stage.Symbol(), Event: "trade"})
	}
	burst := audience.StartFeed(t, tp, more, 2*play.Rate, 100)
	at(4)
	if _, err := burst.Stop(); err != nil {
		t.Fatal(err)
	}
	at(5)
	over := time.Now()
	ends, err := feed.Stop()
	if err == nil {
		err = crowd.AwaitEnds(stage.Within(t), ends)
	}
	if err != nil {
		t.Fatal(err)
	}
	scene := Scene{API: prometheus, Crowd: crowd.Report(), Span: Span{
		// The first scrapes have nothing to be compared with yet.
		From: began.Add(2 * ScrapeEvery), To: over, Step: ScrapeEvery, Interval: 4 * ScrapeEvery,
	}}
	if r := scene.Crowd; len(r.Broken) > 0 || r.NotRecovered > 0 {
		t.Fatalf("a promise to clients was broken: %v", r)
	}
	return scene
}
