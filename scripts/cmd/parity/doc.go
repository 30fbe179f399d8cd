// Command parity runs both variants side by side on one Kafka and says whether they are alike (scripts/internal/parity).
//
//	main.go     exit codes
//	options.go  the command line
//	servers.go  both servers: built and started, or running already, and what they are of
//	run.go      a broker, topics, servers, the comparison, the report
package main
