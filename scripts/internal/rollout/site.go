package rollout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	dto "github.com/prometheus/client_model/go"

	"github.com/adred-codev/ws_poc/kit/metric"
	"github.com/adred-codev/ws_poc/scripts/internal/haproxy"
)

// Sight is one look at everything but Prometheus.
type Sight struct {
	Live  Count     // connections, by the servers' own gauges
	Known Count     // connections that HAProxy counts
	Read  [2]bool   // the side's gauges could be read
	Takes [2]bool   // its gauges can be read, and HAProxy gives clients to one instance at least
	Why   [2]string // why it does not take any, or ""

	Balancer string         // why HAProxy cannot be asked, or ""
	PID      int            // of HAProxy's process
	Weights  map[string]int // of each server of the plan, now
}

// Site is where a rollout takes place.
type Site interface {
	// Look never fails as a whole: what could not be seen says why.
	Look(ctx context.Context) Sight
	// May says why the sides would not do what they are asked, or nil. It asks for nothing.
	May(ctx context.Context) error
	// SetWeight sets that of one server, BACKEND/SERVER.
	SetWeight(ctx context.Context, server string, weight int) error
	// Shed asks a side to send n clients away, rate a second, and returns how many it will.
	Shed(ctx context.Context, from Which, n int, rate float64) (int, error)
	// Figures are those of the watched side, over window.
	Figures(ctx context.Context, window time.Duration) (Figures, error)
}

// real is the site of a plan. Its methods are called from one goroutine.
type real struct {
	plan  *Plan
	proxy *haproxy.Client
	prom  prometheus
	http  *http.Client
	token string
	last  [2][]int // live connections of each instance at the last look
}

// askTime bounds one request: the loop looks once a second and must not be held up by a server that hangs.
const askTime = 3 * time.Second

// NewSite is the real one. token is the servers' WS_ADMIN_TOKEN, or "". The caller calls close when it is done with it.
func NewSite(p *Plan, token string) (s Site, done func(), err error) {
	proxy, err := haproxy.New(p.HAProxy)
	if err != nil {
		return nil, nil, err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 1, IdleConnTimeout: 30 * time.Second}
	client := &http.Client{Transport: transport, Timeout: askTime}
	r := &real{plan: p, proxy: proxy, http: client, token: token, prom: prometheus{p.Prometheus, &http.Client{Transport: transport, Timeout: 10 * time.Second}}}
	return r, transport.CloseIdleConnections, nil
}

func (r *real) Look(ctx context.Context) Sight {
	s := Sight{Weights: map[string]int{}}
	v, err := r.proxy.View(ctx)
	if err != nil {
		s.Balancer = err.Error()
	}
	s.PID = v.PID
	for _, w := range []Which{Incumbent, Challenger} {
		side := r.plan.Side(w)
		r.last[w] = make([]int, len(side.Instances))
		s.Read[w] = true
		var why []string
		for i, instance := range side.Instances {
			n, trouble := r.connections(ctx, instance)
			if trouble != nil {
				s.Read[w] = false
				why = append(why, trouble.Error())
			}
			r.last[w][i] = n
			s.Live[w] += n
			server, ok := v.Server(instance.Server)
			switch {
			case err != nil:
			case !ok:
				s.Balancer = fmt.Sprintf("HAProxy has no server %s: write server in the plan as BACKEND/SERVER of its configuration", instance.Server)
			default:
				s.Known[w] += server.Sessions
				s.Weights[instance.Server] = server.Weight
				if server.Takes() {
					s.Takes[w] = true
				} else {
					why = append(why, fmt.Sprintf("HAProxy has %s as %s", instance.Server, server.Status))
				}
			}
		}
		s.Takes[w] = s.Takes[w] && s.Read[w] && s.Balancer == ""
		if !s.Takes[w] {
			s.Why[w] = strings.Join(why, "; ")
		}
	}
	return s
}

// connections reads the gauge of one server.
func (r *real) connections(ctx context.Context, i Instance) (int, error) {
	body, err := r.ask(ctx, http.MethodGet, i, "/metrics")
	if err != nil {
		return 0, err
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("read the metrics of %s: %w", i.Server, err)
	}
	family := families[metric.Connections.Name]
	if family.GetType() != dto.MetricType_GAUGE || len(family.GetMetric()) != 1 {
		return 0, fmt.Errorf("read the metrics of %s: %s has no %s: is it the admin address of one of our servers?", i.Server, i.Admin, metric.Connections.Name)
	}
	return int(math.Round(family.GetMetric()[0].GetGauge().GetValue())), nil
}

// May sends each instance a request that is never done, for it says nothing: who may not ask hears that first.
func (r *real) May(ctx context.Context) error {
	for _, w := range []Which{Incumbent, Challenger} {
		for _, i := range r.plan.Side(w).Instances {
			var answer *refusal
			if _, err := r.ask(ctx, http.MethodPost, i, "/rebalance"); !errors.As(err, &answer) || answer.status != http.StatusBadRequest {
				return fmt.Errorf("ask whether its clients may be moved: %w", err)
			}
		}
	}
	return nil
}

// refusal is an answer that is not 2xx.
type refusal struct {
	status int
	words  string
}

func (r *refusal) Error() string { return r.words }

func (r *real) SetWeight(ctx context.Context, server string, weight int) error {
	return r.proxy.SetWeight(ctx, server, weight)
}

func (r *real) Shed(ctx context.Context, from Which, n int, rate float64) (int, error) {
	chosen := 0
	var failed error
	for i, share := range parts(n, r.last[from]) {
		if share == 0 {
			continue
		}
		query := fmt.Sprintf("/rebalance?connections=%d&rate=%.3f", share, max(0.001, rate*float64(share)/float64(n)))
		body, err := r.ask(ctx, http.MethodPost, r.plan.Side(from).Instances[i], query)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		var answer struct{ Connections int }
		if err := json.Unmarshal([]byte(body), &answer); err != nil {
			failed = errors.Join(failed, fmt.Errorf("read the answer of %s: %w", r.plan.Side(from).Instances[i].Server, err))
		}
		chosen += answer.Connections
	}
	return chosen, failed
}

// ask sends a request to an admin address and returns the answer's body.
func (r *real) ask(ctx context.Context, method string, i Instance, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(i.Admin, "/")+path, nil)
	if err != nil {
		return "", fmt.Errorf("ask %s: %w", i.Server, err)
	}
	if method == http.MethodPost && r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	resp, err := r.http.Do(req)
	if err != nil {
		return "", fmt.Errorf("ask %s: %w", i.Server, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		return "", fmt.Errorf("read the answer of %s: %w", i.Server, err)
	}
	switch {
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return "", &refusal{resp.StatusCode, fmt.Sprintf("%s refuses %s with %d: set WS_ADMIN_TOKEN in this program's environment to the value that the server has; one that is not on loopback needs one",
			i.Server, path, resp.StatusCode)}
	case resp.StatusCode/100 != 2:
		return "", &refusal{resp.StatusCode, fmt.Sprintf("%s answers %s with %d: %.200s", i.Server, path, resp.StatusCode, strings.TrimSpace(string(body)))}
	}
	return string(body), nil
}

func (r *real) Figures(ctx context.Context, window time.Duration) (Figures, error) {
	watched := r.plan.Watched()
	return r.prom.figures(ctx, query(r.plan.Side(watched).Metrics, r.plan.Side(watched.Other()).Metrics, window))
}
