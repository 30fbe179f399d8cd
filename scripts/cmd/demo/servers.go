package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// program is a server's binary and the name under which the page shows it.
type program struct {
	name, binary string
}

// programs are the servers to show beside each other: those that --server names, else every variant of the repository,
// built now.
func programs(ctx context.Context, asked []program, stderr io.Writer) ([]program, error) {
	for _, p := range asked {
		if info, err := os.Stat(p.binary); err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
			return nil, fmt.Errorf("--server: %s is no program: give the path of a server that is built, as ws-multi/ws-multi after `cd ws-multi && go build`; without --server the demo builds both variants itself", p.binary)
		}
	}
	if len(asked) > 0 {
		return asked, nil
	}
	variants, err := variant.All()
	if err != nil {
		return nil, fmt.Errorf("%w: start the demo with scripts/demo, or name servers with --server", err)
	}
	dir, err := variant.BinDir()
	if err != nil {
		return nil, err
	}
	var built []program
	for _, v := range variants {
		fmt.Fprintf(stderr, "building %s (the first time takes a minute) ...\n", v.Name)
		binary, err := v.Build(ctx, dir, false)
		if err != nil {
			return nil, err
		}
		built = append(built, program{v.Name, binary})
	}
	return built, nil
}

// programList is the flag --server, which may stand several times: BINARY, or NAME=BINARY.
type programList struct {
	programs *[]program
	dir      string // what a relative path starts from
}

func (l programList) String() string { return "" }

// Set implements flag.Value.
func (l programList) Set(s string) error {
	name, binary, named := strings.Cut(s, "=")
	if !named || strings.Contains(name, "/") {
		name, binary = filepath.Base(s), s
	}
	if !validName(name) {
		return fmt.Errorf("%q is not a name: letters, digits, -, _ and ., 40 at most; give one as NAME=BINARY", name)
	}
	if binary == "" {
		return fmt.Errorf("%q names no binary", s)
	}
	if slices.ContainsFunc(*l.programs, func(p program) bool { return p.name == name }) {
		return fmt.Errorf("two servers are called %s: give them names as NAME=BINARY", name)
	}
	if !filepath.IsAbs(binary) && l.dir != "" {
		binary = filepath.Join(l.dir, binary)
	}
	*l.programs = append(*l.programs, program{name, binary})
	return nil
}

// validName says whether a name can stand in an address and on a button.
func validName(name string) bool {
	return name != "" && len(name) <= 40 && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	})
}
