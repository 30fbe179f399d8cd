package fault

import (
	"fmt"
	"syscall"
	"time"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/audience"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

var serverFaults = []Fault{{
	Name: "server-killed", Short: true,
	Did:  "the server is killed (SIGKILL) and started again on the same ports",
	Load: "5,000 clients, 20 records/s, each client a channel of 20",
	Run:  serverKilled,
}, {
	Name: "server-drained", Short: true,
	Did:  "the server gets SIGTERM; one of the other variant runs beside it",
	Load: "5,000 clients, 20 records/s, each client a channel of 20",
	Run:  serverDrained,
}, {
	Name: "server-changed", Short: true,
	Did:  "each client is moved between the variants in the middle of a replay, eight times",
	Load: "100 clients, a replay of 10,000 records, 80 records/s live",
	Run:  serverChanged,
}, {
	Name: "server-stormed",
	Did:  "all connections are cut at once and come back at once, three times",
	Load: "10,000 clients, 20 records/s, each client a channel of 20",
	Run:  serverStormed,
}}

// backWithin is how long clients may take to be back with all that they missed, in seconds.
const backWithin = 30

func serverKilled(t *T) {
	tp := stage.MakeTopics(t, t.Brokers, 3, "trade")
	s := t.Start(tp, nil)
	channels := crowdChannels("trade", 20)
	clients := t.Count(5000)
	crowd := t.Gather(audience.Options{URLs: []string{s.URL()}, Members: clients, Channels: oneOf(channels)})
	feed := audience.StartFeed(t, tp, channels, 20, 100)
	t.Sleep(3 * time.Second)

	s.Process.Kill()
	stage.Eventually(t, "all clients to know", func() bool { return crowd.Subscribed() == 0 })
	t.Sleep(2 * time.Second)
	again := t.Start(tp, stage.Settings{"WS_ADDR": s.Addr, "WS_ADMIN_ADDR": s.AdminAddr})
	ready := time.Now()
	t.gathered(crowd)
	t.Most("all back after the server was ready", Since(ready), backWithin, "s")
	t.Sleep(2 * time.Second)
	r := t.Complete(crowd, feed)
	t.All("clients that resumed", r.Resumes, clients)
	t.Saw("connections ended: %s; refused until the server was back: %s; it counts %.0f resumes recovered",
		tally(r.Closes), tally(r.Refused), again.Metric(t, "ws_resumes_total", "result", "recovered"))
}

func serverDrained(t *T) {
	spread := 20 * time.Second
	if t.Small {
		spread = 5 * time.Second
	}
	tp := stage.MakeTopics(t, t.Brokers, 3, "trade")
	s := t.Start(tp, stage.Settings{"WS_DRAIN_SPREAD": spread.String(), "WS_DRAIN_TIMEOUT": (spread + 10*time.Second).String()})
	other := t.StartOther(tp, nil)
	channels := crowdChannels("trade", 20)
	clients := t.Count(5000)
	crowd := t.Gather(audience.Options{
		URLs: []string{s.URL(), other.URL()}, Together: true, Members: clients, Channels: oneOf(channels),
	})
	feed := audience.StartFeed(t, tp, channels, 20, 100)
	t.Sleep(3 * time.Second)

	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	asked := time.Now()
	code, err := s.Process.Wait(stage.Within(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Most("the process ended after SIGTERM", Since(asked), (spread + 10*time.Second).Seconds(), "s")
	t.None("its exit code", code)
	t.gathered(crowd)
	t.Sleep(2 * time.Second)
	r := t.Complete(crowd, feed)

	drained := r.Closes[int(wire.CloseDrain)]
	announced := 0
	perSecond := map[int]int{}
	for _, end := range r.Ends {
		if end.Notice == string(wire.NoticeDrain) {
			announced++
		}
		perSecond[int(end.At.Sub(asked)/time.Second)]++
	}
	peak := 0
	for _, n := range perSecond {
		peak = max(peak, n)
	}
	t.All("clients that heard DRAIN before their close", announced, clients)
	t.All("clients closed with 4000", drained, clients)
	t.All("byes", r.Byes, clients)
	t.None("closed otherwise", len(r.Ends)-drained)
	// The ends are as the clients saw them: on a busy machine many at once.
	t.held("peak close rate / mean", float64(peak)/(float64(clients)/spread.Seconds()), 2, "")
	t.All("clients that resumed elsewhere", r.Resumes, clients)
	t.Saw("closes in each second, from SIGTERM: %s; refused: %s", inOrder(perSecond), tally(r.Refused))
}

// gathered waits until each client of the crowd is subscribed.
func (t *T) gathered(crowd *audience.Crowd) {
	if err := crowd.AwaitAll(stage.Within(t)); err != nil {
		t.Fatal(err)
	}
}

// inOrder writes counts by their number, from 0.
func inOrder(counts map[int]int) (line string) {
	last := 0
	for i := range counts {
		last = max(last, i)
	}
	for i := range last + 1 {
		line += fmt.Sprintf("%d ", counts[i])
	}
	return line
}
