// Command licences lists what the servers are linked with, and checks the lists.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/adred-codev/ws_poc/scripts/internal/licence"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

const usage = `Usage: scripts/licences check|write

  check   say where a server's LICENCES.md is stale, and which licence of what
          it is linked with is not allowed
  write   write LICENCES.md of both servers

Exit code: 0 when all is well, 1 when something was said, 2 for a wrong command
line.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, out, trouble io.Writer) int {
	if len(args) == 1 && (args[0] == "--help" || args[0] == "-h" || args[0] == "help") {
		fmt.Fprint(out, usage)
		return 0
	}
	if len(args) != 1 || args[0] != "check" && args[0] != "write" {
		fmt.Fprint(trouble, usage)
		return 2
	}
	variants, err := variant.All()
	if err != nil {
		fmt.Fprintln(trouble, "licences:", err)
		return 1
	}
	code := 0
	for _, v := range variants {
		faults, err := one(ctx, v.Name, v.Dir, args[0] == "write")
		if err != nil {
			fmt.Fprintln(trouble, "licences:", err)
			return 1
		}
		for _, fault := range faults {
			fmt.Fprintf(out, "%s: %s\n", v.Name, fault)
			code = 1
		}
	}
	return code
}

// one writes or checks a server's list; faults are what is to be mended.
func one(ctx context.Context, name, dir string, write bool) (faults []string, err error) {
	list, err := licence.Linked(ctx, dir)
	if err != nil {
		return nil, err
	}
	faults = licence.Faults(list)
	page, path := licence.Page(name, list), filepath.Join(dir, "LICENCES.md")
	if write {
		if err := os.WriteFile(path, page, 0o644); err != nil {
			return nil, fmt.Errorf("write list: %w", err)
		}
		return faults, nil
	}
	committed, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read list: %w", err)
	}
	if !bytes.Equal(committed, page) {
		faults = append(faults, "LICENCES.md is not what the server is linked with: run scripts/licences write, and look at what it changes")
	}
	return faults, nil
}
