package promotion

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/change"
	"github.com/adred-codev/ws_poc/scripts/internal/repo"
	"github.com/adred-codev/ws_poc/scripts/internal/version"
)

// ErrUnknown is wrapped by errors about a variant that the repository does not have.
var ErrUnknown = errors.New("there is no such variant")

// Link is the link to the variant in production, at the top of the repository.
const Link = "ws"

// Desk is where promotions are made: a clone of the repository.
type Desk struct {
	Root   string            // its top, an absolute path
	Tests  []string          // a command, run at Root, that passes when the candidate's tests do; nil: scripts/test
	Output io.Writer         // gets what the tests print; nil: nobody
	Watch  func(line string) // told each condition as it is known; may be nil
	Now    func() time.Time  // nil: time.Now
}

// standing is who is what.
type standing struct {
	repo    repo.Repo
	present string // the variant that the link points at
	files   map[string]version.File
	texts   map[string][]byte // of their VERSION files
}

func (d *Desk) now() time.Time {
	if d.Now != nil {
		return d.Now()
	}
	return time.Now()
}

// read looks at the link and all VERSION files.
func (d *Desk) read(ctx context.Context) (*standing, error) {
	r, err := repo.Open(ctx, d.Root)
	if err != nil {
		return nil, err
	}
	s := &standing{repo: r, files: map[string]version.File{}, texts: map[string][]byte{}}
	entries, err := os.ReadDir(d.Root)
	if err != nil {
		return nil, fmt.Errorf("find the variants: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), "ws-") { // the link itself is no folder
			continue
		}
		f, text, err := version.Read(filepath.Join(d.Root, versionOf(e.Name())))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		s.files[e.Name()], s.texts[e.Name()] = f, text
	}
	target, err := os.Readlink(filepath.Join(d.Root, Link))
	if err != nil {
		return nil, fmt.Errorf("find the variant in production: %w: %s must be a link to it, as git restore %s makes it", err, Link, Link)
	}
	s.present = filepath.Clean(target)
	if _, known := s.files[s.present]; !known {
		return nil, fmt.Errorf("find the variant in production: %s points at %s, which is none of %s", Link, target, s.names())
	}
	return s, nil
}

func versionOf(variant string) string { return variant + "/VERSION" }

func (s *standing) names() string { return strings.Join(slices.Sorted(maps.Keys(s.files)), ", ") }

// has is an error where there is no such variant.
func (s *standing) has(variant string) error {
	if _, known := s.files[variant]; !known {
		return fmt.Errorf("%w: %q; there are %s", ErrUnknown, variant, s.names())
	}
	return nil
}

// called is a variant with its version.
func (s *standing) called(variant string) string {
	return fmt.Sprintf("%s %s", variant, s.files[variant].Version)
}

// agree adds whether the VERSION of the variant in production says that it is.
func (s *standing) agree(c *change.Change) {
	if status := s.files[s.present].Status; status != version.Production {
		c.List.Fails("%s points at %s, and its VERSION says %s: somebody changed one of them by hand; set right what is wrong and commit it", Link, s.present, status)
		return
	}
	c.List.Holds("in production is %s", s.called(s.present))
}
