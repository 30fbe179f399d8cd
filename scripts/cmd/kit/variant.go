package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// variants lists the folders ws-* that are Go modules. The link ws is not one.
func variants(root string) ([]string, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, fmt.Errorf("list the variants: %w", err)
	}
	var names []string
	for _, entry := range entries {
		if !entry.IsDir() || !strings.HasPrefix(entry.Name(), "ws-") {
			continue
		}
		if _, err := os.Stat(filepath.Join(root, entry.Name(), "go.mod")); err == nil {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// chosen is the variants named, or all when none is.
func chosen(root string, named []string) ([]string, error) {
	all, err := variants(root)
	if err != nil {
		return nil, err
	}
	if len(named) == 0 {
		return all, nil
	}
	for i, name := range named {
		named[i] = filepath.Clean(name)
		if !slices.Contains(all, named[i]) {
			return nil, fmt.Errorf("%w: %q is no variant: name one of %s", errUsage, name, strings.Join(all, ", "))
		}
	}
	slices.Sort(named)
	return slices.Compact(named), nil
}

// copyPath is where the variant's copy of kit is, from the root.
func copyPath(variant string) string { return variant + "/internal/kit" }

// A nameList is an option that may be repeated.
type nameList []string

func (l *nameList) String() string { return strings.Join(*l, ",") }

func (l *nameList) Set(s string) error {
	*l = append(*l, s)
	return nil
}
