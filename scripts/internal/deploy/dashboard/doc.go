// Package dashboard makes the dashboards of deploy/grafana, asks a real Prometheus what they would show, and draws it.
//
//	dashboard.go  what a dashboard is: panels with queries, on a grid
//	single.go     the one for a variant
//	compare.go    the one that shows both side by side
//	grafana.go    to and from Grafana's JSON: what is run and drawn is what the file says, not what the code meant
//	expand.go     Grafana's variables in queries
//	ask.go        the queries, run; what each panel would show
//	prometheus.go a real Prometheus with the shipped configuration and rules, on other targets
//	scene.go      both real servers under load, for it to scrape
//	picture.go    answers as an SVG, a tile a panel
//
// Grafana itself is not needed for any of it. Nothing here is safe for concurrent use, and only scene.go starts goroutines:
// the audience's and the feed's, which end with the test it is given.
package dashboard
