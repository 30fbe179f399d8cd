package promotion

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/adred-codev/ws_poc/scripts/internal/change"
)

// evidenceFolder is where it is kept, from the top.
const evidenceFolder = "scripts/evidence/promotion"

// page is the file in it that is for people.
const page = "promotion.md"

// folder is the evidence that was accepted.
type folder struct {
	pair  pair
	files []keptFile
}

type keptFile struct {
	name string
	text []byte
}

// take keeps a file as it is now: tools may write it anew before the change is made.
func (f *folder) take(name, from string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("keep evidence: %w", err)
	}
	f.files = append(f.files, keptFile{name, text})
	return nil
}

// keep adds the steps that write the evidence, and the message that names it.
func (d *Desk) keep(c *change.Change, s *standing, variant string, f *folder) error {
	dir, err := d.unused(d.now().UTC().Format("2006-01-02") + "-" + variant)
	if err != nil {
		return err
	}
	f.files = append(f.files, keptFile{page, f.page(c, s, d.now().UTC().Format("2006-01-02"))})
	var message strings.Builder
	fmt.Fprintf(&message, "%s\n\n%s takes the place of %s, by the evidence of\n\n", c.Title, s.called(variant), s.called(s.present))
	for _, file := range f.files {
		at := path.Join(dir, file.name)
		fmt.Fprintf(&message, "  %s\n", at)
		c.Write("keep "+at, at, nil, file.text)
	}
	c.Message = message.String()
	return nil
}

// unused is a folder of that name, or with a number behind it, that is not there yet.
func (d *Desk) unused(name string) (string, error) {
	for n := 1; ; n++ {
		at := path.Join(evidenceFolder, name)
		if n > 1 {
			at = fmt.Sprintf("%s-%d", at, n)
		}
		switch _, err := os.Lstat(filepath.Join(d.Root, filepath.FromSlash(at))); {
		case errors.Is(err, os.ErrNotExist):
			return at, nil
		case err != nil:
			return "", fmt.Errorf("find a folder for the evidence: %w", err)
		}
	}
}

// page says for people what was promoted, and why it could be.
func (f *folder) page(c *change.Change, s *standing, date string) []byte {
	var b strings.Builder
	p := f.pair
	fmt.Fprintf(&b, "# %s in place of %s, %s\n\nDecided at commit %s, by `scripts/promote %s`.\n\n", p.candidate, p.production, date, c.Head(), p.candidate)
	fmt.Fprintf(&b, "| | version | tree |\n|---|---|---|\n")
	fmt.Fprintf(&b, "| %s, in production from now on | %s | `%s` |\n", p.candidate, s.files[p.candidate].Version, p.trees[p.candidate])
	fmt.Fprintf(&b, "| %s, on standby | %s | `%s` |\n\n", p.production, s.files[p.production].Version, p.trees[p.production])
	fmt.Fprintf(&b, "A tree is the variant's folder without its VERSION: `git ls-tree %.12s:%s | grep -v '\\sVERSION$' | git mktree`. The files beside this one are of these trees.\n\nWhat held:\n\n", c.Head(), p.candidate)
	for _, text := range c.List.Held() {
		fmt.Fprintf(&b, "- %s\n", strings.ReplaceAll(text, "\n", "\n  "))
	}
	fmt.Fprintf(&b, "\nBack, in a second and without evidence: `scripts/promote --rollback --yes`.\n")
	return []byte(b.String())
}
