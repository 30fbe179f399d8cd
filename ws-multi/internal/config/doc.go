// Package config turns a command line, an environment and files into the
// settings of one process, or into one line that says what is wrong with them.
//
// [Config] is plain data. Its method table, in table.go, binds every field to a
// name, a default, a line of documentation and a [Value], which reads and shows
// the field. Parsing, `config print`, `--help` and the table of README.md are
// walks over it; a new setting is a field, a row there and an entry in the
// tests, which fail until all three are there.
//
// The way of a value: args.go, envfile.go and the environment make assignments;
// load.go lays them over each other, the weakest first, and sets what is left
// on top; check.go then holds the settings against each other and against the
// [Host]. Whatever cannot be is an [*Error].
//
// The package opens no port and starts no goroutine. [ThisHost] changes the
// process (its file limit and GOMAXPROCS) and is for the main goroutine, before
// others run. A Config is not written after [Load]: any goroutine may read it.
package config

//go:generate go test . -run ^TestReadme$ -update
