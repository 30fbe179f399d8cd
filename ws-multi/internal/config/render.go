package config

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// A Line is a setting in force.
type Line struct {
	Name   string
	Source Source
	Text   string // "" for none, the mask for a secret
}

// Lines are all settings in force, in the order of the table.
func (c *Config) Lines() []Line {
	var lines []Line
	for _, s := range c.settings() {
		lines = append(lines, Line{s.Name, c.sources[s.Name], s.value.String()})
	}
	return lines
}

// Print writes all settings in force: name, source and, last because some are
// long, the value.
func (c *Config) Print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	for _, l := range c.Lines() {
		if l.Text == "" {
			l.Text = "-"
		}
		_, _ = fmt.Fprintln(table, l.Name+"\t"+string(l.Source)+"\t"+l.Text)
	}
	return table.Flush()
}

// usual is the default as people read it.
func (s Setting) usual() string {
	if s.derived != "" {
		return s.derived
	}
	if s.Default != "" {
		return s.Default
	}
	return "none"
}

// shortDefault ends a message that speaks of the default.
func (s Setting) shortDefault() string {
	if usual := s.usual(); len(usual) < 50 {
		return " (" + usual + ")"
	}
	return ""
}

// helpWidth is where lines of the help end.
const helpWidth = 84

// WriteHelp writes the settings for a terminal.
func WriteHelp(w io.Writer) error {
	var b strings.Builder
	for _, section := range Sections() {
		b.WriteString("\n" + section.Title + "\n")
		for _, s := range section.Settings {
			b.WriteString("  " + flagForm(s.Flag(), s.Form()) + "   " + s.Name + "\n")
			text := strings.ReplaceAll(s.Doc, "`", "") + " [" + s.usual() + "]"
			for _, l := range fold(text, helpWidth-6) {
				b.WriteString("      " + l + "\n")
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteFlags writes a command's own flags for a terminal.
func WriteFlags(w io.Writer, own ...Flag) error {
	var b strings.Builder
	for _, f := range own {
		text := f.Doc
		if f.Default != "" {
			text += " [" + f.Default + "]"
		}
		b.WriteString("  " + flagForm(f.Name, f.Value.Form()) + "\n")
		for _, l := range fold(text, helpWidth-6) {
			b.WriteString("      " + l + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func flagForm(name, form string) string {
	if form != "" {
		form = "=" + form
	}
	return "--" + name + form
}

// fold parts text between words, into lines of at most width bytes where words
// allow it.
func fold(text string, width int) []string {
	words := strings.Fields(text)
	if len(words) == 0 {
		return nil
	}
	lines := words[:1:1]
	for _, next := range words[1:] {
		last := &lines[len(lines)-1]
		if len(*last)+1+len(next) <= width {
			*last += " " + next
		} else {
			lines = append(lines, next)
		}
	}
	return lines
}

// Markdown is the settings as README.md has them: one table, the sections in
// rows of their own.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| setting | takes | default | |\n|---|---|---|---|\n")
	for _, section := range Sections() {
		fmt.Fprintf(&b, "| **%s** | | | |\n", section.Title)
		for _, s := range section.Settings {
			form, usual := s.Form(), s.usual()
			if form == "" {
				form = "true, false"
			}
			if s.Default != "" {
				usual = "`" + usual + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", s.Name, form, usual, strings.ReplaceAll(s.Doc, "|", `\|`))
		}
	}
	return b.String()
}
