// Command faults does to the servers what the world does, and says what came of it (scripts/internal/fault).
//
//	main.go     the command line
//	make.go     brokers, binaries, one fault after the other
package main
