// Command gorilla-hub is the hub that everybody writes first: the chat example
// of gorilla/websocket with channels and Kafka.
//
//	main.go    Kafka's records, each made a message once
//	hub.go     one goroutine that has all clients and their channels
//	client.go  two goroutines a client: one reads, one writes what its buffer has
//
// It is that example but for three things. Messages that wait are written one by
// one, not joined by newlines in one frame: nobody who sends JSON can use that.
// A ping goes out every 25 s, as ws-single's does. And SIGTERM ends it.
package main
