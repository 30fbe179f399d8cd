package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/adred-codev/ws_poc/kit/metric"
	"github.com/adred-codev/ws_poc/scripts/internal/machine"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// figures are what a server's present instance does, as its own metrics and the kernel tell it; rates over boardWindow.
type figures struct {
	Name         string   `json:"name"`
	Server       int      `json:"server"`
	Architecture string   `json:"architecture"`
	Version      string   `json:"version"`
	Connections  float64  `json:"connections"`
	Deliveries   float64  `json:"deliveries_per_s"`
	Cores        float64  `json:"cores"`        // CPU in use: 1 is one core
	P99MS        *float64 `json:"p99_ms"`       // from the record's timestamp to the kernel; null: nothing was sent
	Memory       int64    `json:"memory_bytes"` // resident
}

const (
	boardTick   = time.Second
	boardWindow = 3 * time.Second
)

// board reads the figures of all servers once a second. ServeHTTP hands out the last ones.
type board struct {
	servers fleets

	mu   sync.Mutex // guards last
	last []figures  // in the order of servers; without Name: not read yet
}

func newBoard(servers fleets) *board {
	return &board{servers: servers, last: make([]figures, len(servers))}
}

// run reads until ctx is done.
func (b *board) run(ctx context.Context) {
	tick := time.NewTicker(boardTick)
	defer tick.Stop()
	histories := make([]history, len(b.servers))
	for {
		for i, f := range b.servers {
			// One that does not answer is about to end, which its fleet tells, or busy: then the page keeps what it has.
			if s := f.now(); s != nil {
				if now, err := histories[i].read(ctx, s); err == nil {
					b.mu.Lock()
					b.last[i] = now
					b.mu.Unlock()
				}
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// ServeHTTP is GET /servers.
func (b *board) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	b.mu.Lock()
	known := slices.DeleteFunc(slices.Clone(b.last), func(f figures) bool { return f.Name == "" })
	b.mu.Unlock()
	writeJSON(w, known)
}

// sample is one reading of what only rises.
type sample struct {
	at      time.Time
	cpu     time.Duration
	sent    float64
	latency []bucket
}

// history is an instance's samples of the last boardWindow, the oldest first.
type history struct {
	of      *instance
	samples []sample
}

// read takes a sample and makes figures of it and the oldest one.
func (h *history) read(ctx context.Context, s *instance) (figures, error) {
	if h.of != s {
		*h = history{of: s}
	}
	m, err := s.metrics(ctx)
	if err != nil {
		return figures{}, err
	}
	pid := s.cmd.Process.Pid
	cpu, err := machine.ProcessCPU(pid)
	if err != nil {
		return figures{}, err
	}
	rss, err := machine.RSS(pid)
	if err != nil {
		return figures{}, err
	}
	now := sample{at: time.Now(), cpu: cpu, sent: m.Sum(metric.MessagesSent.Name), latency: buckets(m)}
	h.samples = append(h.samples, now)
	for len(h.samples) > 2 && now.at.Sub(h.samples[0].at) > boardWindow {
		h.samples = h.samples[1:]
	}
	before := h.samples[0]
	f := figures{
		Name: s.name, Server: s.number, Architecture: label(m, "architecture"), Version: label(m, "version"),
		Connections: m.Sum(metric.Connections.Name), Memory: rss,
	}
	if took := now.at.Sub(before.at).Seconds(); took > 0 {
		f.Deliveries = (now.sent - before.sent) / took
		f.Cores = (now.cpu - before.cpu).Seconds() / took
	}
	if p99, ok := quantile(since(now.latency, before.latency), 0.99); ok {
		p99 *= 1000
		f.P99MS = &p99
	}
	return f, nil
}

// metrics scrapes the instance.
func (s *instance) metrics(ctx context.Context) (variant.Metrics, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.admin+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	resp, err := s.client().Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read metrics of %s: it answered %d", s.name, resp.StatusCode)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read metrics of %s: %w", s.name, err)
	}
	return families, nil
}

// label is one of the build's labels.
func label(m variant.Metrics, name string) string {
	for _, series := range m[metric.BuildInfo.Name].GetMetric() {
		for _, pair := range series.GetLabel() {
			if pair.GetName() == name {
				return pair.GetValue()
			}
		}
	}
	return ""
}
