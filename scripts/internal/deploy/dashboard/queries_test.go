package dashboard

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	api "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/adred-codev/ws_poc/scripts/internal/deploy/promql"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// A real Prometheus with the shipped rules scrapes both real servers under load: every query of every panel has an answer,
// every rule can be computed, and all series that rules read are there.
func TestQueries(t *testing.T) {
	all, err := variant.All()
	if err != nil {
		t.Fatal(err)
	}
	play := Play{Brokers: brokers, Binaries: map[string]string{}, Members: 40, Rate: 100, Length: 12 * time.Second}
	for _, v := range all {
		if play.Binaries[v.Name], err = v.Binary(t.Context()); err != nil {
			t.Fatal(err)
		}
		play.Order = append(play.Order, v.Name)
	}
	scene := Run(t, play)

	for _, f := range files(t) {
		t.Run(f.UID, func(t *testing.T) { answered(t, f, scene, play.Order) })
	}
	t.Run("a query without an answer is found", func(t *testing.T) {
		f := files(t)[0]
		broken := f.Panels[1]
		broken.Targets = slices.Clone(broken.Targets)
		for expr, empty := range map[string]bool{"ws_nothing": true, "ws_connections * NaN": true, "ws_connections": false} {
			broken.Targets[0].Expr = expr
			answers, err := (&File{Panels: []FilePanel{broken}}).Ask(t.Context(), scene.API, nil, scene.Span)
			if err != nil || (len(answers[0].Empty) > 0) != empty {
				t.Errorf("%s: %v, %v", expr, answers, err)
			}
		}
		broken.Targets[0].Expr = "sum(("
		if _, err := (&File{Panels: []FilePanel{broken}}).Ask(t.Context(), scene.API, nil, scene.Span); err == nil {
			t.Error("a query that cannot be parsed is taken")
		}
	})
	t.Run("rules", func(t *testing.T) { rulesWork(t, scene) })
}

// answered asks all queries of a dashboard for each choice, and draws the answers.
func answered(t *testing.T, f *File, scene Scene, variants []string) {
	choices, err := f.Choices(t.Context(), scene.API, scene.Span)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Templating.List) > 0 && len(choices) != len(variants) {
		t.Errorf("there are the choices %v, want one of each variant", choices)
	}
	for _, choice := range choices {
		answers, err := f.Ask(t.Context(), scene.API, choice, scene.Span)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range answers {
			for _, expr := range a.Empty {
				t.Errorf("%v: panel %s: no answer to %s", choice, a.Panel.Title, expr)
			}
			// What is of both shows both.
			for _, q := range a.Panel.Targets {
				for _, name := range variants {
					if q.Legend == "{{variant}}" && !slices.ContainsFunc(a.Series, func(s Series) bool { return s.Name == name }) {
						t.Errorf("panel %s: %s is not in it", a.Panel.Title, name)
					}
				}
			}
		}
		svg, err := Picture(f, answers, "a label", scene.Span.From)
		if err != nil {
			t.Fatal(err)
		}
		words := written(t, svg)
		for _, p := range f.Panels {
			if !strings.Contains(words, p.Title) {
				t.Errorf("the picture lacks %s", p.Title)
			}
		}
		if bytes.Contains(svg, []byte("NaN")) || !strings.Contains(words, "a label") {
			t.Error("the picture has holes")
		}
	}
}

// written is what stands in a picture, which must be XML.
func written(t *testing.T, svg []byte) string {
	t.Helper()
	var words strings.Builder
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		part, err := d.Token()
		if errors.Is(err, io.EOF) {
			return words.String()
		}
		if err != nil {
			t.Fatalf("the picture is no XML: %v", err)
		}
		if s, ok := part.(xml.CharData); ok {
			words.Write(s)
		}
	}
}

func rulesWork(t *testing.T, scene Scene) {
	var result api.RulesResult
	stage.Eventually(t, "all rules to have been computed", func() bool {
		var err error
		if result, err = scene.API.Rules(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		for _, g := range result.Groups {
			for _, r := range g.Rules {
				if r, ok := r.(api.AlertingRule); ok && r.LastEvaluation.IsZero() {
					return false
				}
				if r, ok := r.(api.RecordingRule); ok && r.LastEvaluation.IsZero() {
					return false
				}
			}
		}
		return true
	})
	exists := func(where, expr string) {
		selectors, err := promql.Selectors(expr)
		if err != nil {
			t.Error(err)
		}
		for _, s := range selectors {
			var conditions []string
			for _, m := range s.Matchers {
				conditions = append(conditions, m.Label+m.Op+strconv.Quote(m.Value))
			}
			selector := s.Name + "{" + strings.Join(conditions, ",") + "}"
			series, _, _, err := scene.API.Series(t.Context(), []string{selector}, scene.Span.From, time.Now())
			if err != nil || len(series) < 2 {
				t.Errorf("%s reads %s, of which there are %d series, %v: want each variant's", where, selector, len(series), err)
			}
		}
	}
	var names []string
	for _, g := range result.Groups {
		for _, r := range g.Rules {
			switch r := r.(type) {
			case api.AlertingRule:
				names = append(names, r.Name)
				if r.Health != api.RuleHealthGood || r.LastError != "" {
					t.Errorf("alert %s: %s, %s", r.Name, r.Health, r.LastError)
				}
				exists("alert "+r.Name, r.Query)
				// Nothing is wrong with these servers.
				for _, a := range r.Alerts {
					if a.State == api.AlertStateFiring {
						t.Errorf("alert %s fires: %v", r.Name, a.Annotations)
					}
				}
			case api.RecordingRule:
				names = append(names, r.Name)
				if r.Health != api.RuleHealthGood || r.LastError != "" {
					t.Errorf("record %s: %s, %s", r.Name, r.Health, r.LastError)
				}
				exists("record "+r.Name, r.Query)
				value, _, _, err := scene.API.Query(t.Context(), r.Name, scene.Span.To)
				if v, ok := value.(model.Vector); err != nil || !ok || len(v) < 2 {
					t.Errorf("record %s is %v, %v: want a value for each variant", r.Name, value, err)
				}
			}
		}
	}
	if len(names) < 20 {
		t.Errorf("Prometheus has the rules %v only", names)
	}
}
