package licence

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// publicDomain stands for a text that gives up all rights.
const publicDomain = "public domain"

// Allowed are the licences that may be linked: none asks that what is linked with it
// is published, and MPL-2.0 only for its own files.
var Allowed = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0", "Zlib", "curl", publicDomain}

// Faults says, a line for each, what of a list may not be linked.
func Faults(list []Component) (faults []string) {
	for _, c := range list {
		if len(c.Licences) == 0 {
			faults = append(faults, fmt.Sprintf("%s %s: its licence is unknown: look at %s", c.Name, c.Version, c.Text))
		}
		for _, id := range c.Licences {
			if !slices.Contains(Allowed, id) {
				faults = append(faults, fmt.Sprintf("%s %s: %s is not allowed, only %s", c.Name, c.Version, id, strings.Join(Allowed, ", ")))
			}
		}
	}
	return faults
}

// Page is the list as Markdown.
func Page(server string, list []Component) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# What %s is linked with\n\n", server)
	b.WriteString("Made by `scripts/licences write`; do not edit. `scripts/licences check` fails where this is stale, or a licence is not one of\n")
	fmt.Fprintf(&b, "%s.\n\n", strings.Join(Allowed, ", "))
	b.WriteString("glibc is not in it: the program finds it where it runs.\n\n")
	b.WriteString("| what | version | licence | text |\n|---|---|---|---|\n")
	for _, c := range list {
		fmt.Fprintf(&b, "| %s | %s | %s | [text](%s) |\n", c.Name, c.Version, strings.Join(c.Licences, ", "), c.Text)
	}
	return b.Bytes()
}
