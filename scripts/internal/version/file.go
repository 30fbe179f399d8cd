package version

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The statuses. A variant is experimental until it is a candidate: while it is measured against the one in production. On
// standby is one that was there and may be gone back to.
const (
	Experimental = "experimental"
	Candidate    = "candidate"
	Production   = "production"
	Standby      = "standby"
)

var statuses = []string{Experimental, Candidate, Production, Standby}

// The fields that With changes.
const (
	Version = "version"
	Status  = "status"
)

// File is a variant's VERSION, as both variants' internal/version read it.
type File struct {
	Architecture   string `yaml:"architecture"`
	Version        Number `yaml:"version"` // v1.2.3
	Status         string `yaml:"status"`
	OptimizedFor   string `yaml:"optimized_for"`
	MaxConnections int    `yaml:"max_connections"` // that it is made for
	CPUCores       int    `yaml:"cpu_cores"`       // on so many
}

// Read reads the VERSION at path, and returns its text too, for With.
func Read(path string) (File, []byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return File{}, nil, fmt.Errorf("read VERSION: %w", err)
	}
	f, err := Parse(text)
	if err != nil {
		return File{}, nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, text, nil
}

// Parse reads a VERSION: one YAML document that has every field and no other, as strictly as the servers do.
func Parse(text []byte) (File, error) {
	var f File
	documents := yaml.NewDecoder(bytes.NewReader(text))
	documents.KnownFields(true)
	err := documents.Decode(&f)
	if err == nil && !errors.Is(documents.Decode(new(yaml.Node)), io.EOF) {
		err = errors.New("something follows the first document")
	}
	if err == nil {
		err = f.check()
	}
	if err != nil {
		return File{}, fmt.Errorf("parse VERSION: %w", err)
	}
	return f, nil
}

func (f File) check() error {
	switch {
	case f.Version == Number{}:
		return errors.New("version is missing")
	case !slices.Contains(statuses, f.Status):
		return fmt.Errorf("status %q is none of %s", f.Status, strings.Join(statuses, ", "))
	case f.Architecture == "" || f.OptimizedFor == "" || f.MaxConnections < 1 || f.CPUCores < 1:
		return errors.New("architecture, optimized_for, max_connections and cpu_cores must have a value")
	}
	return nil
}

// With returns text with another value for one of the fields Version and Status, and everything else as it is, comments
// and order too.
func With(text []byte, field, value string) ([]byte, error) {
	line := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(field) + `:.*$`)
	if n := len(line.FindAllIndex(text, -1)); n != 1 {
		return nil, fmt.Errorf("write %s into VERSION: %d lines begin with it", field, n)
	}
	changed := line.ReplaceAllLiteral(text, []byte(field+": "+value))
	if _, err := Parse(changed); err != nil {
		return nil, fmt.Errorf("write %s into VERSION: %w", field, err)
	}
	return changed, nil
}
