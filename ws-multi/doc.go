// Command ws-multi carries Kafka records to WebSocket clients, on all cores it
// is given.
//
// cli.go reads which command is meant and turns errors into exit statuses;
// cmd_*.go are the commands and help.go what --help shows. run.go wires the
// server for serve, server.go is its life, drain.go its end. Of the commands
// only serve starts goroutines, and it waits for them; main.go alone exits.
package main
