// Command ws-single carries Kafka records to WebSocket clients, on one core.
//
// cli.go finds the command and its exit status, cmd_*.go are the commands,
// help.go what --help says. run.go wires the server in the order the data
// flows, server.go is its life, drain.go its end. serve's goroutines end before
// it returns; the other commands start none.
package main
