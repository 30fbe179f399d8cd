package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/adred-codev/ws_poc/ws-multi/internal/config"
)

// examples of the help; the tests run them.
var examples = []string{
	"ws-multi --config multi.env --kafka-brokers=localhost:9092",
	"WS_ADDR=:3006 WS_SHARDS=4 ws-multi config print",
	"ws-multi config check --reuse-port --admin-addr=127.0.0.1:3916",
	"ws-multi healthcheck --config multi.env --ready",
}

const introduction = `%[1]s %[2]s, %[3]s
Carries Kafka records to WebSocket clients, on all cores it is given.

  %[1]s [COMMAND] [--config=FILE]... [--SETTING=VALUE]...

Commands
`

const aboutSettings = `
A setting is written as a flag, as a variable of the environment or as a line
KEY=VALUE of a file that --config names. A flag is stronger than the environment,
that than files, a later file than an earlier one. Names with WS_ or KAFKA_ that
are not below are refused. Sizes are like 64KiB, times like 25s; what is a limit
takes off. In brackets: what holds when nothing is said.
`

const aboutStatuses = `
It exits with 0 when it has done what it was asked, with 1 when it failed and may
not the next time, and with 2 when a setting or the command line cannot be.
`

// help is about everything, or about the command that words name.
func (p *cli) help(words []string) error {
	if isHalf(words) {
		return p.halfHelp()
	}
	if len(words) > 0 && words[0] != serveCommand.name {
		cmd, _, err := pick(words)
		if err != nil {
			return err
		}
		return p.commandHelp(cmd)
	}
	var b strings.Builder
	fmt.Fprintf(&b, introduction, p.build.Name, p.build.Version, p.build.Architecture)
	for _, c := range commands() {
		fmt.Fprintf(&b, "  %-16s%s\n", c.name, c.does)
	}
	fmt.Fprintf(&b, "  %-16s%s\n\nFor example\n", "help [COMMAND]", "this, or a command's own flags")
	for _, e := range examples {
		b.WriteString("  " + e + "\n")
	}
	b.WriteString(aboutSettings)
	if err := config.WriteHelp(&b); err != nil {
		return err
	}
	b.WriteString(aboutStatuses)
	_, err := io.WriteString(p.stdout, b.String())
	return err
}

// halfHelp is about the commands of whose two words the first was given.
func (p *cli) halfHelp() error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: one of\n\n", p.build.Name, half)
	for _, c := range commands() {
		if strings.HasPrefix(c.name, half+" ") {
			fmt.Fprintf(&b, "  %-16s%s\n", c.name, c.does)
		}
	}
	fmt.Fprintf(&b, "\nGive it the server's settings, as the server has them; %s help lists them.\n", p.build.Name)
	_, err := io.WriteString(p.stdout, b.String())
	return err
}

func (p *cli) commandHelp(c command) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s\n", p.build.Name, c.name, c.does)
	if c.note != "" {
		b.WriteString("\n" + c.note + "\n")
	}
	if own, _ := c.prepare(p); len(own) > 0 {
		b.WriteString("\n")
		if err := config.WriteFlags(&b, own...); err != nil {
			return err
		}
	}
	if !c.bare {
		fmt.Fprintf(&b, "\nGive it the server's settings, as the server has them; %s help lists them.\n", p.build.Name)
	}
	_, err := io.WriteString(p.stdout, b.String())
	return err
}
