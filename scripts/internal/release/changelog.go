package release

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/adred-codev/ws_poc/scripts/internal/change"
	"github.com/adred-codev/ws_poc/scripts/internal/version"
)

// section adds whether the changelog at path, from the top, tells of a version first and what, and returns it.
func section(c *change.Change, root, path string, n version.Number) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
	if errors.Is(err, os.ErrNotExist) {
		c.List.Fails("%s is missing: users read there what changed", path)
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read changelog: %w", err)
	}
	const mark = "## "
	want := mark + n.String()
	first, at, said := "", -1, []string(nil)
	for i, line := range strings.Split(string(text), "\n") {
		switch {
		case strings.HasPrefix(line, mark):
			if first == "" {
				first = strings.TrimSpace(line)
			}
			if at >= 0 {
				at = -2 // its section has ended
			}
			if at == -1 && (strings.TrimSpace(line) == want || strings.HasPrefix(line, want+" ")) { // a date may follow
				at = i
			}
		case at >= 0:
			said = append(said, line)
		}
	}
	what := strings.TrimSpace(strings.Join(said, "\n"))
	switch {
	case at == -1 && first == "":
		c.List.Fails("%s has no heading %q: write under it what users see of this version", path, want)
	case at == -1:
		c.List.Fails("%s has no heading %q, its newest is %q: write under it what users see of this version", path, want, first)
	case !strings.HasPrefix(first+" ", want+" "):
		c.List.Fails("%s has %q below %q: the newest comes first", path, want, first)
	case what == "":
		c.List.Fails("%s says nothing under %q: write what users see of this version", path, want)
	default:
		c.List.Holds("%s tells of it", path)
		return what, nil
	}
	return "", nil
}
