package fault

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/adred-codev/ws_poc/scripts/internal/audience"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

func logDiskFull(t *T) {
	lasts := 10 * time.Second
	if t.Small {
		lasts = 2 * time.Second
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.NotRun("a disk of its own takes root's rights: " + err.Error())
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	tp := stage.MakeTopics(t, t.Brokers, 3, "trade")
	log := filepath.Join(dir, "log")
	p, err := variant.Start(variant.Options{
		Binary: "/bin/sh", Args: []string{"-c", `exec "$0" >>"$1" 2>&1`, t.Binary, log},
		Env: stage.Settings{"KAFKA_BROKERS": tp.Brokers, "KAFKA_TOPICS": tp.Setting(), "LOG_LEVEL": "debug"},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &stage.Server{Addr: p.Addr, AdminAddr: p.AdminAddr, Topics: tp, Process: p}
	t.Cleanup(func() {
		if err := s.End(); err != nil {
			t.Error(err)
		}
	})
	s.Ready(t)
	channels := crowdChannels("trade", 5)
	crowd := t.Gather(audience.Options{URLs: []string{s.URL()}, Stay: true, Members: t.Count(50), Channels: allOf(channels)})
	feed := audience.StartFeed(t, tp, channels, 100, 100)
	stage.Eventually(t, "records to flow", func() bool { return crowd.Report().Received > 0 })

	fill := filepath.Join(dir, "fill")
	if err := fillDisk(fill); err != nil {
		t.Fatal(err)
	}
	// The log's last page has room left. Each client that comes is a line, at this level.
	lost := func() float64 { return s.Metric(t, "ws_log_lines_lost_total") }
	stage.Eventually(t, "lines of the log to be lost", func() bool {
		for range 20 {
			stage.Dial(t, s).Close()
		}
		return lost() > 0
	})
	before, full, newcomers := lost(), time.Now(), 0.0
	t.flows(crowd, "the log's disk is full", func() (over bool) {
		c := stage.Dial(t, s)
		c.Join(channels[0].Name())
		c.Want("message")
		c.Close()
		newcomers++
		return time.Since(full) > lasts
	})
	if code := s.Get(t, "/readyz").StatusCode; code != http.StatusOK {
		t.Errorf("/readyz says %d while the log's disk is full", code)
	}
	stage.Eventually(t, "the metric to tell of a lost line for each client that came", func() bool { return lost()-before >= newcomers })
	t.Saw("%.0f clients came while the disk was full, and were served", newcomers)
	written, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	emptied := time.Now()
	stage.Eventually(t, "the log to go on and tell what it lost", func() bool {
		stage.Dial(t, s).Close()
		return linesLost(t, log, len(written)) > 0
	})
	t.Most("the log goes on and tells what it lost", Since(emptied), 10, "s")
	stage.Eventually(t, "the metric and the log to agree", func() bool { return int(lost()) == linesLost(t, log, 0) })
	t.Saw("%.0f lines of the log were lost, by the metric as by the log", lost())
	t.Whole(crowd, feed)
}

// fillDisk writes a file until there is no room for more.
func fillDisk(path string) error {
	f, err := os.Create(path)
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if errors.Is(err, unix.ENOSPC) {
		return f.Close()
	}
	return err
}

var tellsLost = regexp.MustCompile(`log lines were lost.*\blines"?[:=](\d+)`)

// linesLost is how many a log tells behind an offset.
func linesLost(t *T, path string, offset int) (n int) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, match := range tellsLost.FindAllSubmatch(text[offset:], -1) {
		lines, err := strconv.Atoi(string(match[1]))
		if err != nil {
			t.Fatal(err)
		}
		n += lines
	}
	return n
}
