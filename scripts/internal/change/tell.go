package change

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Conclude makes the change if yes, and else says what it would do. after is what is left to people once it is made. The error
// says that a condition does not hold, or what failed; nothing was changed then.
func (c *Change) Conclude(ctx context.Context, out io.Writer, yes bool, after string) error {
	if !c.List.Met() {
		return errors.New("no, for what is marked NO above; nothing was changed")
	}
	says := "it would"
	if yes {
		if err := c.Make(ctx); err != nil {
			return err
		}
		says, after = "done:", "\n"+after
	} else {
		after = "\nNothing was changed. With --yes it is."
	}
	fmt.Fprintf(out, "\n%s\n", says)
	for _, step := range c.Steps() {
		fmt.Fprintf(out, "  %s\n", step)
	}
	fmt.Fprintln(out, after)
	return nil
}
