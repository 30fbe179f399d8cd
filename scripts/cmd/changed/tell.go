package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// tell says it to people.
func (d decision) tell(w io.Writer) error {
	var b strings.Builder
	switch {
	case d.why != "":
		fmt.Fprintf(&b, "everything is needed: %s\n", d.why)
	case len(d.parts)+len(d.images) == 0:
		b.WriteString("nothing is needed: no path has changed\n")
	}
	for _, n := range d.parts {
		b.WriteString(line("", n))
	}
	for _, n := range d.images {
		b.WriteString(line("image of ", n))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func line(kind string, n need) string {
	name := kind + n.name
	switch len(n.paths) {
	case 0:
		return name + "\n"
	case 1:
		return fmt.Sprintf("%-20s %s\n", name, n.paths[0])
	}
	return fmt.Sprintf("%-20s %s and %d more\n", name, n.paths[0], len(n.paths)-1)
}

// tellNames writes the parts as arguments of scripts/test. Without arguments that would run everything, so none is an error.
func (d decision) tellNames(w io.Writer) error {
	if len(d.parts) == 0 {
		return fmt.Errorf("no part is needed: no path has changed")
	}
	_, err := fmt.Fprintln(w, strings.Join(namesOf(d.parts), " "))
	return err
}

// tellGitHub writes outputs of a step
// (docs.github.com/actions/reference/workflow-commands-for-github-actions#setting-an-output-parameter): JSON lists, [] for none.
func (d decision) tellGitHub(w io.Writer) error {
	parts, err := json.Marshal(namesOf(d.parts))
	if err != nil {
		return err
	}
	images, err := json.Marshal(namesOf(d.images))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "parts=%s\nimages=%s\n", parts, images)
	return err
}

func namesOf(needs []need) []string {
	names := []string{}
	for _, n := range needs {
		names = append(names, n.name)
	}
	return names
}
