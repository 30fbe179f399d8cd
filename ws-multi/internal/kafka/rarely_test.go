package kafka

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		r := newRarely(slog.New(slog.NewTextHandler(&out, nil)))
		said := func(want string) {
			t.Helper()
			line := out.String()
			out.Reset()
			if strings.Count(line, "\n") != strings.Count(want, "times") || !strings.Contains(line, want) {
				t.Errorf("said %q, want %q", line, want)
			}
		}
		r.warn("a", "it happened", "what", "a")
		said("times=1 what=a")
		for range 99 {
			r.warn("a", "it happened", "what", "a")
		}
		said("")
		r.warn("b", "it happened", "what", "b")
		said("times=1 what=b")
		time.Sleep(rarelyEvery)
		r.warn("a", "it happened", "what", "a")
		said("times=100 what=a")
		r.forget("a")
		r.warn("a", "it happened", "what", "a")
		said("times=1 what=a")
	})
}

// What an operator asks of librdkafka's log goes to ours.
func TestTheLogOfLibrdkafka(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var out bytes.Buffer
	cfg := configOf("127.0.0.1:1", "t")
	cfg.Properties = map[string]string{"debug": "broker"}
	c := made(t, cfg)
	c.log = slog.New(slog.NewTextHandler(locked{&mu, &out}, nil))
	r := start(t, c, newPushes(t))
	r.within(long, "a line of librdkafka's", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return strings.Contains(out.String(), "librdkafka's own log") && strings.Contains(out.String(), "127.0.0.1:1")
	})
}

type locked struct {
	mu *sync.Mutex
	to *bytes.Buffer
}

func (l locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(b)
}

// What any goroutine may call, any goroutine calls while Run begins and ends.
func TestCallsFromOtherGoroutines(t *testing.T) {
	t.Parallel()
	k := mockedCluster(t, "calls", 1)
	for range 3 {
		c := made(t, configOf(k.address, "calls"))
		ctx, cancel := context.WithCancel(t.Context())
		var others sync.WaitGroup
		for n := range 4 {
			others.Go(func() {
				for ; ctx.Err() == nil; time.Sleep(time.Millisecond) {
					c.Pause(n%2 == 0)
					_ = c.Stats()
					short, done := context.WithTimeout(ctx, 5*time.Millisecond)
					_, _ = c.Ends(short, 0, []int32{0}) // no matter what it says
					done()
				}
			})
		}
		r := start(t, c, newPushes(t))
		time.Sleep(100 * time.Millisecond)
		r.stop()
		cancel()
		others.Wait()
	}
}
