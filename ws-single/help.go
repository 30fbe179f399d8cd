package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/adred-codev/ws_poc/ws-single/internal/config"
	"github.com/adred-codev/ws_poc/ws-single/internal/version"
)

// examples are run by the tests as they stand.
var examples = []string{
	"ws-single --addr=:3005 --admin-addr=127.0.0.1:3905 --kafka-brokers=localhost:9092",
	"ws-single healthcheck --ready --admin-addr=127.0.0.1:3905",
	"ws-single config print --config single.env --history-window=10m",
	"KAFKA_TOPICS=shop.orders=order ws-single config check",
}

func writeHelp(w io.Writer, build version.Info) error {
	var b strings.Builder
	fmt.Fprintf(&b, `%s %s carries Kafka records to WebSocket clients, on one core.

Usage
  %s [COMMAND] [--config FILE]... [--SETTING=VALUE]...

Commands
`, build.Name, build.Version, build.Name)
	for _, c := range commands() {
		fmt.Fprintf(&b, "  %-14s %s\n", c.name, c.summary)
	}
	fmt.Fprintf(&b, `  %-14s show this; COMMAND --help shows a command's own flags

Examples
`, "help")
	for _, e := range examples {
		fmt.Fprintf(&b, "  %s\n", e)
	}
	b.WriteString(`
Settings
  Each can be a flag, a variable of the environment, or a KEY=VALUE line of a
  file given by --config (repeatable, a later file wins). A flag wins over the
  environment, the environment over files. A WS_ or KAFKA_ name that is not
  here is an error. Sizes are written 64KiB, times 25s; a limit may be off.
  The default stands in parentheses.
`)
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	if err := config.WriteHelp(w); err != nil {
		return err
	}
	_, err := io.WriteString(w, `
Exit status
  0  done, or stopped as asked
  1  failed: what is wrong may pass
  2  a wrong setting or command line: it will fail the same way again
`)
	return err
}

const settingsNote = `
It reads the settings as the server does, so give it the same: see ` + version.Name + ` help.
`

// ownFlags are the flags a command has besides the settings.
var ownFlags = map[string]string{
	"healthcheck": `
  --ready          ask whether it is ready: caught up with Kafka, not draining
  --timeout=VALUE  how long to wait for the answer; default: 3s
`,
	"drain": `
  --timeout=VALUE  how long to wait until it is gone; default: WS_DRAIN_TIMEOUT
                   and 10s more

Its exit status is 1 when no server listens there, as when it waited in vain.
`,
	"version": `
  --json           show it as JSON, and this host's name for WS_MEASURED_ON
`,
}

// writeConfigHelp is the help of the word that needs another one.
func writeConfigHelp(w io.Writer) error {
	text := version.Name + " config: what to do with the settings\n\nCommands\n"
	for _, c := range commands() {
		if strings.HasPrefix(c.name, "config ") {
			text += fmt.Sprintf("  %-14s %s\n", c.name, c.summary)
		}
	}
	_, err := io.WriteString(w, text+settingsNote)
	return err
}

func writeCommandHelp(w io.Writer, c command) error {
	flags := ownFlags[c.name]
	if flags != "" {
		flags = "\nFlags" + flags
	}
	settings := settingsNote
	if c.name == "version" {
		settings = ""
	}
	_, err := fmt.Fprintf(w, "%s %s: %s\n%s%s", version.Name, c.name, c.summary, flags, settings)
	return err
}
