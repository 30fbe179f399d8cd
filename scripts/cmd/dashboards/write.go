package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/adred-codev/ws_poc/scripts/internal/deploy/dashboard"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

func folder(name string) (string, error) {
	root, err := variant.Root()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, "deploy", "grafana", name), nil
}

// each calls do with what each file should hold.
func each(do func(path string, want []byte) error) error {
	dir, err := folder("dashboards")
	if err != nil {
		return err
	}
	var errs []error
	for _, d := range dashboard.All() {
		want, err := d.JSON()
		if err == nil {
			err = do(filepath.Join(dir, d.File()), want)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func check(stdout io.Writer) error {
	return each(func(path string, want []byte) error {
		got, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read dashboard: %w; scripts/dashboards write makes it", err)
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("%s is not what the code says: scripts/dashboards write makes it anew", path)
		}
		fmt.Fprintf(stdout, "%s is as it should be\n", path)
		return nil
	})
}

func write(stdout io.Writer) error {
	return each(func(path string, want []byte) error {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			return fmt.Errorf("write dashboard: %w", err)
		}
		fmt.Fprintf(stdout, "wrote %s\n", path)
		return nil
	})
}
