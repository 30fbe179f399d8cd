// Package config is the server's settings: what they are called, what they
// mean, what they may be, and where a value came from.
//
// settings.go holds the one table everything is made from: flags, environment
// names, defaults, parsing, `config print`, `--help` and the README's table. To
// add a setting, add its field to Config and its line to the table; the tests
// name what is missing.
//
// [Load] reads flags, environment and files (in this order of precedence), then
// parses (parse.go), then checks the settings against each other and against
// the host (validate.go). It opens no port and starts no goroutine. A [Config]
// is not changed after Load: any goroutine may read it.
//
// Every failure is an [*Error]: one line that says which setting, where it was
// set, why it cannot be, and what would be right. A secret's value is in no
// error and no output.
package config

//go:generate go test . -run ^TestReadmeTable$ -update
