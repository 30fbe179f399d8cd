package dashboard

import "fmt"

// Dashboard is one of Grafana's.
type Dashboard struct {
	UID, Title, About string
	Variables         []Variable
	Rows              []Row
}

// Variable is a choice above the panels, whose values Prometheus knows: label_values(metric, label).
type Variable struct {
	Name, Title string
	Query       string // label_values(METRIC, LABEL)
	All         bool   // several may be chosen, at first all
}

// Row is a line of panels with a title above it.
type Row struct {
	Title  string
	Panels []Panel
}

// Panel is a chart over time, or one number.
type Panel struct {
	Title, About string
	Unit         string // one of Grafana's: short, s, bytes, percentunit, ...
	Queries      []Query
	Number       bool    // the newest value, large, instead of a chart
	Stacked      bool    // areas on top of each other
	Max          float64 // of the axis; 0: as the values are
	Width        int     // of 24
}

// Query is PromQL with Grafana's variables.
type Query struct {
	Expr   string
	Legend string // Grafana's template: {{variant}}
}

// The metrics of client libraries and Prometheus itself that dashboards and rules may use besides kit's.
const (
	procCPU   = "process_cpu_seconds_total"
	procStart = "process_start_time_seconds"
	procFiles = "process_open_fds"
	maxFiles  = "process_max_fds"
)

// All are the dashboards, in the order of their files.
func All() []Dashboard { return []Dashboard{compare(), single()} }

// File is the name of a dashboard's file.
func (d Dashboard) File() string { return d.UID + ".json" }

// panels are a row's, each so wide that they fill it; charts by more than four are in lines of three.
func panels(title string, list ...Panel) Row {
	for i := range list {
		list[i].Width = 24 / len(list)
		if len(list) > 4 && !list[i].Number {
			list[i].Width = 8
		}
	}
	return Row{Title: title, Panels: list}
}

func chart(title, unit, about string, queries ...Query) Panel {
	return Panel{Title: title, Unit: unit, About: about, Queries: queries}
}

func number(title, unit, about, expr, legend string) Panel {
	return Panel{Title: title, Unit: unit, About: about, Number: true, Queries: []Query{{expr, legend}}}
}

func (p Panel) stacked() Panel { p.Stacked = true; return p }

// share is of 0 to 1.
func (p Panel) share() Panel { p.Max = 1; return p }

func rate(series string) string { return fmt.Sprintf("rate(%s[$__rate_interval])", series) }

func sum(by, expr string) string { return fmt.Sprintf("sum by (%s) (%s)", by, expr) }

func quantile(q float64, by, series string) string {
	return fmt.Sprintf("histogram_quantile(%g, sum by (%s, le) (%s))", q, by, rate(series))
}
