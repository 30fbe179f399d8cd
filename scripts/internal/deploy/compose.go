package deploy

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// Profiles are those of deploy/compose.
func Profiles() []string { return []string{"single", "multi", "ab"} }

// Compose loads deploy/compose as docker compose does, with a profile and variables of the environment (NAME=value): files of
// settings are read, and must exist unless they may be missing.
func Compose(ctx context.Context, profile string, env ...string) (*types.Project, error) {
	root, err := variant.Root()
	if err != nil {
		return nil, err
	}
	return loadCompose(ctx, filepath.Join(root, "deploy", "compose", "compose.yaml"), profile, env...)
}

func loadCompose(ctx context.Context, path, profile string, env ...string) (*types.Project, error) {
	o, err := cli.NewProjectOptions([]string{path}, cli.WithEnv(env), cli.WithProfiles([]string{profile}))
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", path, err)
	}
	project, err := o.LoadProject(ctx)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", path, err)
	}
	return project, nil
}
