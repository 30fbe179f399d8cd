package fault

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/audience"
	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/skew"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// What the host does to a server: its clock, its descriptors, its disk, its memory.
var hostFaults = []Fault{{
	Name: "clock-set", Short: true,
	Did:  "the server's wall clock is set forth by an hour, back by an hour, and right again",
	Load: "100 clients pinged every 4 s, 100 records/s",
	Run:  clockSet,
}, {
	Name: "files-used-up", Short: true,
	Did:  "the server's limit of open files is lowered to 5 above what it has open, and 40 clients come, again and again for 4 s",
	Load: "100 clients, 100 records/s",
	Run:  filesUsedUp,
}, {
	Name: "log-disk-full", Short: true,
	Did:  "the disk that the log is written to is full for 10 s (a tmpfs of 256 KiB), and empty again",
	Load: "50 clients, 100 records/s, LOG_LEVEL=debug",
	Run:  logDiskFull,
}, {
	Name: "memory-near-limit",
	Did:  "300 clients stop reading in the middle of a large message, whose rest the server has to keep, until that takes it near WS_MEMORY_LIMIT",
	Load: "20 clients that read, 2 records/s of 900 KiB, ten channels",
	Run:  memoryNearLimit,
}}

func clockSet(t *T) {
	if !skew.Supported {
		t.NotRun("setting one process's clock is known for amd64 only, this is " + runtime.GOARCH)
	}
	tp := stage.MakeTopics(t, t.Brokers, 3, "trade")
	s := t.Start(tp, stage.Settings{"WS_PING_INTERVAL": "4s", "WS_PONG_TIMEOUT": "3s"})
	channels := crowdChannels("trade", 5)
	crowd := t.Gather(audience.Options{URLs: []string{s.URL()}, Stay: true, Members: t.Count(100), Channels: allOf(channels)})
	feed := audience.StartFeed(t, tp, channels, 100, 100)
	clock, err := skew.Take(s.Process.PID)
	if err != nil {
		t.Fatal(err)
	}
	defer clock.Close()
	witness := stage.Dial(t, s)
	longest := 0.0
	for _, by := range []time.Duration{time.Hour, -time.Hour, 0} {
		if err := clock.Set(by); err != nil {
			t.Fatal(err)
		}
		set := time.Now()
		before := crowd.Report().Received
		stage.Eventually(t, "records to flow", func() bool { return crowd.Report().Received > before+int64(crowd.Subscribed()) })
		longest = max(longest, Since(set))
		pings := witness.Pings()
		t.Sleep(10 * time.Second) // a connection that the server takes for silent is closed within 7
		t.Least("pings in 10 s after the clock was set to "+by.String(), float64(witness.Pings()-pings), 2, "")
		pong := witness.Heartbeat()
		if off := time.Until(time.UnixMilli(pong.TS)) - by; off.Abs() > time.Minute {
			t.Errorf("the clock of the server was not set: a pong's ts is %v from where it should be", off)
		}
		if code := s.Get(t, "/readyz").StatusCode; code != http.StatusOK {
			t.Errorf("/readyz says %d with the clock set to %v", code, by)
		}
	}
	t.Most("flow goes on after the clock is set", longest, 5, "s")
	t.Whole(crowd, feed)
}

func memoryNearLimit(t *T) {
	const limit = 256 << 20
	tp := stage.MakeTopics(t, t.Brokers, 3, "trade")
	s := t.Start(tp, stage.Settings{
		"WS_MEMORY_LIMIT": fmt.Sprint(limit), "WS_HISTORY_BYTES": "64MiB", "WS_STALL_TIMEOUT": "60s", "WS_MAX_BEHIND": "60s",
		"WS_CPU_REJECT_PERCENT": "off", "WS_CPU_PAUSE_PERCENT": "off",
	})
	channels := crowdChannels("trade", 10)
	readers := t.Gather(audience.Options{URLs: []string{s.URL()}, Stay: true, Members: 20, Channels: oneOf(channels)})
	var stalled []*check.Client
	for i := range t.Count(300) {
		c := stage.DialWith(t, s, check.Options{ReadBuffer: 16 << 10})
		c.Join(oneOf(channels)(i)...)
		c.Stall()
		stalled = append(stalled, c.Client)
	}
	feed := audience.StartFeed(t, tp, channels, 2, 900<<10)
	most, refused := 0.0, 0
	began := time.Now()
	newcomer := func() {
		if c, err := check.Dial(timeout(t, 2*time.Second), s.URL(), check.Options{}); err == nil {
			c.Abort()
		} else if strings.Contains(err.Error(), "503") {
			refused++
		}
	}
	for s.Metric(t, "ws_connections_closed_total", "code", "4004") == 0 {
		if Since(began) > 60 {
			break
		}
		most = max(most, s.Metric(t, "ws_memory_bytes"))
		newcomer()
		t.Sleep(100 * time.Millisecond)
	}
	for range 30 { // a sample may be past both limits at once; the memory comes back after a while only
		most = max(most, s.Metric(t, "ws_memory_bytes"))
		newcomer()
		t.Sleep(100 * time.Millisecond)
	}
	shed := s.Metric(t, "ws_connections_closed_total", "code", "4004")
	t.Least("clients furthest behind that were closed with 4004", shed, 1, "")
	t.Least("log lines that say so", float64(strings.Count(s.Process.Logs(), "WS_MEMORY_LIMIT")), 1, "")
	// Those who are closed have a second to take their code, in which 54 MiB come to all: a fifth of the limit.
	t.Most("memory in use, kernel's included / WS_MEMORY_LIMIT", most/limit, 1.2, "")
	t.Least("new clients refused with 503", float64(refused), 1, "")
	for _, c := range stalled {
		c.Abort()
	}
	gone := time.Now()
	stage.Eventually(t, "new clients to be admitted", func() bool {
		c, err := check.Dial(timeout(t, 2*time.Second), s.URL(), check.Options{})
		if err == nil {
			c.Abort()
		}
		return err == nil
	})
	t.Most("new ones are admitted after those behind are gone", Since(gone), 15, "s")
	t.Whole(readers, feed)
}
