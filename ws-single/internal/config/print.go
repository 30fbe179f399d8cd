package config

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// A Value is a setting as it is in force.
type Value struct {
	Name   string
	Value  string // "" for none; the mask for a secret
	Source Source
}

// Values is every setting as it is in force, in the order of the table.
func (c *Config) Values() []Value {
	all := Settings()
	values := make([]Value, len(all))
	for i, s := range all {
		values[i] = Value{s.Name, s.print(c), c.sources[s.Name]}
	}
	return values
}

// Write writes every setting with its source and its value, in columns; the
// values stand last because some are long.
func (c *Config) Write(w io.Writer) error {
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(columns, "SETTING\tSOURCE\tVALUE\n")
	for _, v := range c.Values() {
		value := v.Value
		if value == "" {
			value = "-"
		}
		_, _ = fmt.Fprintf(columns, "%s\t%s\t%s\n", v.Name, v.Source, value)
	}
	return columns.Flush()
}

// defaultText is the default as documentation shows it.
func (s Setting) defaultText() string {
	switch {
	case s.Derived != "":
		return s.Derived
	case s.Default == "":
		return "none"
	}
	return s.Default
}

// WriteHelp writes every setting for a terminal, by group, its default in
// parentheses.
func WriteHelp(w io.Writer) error {
	var b strings.Builder
	for _, g := range Groups() {
		fmt.Fprintf(&b, "\n%s\n", g.Title)
		for _, s := range g.Settings {
			value := "=VALUE"
			if s.Bool {
				value = ""
			}
			text := strings.ReplaceAll(s.Help, "`", "")
			def := s.defaultText()
			fmt.Fprintf(&b, "  --%s%s, %s", s.Flag(), value, s.Name)
			if len(def) <= 30 {
				fmt.Fprintf(&b, " (%s)", def)
			} else {
				text += " (" + def + ")"
			}
			b.WriteByte('\n')
			for _, line := range wrap(text, 72) {
				fmt.Fprintf(&b, "        %s\n", line)
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// wrap breaks text between words into lines of at most width bytes, where words
// are not longer.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) > width:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}

// Markdown is every setting as the README shows it, a table for each group.
func Markdown() string {
	var b strings.Builder
	for _, g := range Groups() {
		fmt.Fprintf(&b, "### %s\n\n| setting | default | |\n|---|---|---|\n", g.Title)
		for _, s := range g.Settings {
			def := s.defaultText()
			if s.Default != "" {
				def = "`" + def + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", s.Name, def, strings.ReplaceAll(s.Help, "|", `\|`))
		}
		b.WriteString("\n")
	}
	return b.String()
}
