package dashboard

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
)

// The parts of Grafana's JSON that dashboards here have (https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/).

// File is a dashboard as Grafana reads it.
type File struct {
	UID         string   `json:"uid"`
	Title       string   `json:"title"`
	Description string   `json:"description"`
	Tags        []string `json:"tags"`
	Schema      int      `json:"schemaVersion"`
	Version     int      `json:"version"`
	Editable    bool     `json:"editable"`
	Refresh     string   `json:"refresh"`
	Tooltip     int      `json:"graphTooltip"` // 1: at one time in all panels
	Time        struct {
		From string `json:"from"`
		To   string `json:"to"`
	} `json:"time"`
	Templating struct {
		List []FileVariable `json:"list"`
	} `json:"templating"`
	Panels []FilePanel `json:"panels"`
}

// FileVariable is a choice.
type FileVariable struct {
	Name       string `json:"name"`
	Label      string `json:"label"`
	Type       string `json:"type"`
	Datasource Source `json:"datasource"`
	Query      struct {
		Query string `json:"query"`
		RefID string `json:"refId"`
	} `json:"query"`
	Refresh    int    `json:"refresh"` // 2: when the time changes
	Sort       int    `json:"sort"`
	Multi      bool   `json:"multi"`
	IncludeAll bool   `json:"includeAll"`
	AllValue   string `json:"allValue,omitempty"`
}

// Source is where data come from.
type Source struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// FilePanel is a panel, or the title of a row.
type FilePanel struct {
	ID          int          `json:"id"`
	Type        string       `json:"type"` // timeseries, stat, row
	Title       string       `json:"title"`
	Description string       `json:"description,omitempty"`
	Grid        Grid         `json:"gridPos"`
	Datasource  *Source      `json:"datasource,omitempty"`
	Targets     []Target     `json:"targets,omitempty"`
	Field       *FieldConfig `json:"fieldConfig,omitempty"`
	Options     any          `json:"options,omitempty"`
}

// Grid is a place, of 24 columns.
type Grid struct {
	X int `json:"x"`
	Y int `json:"y"`
	W int `json:"w"`
	H int `json:"h"`
}

// Target is a query.
type Target struct {
	RefID      string `json:"refId"`
	Datasource Source `json:"datasource"`
	Expr       string `json:"expr"`
	Legend     string `json:"legendFormat"`
	Instant    bool   `json:"instant"`
	Range      bool   `json:"range"`
}

// FieldConfig is how values look.
type FieldConfig struct {
	Defaults  Field      `json:"defaults"`
	Overrides []Override `json:"overrides"`
}

// Field is how a series looks.
type Field struct {
	Unit   string   `json:"unit"`
	Min    *float64 `json:"min,omitempty"`
	Max    *float64 `json:"max,omitempty"`
	Custom any      `json:"custom,omitempty"`
}

// Override is how some look otherwise.
type Override struct {
	Matcher    map[string]string `json:"matcher"`
	Properties []map[string]any  `json:"properties"`
}

// source is provisioned by deploy/grafana/provisioning/datasources.
var source = Source{"prometheus", "prometheus"}

const (
	rowHeight    = 1
	numberHeight = 4
	chartHeight  = 8
)

// JSON is the dashboard's file.
func (d Dashboard) JSON() ([]byte, error) {
	f := File{
		UID: d.UID, Title: d.Title, Description: d.About, Tags: []string{"ws"}, Schema: 39, Version: 1, Refresh: "10s", Tooltip: 1,
	}
	f.Time.From, f.Time.To = "now-30m", "now"
	f.Templating.List = []FileVariable{}
	for _, v := range d.Variables {
		fv := FileVariable{Name: v.Name, Label: v.Title, Type: "query", Datasource: source, Refresh: 2, Sort: 1, Multi: v.All, IncludeAll: v.All}
		fv.Query.Query, fv.Query.RefID = v.Query, v.Name
		if v.All {
			fv.AllValue = ".+"
		}
		f.Templating.List = append(f.Templating.List, fv)
	}
	y := 0
	add := func(p FilePanel, at Grid) {
		p.ID, p.Grid = len(f.Panels)+1, at
		f.Panels = append(f.Panels, p)
	}
	for _, row := range d.Rows {
		add(FilePanel{Type: "row", Title: row.Title}, Grid{0, y, 24, rowHeight})
		y += rowHeight
		x, height := 0, 0
		for _, p := range row.Panels {
			if x+p.Width > 24 {
				x, y = 0, y+height
			}
			height = chartHeight
			if p.Number {
				height = numberHeight
			}
			add(p.file(), Grid{x, y, p.Width, height})
			x += p.Width
		}
		y += height
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(f); err != nil {
		return nil, fmt.Errorf("encode dashboard %s: %w", d.UID, err)
	}
	return b.Bytes(), nil
}

// colors of the variants, those of the repository's other pictures.
var colors = map[string]string{"ws-single": "#4fb0ea", "ws-multi": "#d873b4"}

func (p Panel) file() FilePanel {
	zero := 0.0
	f := FilePanel{
		Type: "timeseries", Title: p.Title, Description: p.About, Datasource: &source,
		Field: &FieldConfig{Defaults: Field{Unit: p.Unit, Min: &zero}, Overrides: []Override{}},
	}
	for i, q := range p.Queries {
		f.Targets = append(f.Targets, Target{RefID: string(rune('A' + i)), Datasource: source, Expr: q.Expr, Legend: q.Legend, Instant: p.Number, Range: !p.Number})
	}
	if p.Max > 0 {
		f.Field.Defaults.Max = &p.Max
	}
	if p.Number {
		f.Type = "stat"
		f.Options = map[string]any{
			"colorMode": "none", "graphMode": "none", "justifyMode": "auto", "textMode": "value_and_name",
			"reduceOptions": map[string]any{"calcs": []string{"lastNotNull"}, "fields": "", "values": false},
		}
		return f
	}
	custom := map[string]any{"drawStyle": "line", "lineWidth": 1, "fillOpacity": 0, "showPoints": "never", "spanNulls": false}
	if p.Stacked {
		custom["fillOpacity"], custom["stacking"] = 30, map[string]any{"mode": "normal", "group": "A"}
	}
	f.Field.Defaults.Custom = custom
	for _, variant := range []string{"ws-single", "ws-multi"} {
		f.Field.Overrides = append(f.Field.Overrides, Override{
			Matcher:    map[string]string{"id": "byName", "options": variant},
			Properties: []map[string]any{{"id": "color", "value": map[string]string{"mode": "fixed", "fixedColor": colors[variant]}}},
		})
	}
	f.Options = map[string]any{
		"legend":  map[string]any{"displayMode": "list", "placement": "bottom", "showLegend": true},
		"tooltip": map[string]any{"mode": "multi", "sort": "desc"},
	}
	return f
}

// Read reads a dashboard's file.
func Read(path string) (*File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read dashboard: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields() // what this package does not know, it would not check either
	var f File
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("read dashboard %s: %w", path, err)
	}
	return &f, nil
}
