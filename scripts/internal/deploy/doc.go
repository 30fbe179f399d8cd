// Package deploy reads what stands in deploy, and tests that it fits what exists: servers that need no privileges and can do
// without, settings that the servers take, names that lead somewhere.
//
//	compose.go        deploy/compose, loaded as docker compose does
//	dockerfile.go     what a Dockerfile says of its image
//
//	unit_test.go      the units of deploy/systemd, judged by systemd's own tools
//	image_test.go     the Dockerfiles
//	confined_test.go  a server as nobody, without capabilities, on a read-only root
//	compose_test.go, compose_addresses_test.go, compose_kafka_test.go, compose_run_test.go
//	                  deploy/compose: every path, port, image, address and setting in it, and what it gives to programs, to the
//	                  real ones
//	prometheus_test.go
//	                  rules and their tests, by promtool; the runbook
//	security_test.go  what the threat model of .github names as its proof
//
// Package dashboard has deploy/grafana, and Prometheus' rules beside real servers; package promql what a query reads.
package deploy
