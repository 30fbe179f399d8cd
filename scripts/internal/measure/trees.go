package measure

import (
	"context"

	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
	"github.com/adred-codev/ws_poc/scripts/internal/treehash"
)

// trees are the hashes of the folders that servers are built from. One that has changes has none: what is built then is in no
// commit. Nor has any where there is no git, such as in a release's archive, which can be measured too.
func trees(ctx context.Context, root string, servers []string) map[string]string {
	of := map[string]string{}
	for _, server := range servers {
		name := scenario.VariantOf(server)
		if tree, err := treehash.Of(ctx, root, name); err == nil {
			of[name] = tree
		}
	}
	return of
}
