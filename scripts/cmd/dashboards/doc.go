// Command dashboards writes Grafana's dashboards, and draws them from the answers of a real Prometheus
// (scripts/internal/deploy/dashboard).
//
//	main.go      the command line
//	write.go     the files, written or compared
//	pictures.go  a broker, both servers under load, Prometheus, and what it answers
package main
