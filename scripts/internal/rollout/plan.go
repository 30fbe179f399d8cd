package rollout

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/adred-codev/ws_poc/scripts/internal/haproxy"
)

// Which is one of the two sides.
type Which int

// The sides. A share is always the challenger's.
const (
	Incumbent Which = iota
	Challenger
)

// Other is the other one.
func (w Which) Other() Which { return 1 - w }

// Instance is one server process.
type Instance struct {
	Server string `yaml:"server"` // in HAProxy: BACKEND/SERVER
	Admin  string `yaml:"admin"`  // URL of its admin address
}

// Side is a variant with its instances.
type Side struct {
	Name      string     `yaml:"name"`
	Instances []Instance `yaml:"instances"`
	Metrics   string     `yaml:"metrics"` // PromQL label matchers that select its series
}

// Step is a share and how long it is held.
type Step struct {
	Share int  `yaml:"share"` // of the challenger, percent
	Hold  Hold `yaml:"hold"`
}

// Hold is a time, or Forever.
type Hold time.Duration

// Forever holds a step until the rollout is ended by hand: A/B.
const Forever Hold = -1

// UnmarshalYAML reads a time such as 10m, or forever.
func (h *Hold) UnmarshalYAML(n *yaml.Node) error {
	if n.Value == "forever" {
		*h = Forever
		return nil
	}
	d, err := time.ParseDuration(n.Value)
	if err != nil || d < 0 {
		return fmt.Errorf("line %d: hold cannot be %q: write a time such as 30s, 10m or 24h, or forever", n.Line, n.Value)
	}
	*h = Hold(d)
	return nil
}

func (h Hold) String() string {
	if h == Forever {
		return "forever"
	}
	return short(time.Duration(h))
}

// Plan says what is to be done. It is not changed after it was read.
type Plan struct {
	Incumbent  Side    `yaml:"incumbent"`
	Challenger Side    `yaml:"challenger"`
	HAProxy    string  `yaml:"haproxy"`    // its runtime API: path or host:port
	Prometheus string  `yaml:"prometheus"` // URL
	Limits     string  `yaml:"limits"`     // path of the limits file, beside the plan unless it begins with /
	Pace       float64 `yaml:"pace"`       // connections a second that are asked to move
	Tolerance  float64 `yaml:"tolerance"`  // how far from its target a share may be, percentage points
	Steps      []Step  `yaml:"steps"`
	// Drained is set by [Plan.Drain]: the side that is emptied. The one watched is then the other.
	Drained *Which `yaml:"-"`
}

// ReadPlan reads a plan from a file. In it, ${NAME} and ${NAME-default} outside of comments are replaced from the environment,
// by env, as HAProxy does with its own. An error names the field and says what is right.
func ReadPlan(path string, env func(string) string) (*Plan, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read plan: %w", err)
	}
	p := &Plan{Pace: 20, Tolerance: 1}
	if text, err = expand(text, env); err == nil {
		d := yaml.NewDecoder(bytes.NewReader(text))
		d.KnownFields(true)
		if err = d.Decode(p); errors.Is(err, io.EOF) {
			err = errors.New("it is empty")
		}
		var fields *yaml.TypeError // it is YAML, with other fields than a plan's
		if errors.As(err, &fields) && p.Incumbent.Name == "" && p.Challenger.Name == "" {
			err = fmt.Errorf("%w; it has neither incumbent nor challenger, so it is hardly a plan: scripts/rollout --help shows what is in one", err)
		}
	}
	if err == nil {
		err = p.check()
	}
	if err != nil {
		return nil, fmt.Errorf("plan %s: %w", path, err)
	}
	if !filepath.IsAbs(p.Limits) {
		p.Limits = filepath.Join(filepath.Dir(path), p.Limits)
	}
	return p, nil
}

// expand replaces ${NAME} and ${NAME-default}. A comment keeps what it says.
func expand(text []byte, env func(string) string) ([]byte, error) {
	var out bytes.Buffer
	for line := range bytes.Lines(text) {
		for !bytes.HasPrefix(bytes.TrimSpace(line), []byte("#")) {
			before, rest, found := bytes.Cut(line, []byte("${"))
			if !found {
				break
			}
			inside, after, closed := bytes.Cut(rest, []byte("}"))
			if !closed {
				return nil, fmt.Errorf("%q has no closing brace", "${"+string(bytes.TrimSpace(rest)))
			}
			name, fallback, has := strings.Cut(string(inside), "-")
			value := env(name)
			if value == "" {
				if !has {
					return nil, fmt.Errorf("${%s} is not set in the environment: set it, or give it a default, ${%s-VALUE}", name, name)
				}
				value = fallback
			}
			out.Write(before)
			out.WriteString(value)
			line = after
		}
		out.Write(line)
	}
	return out.Bytes(), nil
}

