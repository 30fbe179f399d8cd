package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/deploy"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// image is one that is built and tried.
type image struct {
	service             string // of deploy/compose
	name                string // with its tag
	context, dockerfile string
	args                map[string]string
	bases               []string // what it is built from
	version, commit     string

	built time.Duration
	is    inspected
	found []fact
}

// fact is something that was found out by trying.
type fact struct{ what, is string }

func (i *image) note(what, form string, args ...any) {
	i.found = append(i.found, fact{what, fmt.Sprintf(form, args...)})
}

// chosen are the images that compose builds, with the versions that the variants have now.
func chosen(ctx context.Context, names []string) ([]*image, error) {
	root, err := variant.Root()
	if err != nil {
		return nil, err
	}
	commit := commitOf(ctx, root)
	// The publisher has no releases of its own.
	versions := map[string]string{"publisher": "latest"}
	env := []string{"COMMIT=" + commit, "PUBLISHER_TAG=latest"}
	for _, v := range []string{"ws-single", "ws-multi"} {
		if versions[v], err = versionOf(filepath.Join(root, v, "VERSION")); err != nil {
			return nil, err
		}
		env = append(env, strings.ToUpper(strings.ReplaceAll(v, "-", "_"))+"_TAG="+versions[v])
	}
	project, err := deploy.Compose(ctx, "ab", env...)
	if err != nil {
		return nil, err
	}
	var images []*image
	var known []string
	for _, service := range slices.Sorted(maps.Keys(project.Services)) {
		s := project.Services[service]
		if s.Build == nil {
			continue
		}
		known = append(known, service)
		if len(names) > 0 && !slices.Contains(names, service) {
			continue
		}
		i := &image{
			service: service, name: s.Image, context: s.Build.Context, dockerfile: s.Build.Dockerfile, args: map[string]string{},
			version: versions[service], commit: commit,
		}
		if !filepath.IsAbs(i.dockerfile) {
			i.dockerfile = filepath.Join(i.context, i.dockerfile)
		}
		for arg, value := range s.Build.Args {
			if value != nil {
				i.args[arg] = *value
			}
		}
		d, err := deploy.ReadDockerfile(i.dockerfile)
		if err != nil {
			return nil, err
		}
		i.bases = d.Bases
		images = append(images, i)
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("%w: there is no image %s: %s", errUsage, name, strings.Join(known, ", "))
		}
	}
	return images, nil
}

// bases are those of all images, each once.
func bases(images []*image) (names []string) {
	for _, i := range images {
		names = append(names, i.bases...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

var versionLine = regexp.MustCompile(`(?m)^version: (\S+)$`)

func versionOf(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read version: %w", err)
	}
	m := versionLine.FindSubmatch(text)
	if m == nil {
		return "", fmt.Errorf("%s has no version", path)
	}
	return string(m[1]), nil
}

// commitOf names the tree: its commit, with "+" when files were changed since.
func commitOf(ctx context.Context, root string) string {
	git := func(args ...string) (string, error) {
		out, err := exec.CommandContext(ctx, "git", append([]string{"-C", root}, args...)...).Output()
		return strings.TrimSpace(string(out)), err
	}
	commit, err := git("rev-parse", "HEAD")
	if err != nil {
		return "unknown"
	}
	if changed, err := git("status", "--porcelain", "--untracked-files=no"); err != nil || changed != "" {
		commit += "+"
	}
	return commit
}

// inspected is what buildah says of an image.
type inspected struct {
	ID     string
	Config struct {
		User         string
		Env          []string
		Entrypoint   []string
		Cmd          []string
		ExposedPorts map[string]struct{}
		Labels       map[string]string
		Healthcheck  *struct{ Test []string }
	}
	Layers []int64 // bytes of each, as they are on a disk; the base's first
}

// parseInspected reads the answer of buildah inspect --type image.
func parseInspected(answer []byte) (inspected, error) {
	var outer struct {
		FromImageID string
		Manifest    string
		Docker      struct {
			Config json.RawMessage `json:"config"`
		}
	}
	var is inspected
	if err := json.Unmarshal(answer, &outer); err != nil {
		return is, fmt.Errorf("read what buildah says of an image: %w", err)
	}
	is.ID = outer.FromImageID
	if err := json.Unmarshal(outer.Docker.Config, &is.Config); err != nil {
		return is, fmt.Errorf("read the image's configuration: %w", err)
	}
	var manifest struct {
		Layers []struct {
			Size int64 `json:"size"`
		} `json:"layers"`
	}
	if err := json.Unmarshal([]byte(outer.Manifest), &manifest); err != nil {
		return is, fmt.Errorf("read the image's manifest: %w", err)
	}
	for _, l := range manifest.Layers {
		is.Layers = append(is.Layers, l.Size)
	}
	return is, nil
}

// program is what the image starts, with arguments in the place of its own.
func (is inspected) program(args ...string) []string {
	if len(args) == 0 {
		args = is.Config.Cmd
	}
	return append(slices.Clone(is.Config.Entrypoint), args...)
}

// health is the command of its health check.
func (is inspected) health() ([]string, error) {
	h := is.Config.Healthcheck
	if h == nil || len(h.Test) < 2 || h.Test[0] != "CMD" {
		return nil, fmt.Errorf("it has no health check of its own program: %+v", h)
	}
	return h.Test[1:], nil
}
