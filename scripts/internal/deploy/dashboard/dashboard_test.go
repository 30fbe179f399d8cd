package dashboard

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/adred-codev/ws_poc/kit/metric"
	"github.com/adred-codev/ws_poc/scripts/internal/deploy/promql"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// shipped is a path below deploy.
func shipped(t *testing.T, path ...string) string {
	t.Helper()
	root, err := variant.Root()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(append([]string{root, "deploy"}, path...)...)
}

// files are the dashboards as they are shipped.
func files(t *testing.T) (all []*File) {
	t.Helper()
	for _, d := range All() {
		f, err := Read(shipped(t, "grafana", "dashboards", d.File()))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	return all
}

func TestFiles(t *testing.T) {
	var want []string
	for _, d := range All() {
		want = append(want, d.File())
		made, err := d.JSON()
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(shipped(t, "grafana", "dashboards", d.File()))
		if err != nil || !bytes.Equal(got, made) {
			t.Errorf("%s is not what the code says (%v): scripts/dashboards write", d.File(), err)
		}
	}
	entries, err := os.ReadDir(shipped(t, "grafana", "dashboards"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains(want, e.Name()) {
			t.Errorf("nobody makes %s", e.Name())
		}
	}
}

// Panels do not lie on each other, fill each line, and say what they show.
func TestLayout(t *testing.T) {
	for _, f := range files(t) {
		taken := map[[2]int]string{}
		ids, titles := map[int]bool{}, map[string]bool{}
		for _, p := range f.Panels {
			if ids[p.ID] {
				t.Errorf("%s: two panels have the id %d", f.UID, p.ID)
			}
			ids[p.ID] = true
			if p.Grid.X+p.Grid.W > 24 {
				t.Errorf("%s: %s is wider than the page", f.UID, p.Title)
			}
			for x := p.Grid.X; x < p.Grid.X+p.Grid.W; x++ {
				for y := p.Grid.Y; y < p.Grid.Y+p.Grid.H; y++ {
					if other := taken[[2]int{x, y}]; other != "" {
						t.Fatalf("%s: %s lies on %s", f.UID, p.Title, other)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
			if p.Type == "row" {
				continue
			}
			if titles[p.Title+p.Type] || p.Title == "" || !strings.HasSuffix(p.Description, ".") || p.Field.Defaults.Unit == "" {
				t.Errorf("%s: %s: a title of its own, a sentence about it and a unit are wanted", f.UID, p.Title)
			}
			titles[p.Title+p.Type] = true
			if p.Datasource == nil || *p.Datasource != source || len(p.Targets) == 0 {
				t.Errorf("%s: %s: source %v, %d queries", f.UID, p.Title, p.Datasource, len(p.Targets))
			}
			for _, q := range p.Targets {
				if q.Datasource != source || q.Legend == "" || q.Instant == q.Range {
					t.Errorf("%s: %s: query %+v", f.UID, p.Title, q)
				}
			}
		}
	}
}

// recorded are the names of the recording rules.
func recorded(t *testing.T) (names []string) {
	t.Helper()
	text, err := os.ReadFile(shipped(t, "prometheus", "rules", "recording.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var rules struct {
		Groups []struct{ Rules []struct{ Record string } }
	}
	if err := yaml.Unmarshal(text, &rules); err != nil {
		t.Fatal(err)
	}
	for _, r := range rules.Groups[0].Rules {
		names = append(names, r.Record)
	}
	return names
}

// What panels ask for exists, and of each metric of the kit the dashboard of a server shows something.
func TestMetrics(t *testing.T) {
	names := recorded(t)
	for _, f := range files(t) {
		shown := map[string]bool{}
		for _, p := range f.Panels {
			for _, q := range p.Targets {
				if err := promql.Exists(q.Expr, names); err != nil {
					t.Errorf("%s: %s: %v", f.UID, p.Title, err)
				}
				selectors, err := promql.Selectors(q.Expr)
				if err != nil {
					t.Error(err)
				}
				for _, s := range selectors {
					shown[strings.TrimSuffix(s.Name, "_bucket")] = true
				}
			}
		}
		for _, v := range f.Templating.List {
			m := labelValues.FindStringSubmatch(v.Query.Query)
			if m == nil {
				t.Fatalf("%s: variable %s: %s", f.UID, v.Name, v.Query.Query)
			}
			if err := promql.Exists(m[1], nil); err != nil {
				t.Errorf("%s: variable %s: %v", f.UID, v.Name, err)
			}
		}
		for _, d := range metric.All() {
			if f.UID == "server" && !shown[d.Name] {
				t.Errorf("no panel shows %s", d.Name)
			}
		}
	}
}

// Grafana finds the source of the panels, and the folder of the files.
func TestProvisioning(t *testing.T) {
	read := func(to any, path ...string) {
		t.Helper()
		text, err := os.ReadFile(shipped(t, append([]string{"grafana", "provisioning"}, path...)...))
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(text, to); err != nil {
			t.Fatal(err)
		}
	}
	var sources struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []struct {
			UID, Type string
			JSONData  struct {
				TimeInterval string `yaml:"timeInterval"`
			} `yaml:"jsonData"`
		}
	}
	read(&sources, "datasources", "prometheus.yml")
	if sources.APIVersion != 1 || len(sources.Datasources) != 1 || sources.Datasources[0].UID != source.UID || sources.Datasources[0].Type != source.Type {
		t.Errorf("the panels' source is %v, there are %+v", source, sources)
	}
	var config struct {
		Global struct {
			Scrape string `yaml:"scrape_interval"`
		}
	}
	text, err := os.ReadFile(shipped(t, "prometheus", "prometheus.yml"))
	if err == nil {
		err = yaml.Unmarshal(text, &config)
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := sources.Datasources[0].JSONData.TimeInterval; got != config.Global.Scrape {
		t.Errorf("Grafana takes %s between scrapes, Prometheus scrapes every %s", got, config.Global.Scrape)
	}
}

func TestExpand(t *testing.T) {
	choice := Choice{"variant": "ws-single", "instance": ".+"}
	for query, want := range map[string]string{
		`rate(x{v="$variant",i=~"${instance}"}[$__rate_interval])`: `rate(x{v="ws-single",i=~".+"}[8s])`,
		`x{v="${variant:regex}"}[$__interval]`:                     `x{v="ws-single"}[8s]`,
		`x`:                                                        `x`,
	} {
		if got, err := Expand(query, choice, 8*time.Second); err != nil || got != want {
			t.Errorf("%s: got %s, %v", query, got, err)
		}
	}
	if got, err := Expand(`x{a="$nobody"}`, choice, time.Second); err == nil || !strings.Contains(err.Error(), "no value for nobody") {
		t.Errorf("got %s, %v", got, err)
	}
	if got := legend("{{variant}} shard {{ shard }} {{none}}", map[string]string{"variant": "a", "shard": "1"}); got != "a shard 1 " {
		t.Errorf("got %q", got)
	}
}

func TestReadRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d.json")
	if err := os.WriteFile(path, []byte(`{"uid":"a","panels":[{"repeat":"x"}]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil || !strings.Contains(err.Error(), "repeat") {
		t.Errorf("a field that nobody checks: %v", err)
	}
}
