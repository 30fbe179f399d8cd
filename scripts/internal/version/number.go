package version

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Number is a semantic version (semver.org 2.0.0) without build metadata, which the servers do not take either. The zero
// Number is none.
type Number struct {
	Major, Minor, Patch uint64
	Pre                 string // "rc.1"; "": a release
}

var form = regexp.MustCompile(`^v?(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(?:-((?:[0-9A-Za-z-]+)(?:\.[0-9A-Za-z-]+)*))?$`)

// ParseNumber reads 1.2.3, v1.2.3 or v1.2.3-rc.1. v0.0.0 is no version.
func ParseNumber(text string) (Number, error) {
	parts := form.FindStringSubmatch(text)
	if parts == nil {
		return Number{}, fmt.Errorf("%q is no version: write one such as 1.2.3", text)
	}
	n := Number{Pre: parts[4]}
	for i, field := range []*uint64{&n.Major, &n.Minor, &n.Patch} {
		var err error
		if *field, err = strconv.ParseUint(parts[i+1], 10, 32); err != nil {
			return Number{}, fmt.Errorf("%q is no version: %w", text, err)
		}
	}
	for identifier := range strings.SplitSeq(n.Pre, ".") {
		if numeric(identifier) && len(identifier) > 1 && identifier[0] == '0' {
			return Number{}, fmt.Errorf("%q is no version: %s begins with a zero", text, identifier)
		}
	}
	if n == (Number{}) {
		return Number{}, fmt.Errorf("%q is no version: the first is 0.0.1", text)
	}
	return n, nil
}

// String is the number with its v, as files, tags and headings have it.
func (n Number) String() string {
	s := fmt.Sprintf("v%d.%d.%d", n.Major, n.Minor, n.Patch)
	if n.Pre != "" {
		s += "-" + n.Pre
	}
	return s
}

// UnmarshalYAML reads a version with its v.
func (n *Number) UnmarshalYAML(node *yaml.Node) error {
	if !strings.HasPrefix(node.Value, "v") {
		return fmt.Errorf("line %d: %q is not of the form v1.2.3", node.Line, node.Value)
	}
	read, err := ParseNumber(node.Value)
	if err != nil {
		return fmt.Errorf("line %d: %w", node.Line, err)
	}
	*n = read
	return nil
}

// Compare is below 0 when n comes before m, above when after, and 0 for equals, by semver.org 2.0.0, section 11.
func (n Number) Compare(m Number) int {
	if c := cmp.Or(cmp.Compare(n.Major, m.Major), cmp.Compare(n.Minor, m.Minor), cmp.Compare(n.Patch, m.Patch)); c != 0 {
		return c
	}
	switch {
	case n.Pre == m.Pre:
		return 0
	case n.Pre == "":
		return 1
	case m.Pre == "":
		return -1
	}
	of, than := strings.Split(n.Pre, "."), strings.Split(m.Pre, ".")
	for i := range min(len(of), len(than)) {
		if c := compareIdentifiers(of[i], than[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(of), len(than))
}

// compareIdentifiers orders numbers by value, words by ASCII, and numbers before words.
func compareIdentifiers(a, b string) int {
	switch {
	case numeric(a) && numeric(b):
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) // no leading zeros
	case numeric(a):
		return -1
	case numeric(b):
		return 1
	}
	return cmp.Compare(a, b)
}

func numeric(identifier string) bool {
	return identifier != "" && strings.Trim(identifier, "0123456789") == ""
}
