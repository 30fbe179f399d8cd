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
or differs from kit/ at the same version; where its version is another, from
that one's tag, if there is one here. Exit code 1 if anything is said.

  --in VARIANT   a folder such as ws-single; may be repeated (default: all)

example:

  scripts/kit check
`

func runCheck(ctx context.Context, root string, args []string, out io.Writer) error {
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
		original := func(version string) (content, error) {
			switch {
			case version == current:
				return kit, nil
			case !hasTag(ctx, root, version):
				fmt.Fprintf(out, "%s is of %s, and there is no tag kit/%s here to hold it against: git fetch --tags brings it, if it was ever made\n",
					copyPath(name), version, version)
				return nil, nil
			}
			return tagged(ctx, root, version)
		}
		faults, err := checkCopy(root, name, current, original)
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
	fmt.Fprintf(out, "%d copies of kit are as scripts/kit vendor writes them\n", len(names))
	return nil
}

// checkCopy says what is wrong with one variant's copy, a line each: which
// file, what is wrong, what to do. original is kit at a version, nil where that
// is not to be had here.
func checkCopy(root, variant, current string, original func(version string) (content, error)) ([]string, error) {
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
	if len(faults) > 0 {
		return faults, nil
	}

	// The sums fit; whether they are kit's only kit can tell.
	kit, err := original(m.version)
	if err != nil {
		return nil, err
	}
	if kit == nil {
		return nil, nil
	}
	where, again, or := "kit/", vendor, ", or raise kit/VERSION"
	if m.version != current {
		where, again, or = "the tag kit/"+m.version, vendor+" --version "+m.version, ""
	}
	for _, name := range kit.paths() {
		switch b, exists := copied[name]; {
		case !exists:
			say(name, "is missing, but %s has it and both are %s: run %s", where, m.version, again)
		case !bytes.Equal(b, kit[name]):
			say(name, "differs from that of %s, but both are %s: run %s%s", where, m.version, again, or)
		}
	}
	for _, name := range copied.paths() {
		if _, exists := kit[name]; !exists {
			say(name, "is not in %s, but both are %s: run %s%s", where, m.version, again, or)
		}
	}
	return faults, nil
}
