// Command ws-multi carries Kafka records to WebSocket clients, on all cores.
package main
