package licence

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// Component is something that a server is linked with.
type Component struct {
	Name     string // a module's path, or for what a module holds of others, what it is
	Version  string
	Licences []string // SPDX identifiers, sorted; none: nobody knows
	Text     string   // address of the text
}

// leastCoverage is the part of a text, in percent, that has to be a known licence's
// for the text to be taken for it. What else there is names the holders.
const leastCoverage = 75

// licenceFile is how files are called that hold licences.
var licenceFile = regexp.MustCompile(`(?i)^(un)?licen[cs]es?(\.(md|txt))?$|^copying(\.(md|txt))?$`)

// ofLinux has the Go command build for one platform, whatever this one is.
func ofLinux(dir string, cmd *exec.Cmd) *exec.Cmd {
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=1")
	return cmd
}

// goPackage is what go list says of a package.
type goPackage struct {
	Dir, ImportPath string
	Standard        bool
	Module          *struct {
		Path, Version, Dir string
		Main               bool
	}
}

// Linked lists what the main package in a folder is linked with, sorted by name.
func Linked(ctx context.Context, dir string) ([]Component, error) {
	cmd := ofLinux(dir, exec.CommandContext(ctx, "go", "list", "-deps", "-json=Dir,ImportPath,Standard,Module", "."))
	var trouble bytes.Buffer
	cmd.Stderr = &trouble
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list packages of %s: %w\n%s", dir, err, trouble.String())
	}
	found := map[string]*Component{}
	goroot := ""
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read go list: %w", err)
		}
		switch {
		case p.Standard:
			if p.ImportPath == "unsafe" {
				goroot = filepath.Dir(filepath.Dir(p.Dir))
			}
		case p.Module == nil || p.Module.Main:
		default:
			if err := collect(found, p); err != nil {
				return nil, err
			}
		}
	}
	list := make([]Component, 0, len(found)+1)
	for _, c := range found {
		slices.Sort(c.Licences)
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b Component) int { return strings.Compare(a.Name, b.Name) })
	ids, err := read(filepath.Join(goroot, "LICENSE"))
	if err != nil {
		return nil, err
	}
	return append([]Component{{
		Name: "Go's runtime and standard library", Version: "of the build", Licences: ids, Text: "https://go.dev/LICENSE",
	}}, list...), nil
}

// collect adds a package's module with the licences above the package, up to the
// module's folder: part of a module may have another's.
func collect(found map[string]*Component, p goPackage) error {
	c := found[p.Module.Path]
	if c == nil {
		c = &Component{Name: p.Module.Path, Version: p.Module.Version,
			Text: fmt.Sprintf("https://pkg.go.dev/%s@%s?tab=licenses", p.Module.Path, p.Module.Version)}
		found[c.Name] = c
	}
	for dir := p.Dir; ; dir = filepath.Dir(dir) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return fmt.Errorf("look for licences of %s: %w", c.Name, err)
		}
		for _, e := range entries {
			if e.IsDir() || !licenceFile.MatchString(e.Name()) {
				continue
			}
			path := filepath.Join(dir, e.Name())
			if native(p.ImportPath) {
				if err := collectNative(found, c, path); err != nil {
					return err
				}
				continue
			}
			ids, err := read(path)
			if err != nil {
				return err
			}
			for _, id := range ids {
				if !slices.Contains(c.Licences, id) {
					c.Licences = append(c.Licences, id)
				}
			}
		}
		if dir == p.Module.Dir || len(dir) <= len(p.Module.Dir) {
			return nil
		}
	}
}

// read gives the licences of a file.
func read(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read licence: %w", err)
	}
	ids := recognise(text)
	if len(ids) == 0 {
		return nil, fmt.Errorf("read licence: %s is no licence that licensecheck knows", path)
	}
	return ids, nil
}

// recognise gives the identifiers of the licences in a text, none if most of it is
// something else.
func recognise(text []byte) []string {
	cover := licensecheck.Scan(text)
	if cover.Percent < leastCoverage {
		return nil
	}
	ids := map[string]bool{}
	for _, m := range cover.Match {
		ids[m.ID] = true
	}
	return slices.Sorted(maps.Keys(ids))
}