func (p *Plan) check() error {
	names := map[string]bool{}
	servers := map[string]bool{}
	for _, s := range []struct {
		word string
		side *Side
	}{{"incumbent", &p.Incumbent}, {"challenger", &p.Challenger}} {
		if s.side.Name == "" || names[s.side.Name] {
			return fmt.Errorf("%s: name is needed, another than the other side's, such as ws-multi", s.word)
		}
		names[s.side.Name] = true
		if s.side.Metrics == "" {
			return fmt.Errorf("%s: metrics is needed: what selects its series in Prometheus, such as job=\"%s\"", s.word, s.side.Name)
		}
		if len(s.side.Instances) == 0 {
			return fmt.Errorf("%s: instances is empty: list each with its server, such as ws/%s, and the URL of its admin address", s.word, s.side.Name)
		}
		for _, i := range s.side.Instances {
			backend, server, ok := strings.Cut(i.Server, "/")
			if !ok || backend == "" || server == "" || servers[i.Server] {
				return fmt.Errorf("%s: server cannot be %q: write BACKEND/SERVER as in HAProxy's configuration, each one once", s.word, i.Server)
			}
			servers[i.Server] = true
			if u, err := url.Parse(i.Admin); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" {
				return fmt.Errorf("%s: admin of %s cannot be %q: write the URL of its admin address, such as http://127.0.0.1:3902", s.word, i.Server, i.Admin)
			}
		}
	}
	if _, err := haproxy.New(p.HAProxy); err != nil {
		return fmt.Errorf("haproxy: %w", err)
	}
	if u, err := url.Parse(p.Prometheus); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("prometheus cannot be %q: write its URL, such as http://127.0.0.1:9090", p.Prometheus)
	}
	if p.Limits == "" {
		return errors.New("limits is needed: the path of deploy/limits.yml, from where the plan is")
	}
	if !(p.Pace >= 0.1 && p.Pace <= 10_000) {
		return fmt.Errorf("pace cannot be %v: write how many connections a second may be moved, 0.1 to 10000", p.Pace)
	}
	if !(p.Tolerance >= 0.1 && p.Tolerance <= 10) {
		return fmt.Errorf("tolerance cannot be %v: write percentage points, 0.1 to 10", p.Tolerance)
	}
	if len(p.Steps) == 0 {
		return errors.New("steps is empty: list each as {share: 10, hold: 10m}")
	}
	for i, s := range p.Steps {
		if s.Share < 0 || s.Share > 100 {
			return fmt.Errorf("share of step %d cannot be %d: write the challenger's percent, 0 to 100", i+1, s.Share)
		}
		if s.Hold == Forever && i < len(p.Steps)-1 {
			return fmt.Errorf("step %d is held forever, and others follow: only the last may be", i+1)
		}
	}
	return nil
}

// Side is one of them.
func (p *Plan) Side(w Which) *Side {
	if w == Incumbent {
		return &p.Incumbent
	}
	return &p.Challenger
}

// Drain is the plan of one step that empties the side called name, with the same sides, pace and limits.
func (p *Plan) Drain(name string) (*Plan, error) {
	q := *p
	for _, w := range []Which{Incumbent, Challenger} {
		if p.Side(w).Name == name {
			q.Drained = &w
			q.Steps = []Step{{Share: 100 * int(w.Other())}}
			return &q, nil
		}
	}
	return nil, fmt.Errorf("there is no side %s to drain: the plan has %s and %s", name, p.Incumbent.Name, p.Challenger.Name)
}

// Watched is the side that is held to the limits: the challenger, or the one that takes what is drained from the other.
func (p *Plan) Watched() Which {
	if p.Drained != nil {
		return p.Drained.Other()
	}
	return Challenger
}

// identity tells plans apart whose states must not be mixed up: the sides and the shares. Times, pace and limits may change.
func (p *Plan) identity() string {
	h := sha256.New()
	for _, w := range []Which{Incumbent, Challenger} {
		fmt.Fprintln(h, p.Side(w).Name)
		for _, i := range p.Side(w).Instances {
			fmt.Fprintln(h, i.Server)
		}
	}
	for _, s := range p.Steps {
		fmt.Fprintln(h, s.Share)
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8])
}
