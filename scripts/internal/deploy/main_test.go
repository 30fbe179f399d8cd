package deploy

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// repository is the root, and its servers.
func repository(t *testing.T) (root string, variants []variant.Variant) {
	t.Helper()
	root, err := variant.Root()
	if err != nil {
		t.Fatal(err)
	}
	if variants, err = variant.All(); err != nil {
		t.Fatal(err)
	}
	return root, variants
}
