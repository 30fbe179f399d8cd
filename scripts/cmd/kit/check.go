package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"path/filepath"
)

const checkHelp = `usage: scripts/kit check [--in VARIANT]...

Says, a line for each file, where a variant's internal/kit was edited by hand,
or differs from kit/ at the same version. Exit code 1 if anything is said.

  --in VARIANT   a folder such as ws-single; may be repeated (default: all)

example:

  scripts/kit check
`

func runCheck(_ context.Context, root string, args []string, out io.Writer) error {
	var in nameList
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Var(&in, "in", "")
	if err := parseFlags(flags, args); err != nil {
		return err
	}
	names, err := chosen(root, in)
	if err != nil {
		return err
	}
	current, err := currentVersion(root)
	if err != nil {
		return err
	}
	kit, err := present(root)
	if err != nil {
		return err
	}
	found := 0
	for _, name := range names {
		faults, err := checkCopy(root, name, current, kit)
		if err != nil {
			return err
		}
		for _, fault := range faults {
			fmt.Fprintln(out, fault)
		}
		found += len(faults)
	}
	if found > 0 {
		return errFound
	}
	fmt.Fprintf(out, "%d copies of kit are as scripts/kit vendor wrote them\n", len(names))
	return nil
}

// checkCopy says what is wrong with one variant's copy, a line each: which
// file, what is wrong, what to do.
func checkCopy(root, variant, current string, kit content) ([]string, error) {
	dir := copyPath(variant)
	vendor := "scripts/kit vendor --into " + variant
	copied, err := read(filepath.Join(root, dir))
	if err != nil {
		return nil, err
	}
	var faults []string
	say := func(name, format string, args ...any) {
		faults = append(faults, dir+"/"+name+": "+fmt.Sprintf(format, args...))
	}

	written, exists := copied[manifestName]
	if !exists {
		say(manifestName, "is missing: run %s", vendor)
		return faults, nil
	}
	m, err := parseManifest(written)
	if err != nil {
		say(manifestName, "was edited by hand (it %v): run %s", err, vendor)
		return faults, nil
	}
	delete(copied, manifestName)
	for _, name := range copied.paths() {
		switch digest, known := m.sums[name]; {
		case !known:
			say(name, "was added by hand: move it to kit/, then run %s", vendor)
		case digest != sum(copied[name]):
			say(name, "was edited by hand: make the change in kit/%s, then run %s", name, vendor)
		}
	}
	for _, name := range sortedKeys(m.sums) {
		if _, exists := copied[name]; !exists {
			say(name, "was removed by hand: run %s", vendor)
		}
	}
	if len(faults) > 0 || m.version != current {
		return faults, nil
	}

	for _, name := range kit.paths() {
		switch b, exists := copied[name]; {
		case !exists:
			say(name, "is missing, but kit/ has it and both are %s: run %s", current, vendor)
		case !bytes.Equal(b, kit[name]):
			say(name, "differs from kit/%s, but both are %s: run %s, or raise kit/VERSION", name, current, vendor)
		}
	}
	for _, name := range copied.paths() {
		if _, exists := kit[name]; !exists {
			say(name, "is not in kit/, but both are %s: run %s, or raise kit/VERSION", current, vendor)
		}
	}
	return faults, nil
}
