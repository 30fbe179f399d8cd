package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/broker"
	"github.com/adred-codev/ws_poc/scripts/internal/fault"
	"github.com/adred-codev/ws_poc/scripts/internal/machine"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// make makes the faults and tells of each as it ends.
func (o *options) make(ctx context.Context, stdout, stderr io.Writer) (code int, err error) {
	faults, unknown := fault.Choose(fault.Faults(), o.names...)
	if len(unknown) > 0 {
		near := ""
		if like := fault.Like(fault.Faults(), unknown[0]); len(like) > 0 {
			near = ", did you mean " + strings.Join(like, " or ") + "?"
		}
		return 0, fmt.Errorf("%w: there is no fault %s%s; scripts/faults --list shows them", errUsage, strings.Join(unknown, ", "), near)
	}
	if o.list {
		return 0, list(stdout, faults)
	}
	targets, err := o.targets(ctx)
	if err != nil {
		return 0, err
	}
	var record fault.Record
	if o.record != "" {
		if record, err = fault.ReadRecord(o.record); err != nil {
			return 0, err
		}
	}
	if record.Host, err = machine.Describe(); err != nil {
		return 0, err
	}
	record.Kafka = broker.Version
	if err := o.keep(record); err != nil { // what cannot be written is told before two hours of work, not after
		return 0, err
	}
	commit := commitOf(ctx)
	b, err := broker.Start(ctx, broker.Options{})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, b.Stop()) }()
	for i, f := range faults {
		for _, to := range targets {
			if ctx.Err() != nil {
				return 1, errors.New("interrupted; what was made before is kept")
			}
			fmt.Fprintf(stderr, "faults: %s, %d of %d, on %s: %s\n", f.Name, i+1, len(faults), to.Variant, f.Did)
			r := fault.Run(ctx, f, to, b.Addr(), o.small)
			tell(stdout, r)
			switch {
			case r.NotRun != "" && code == 0:
				code = 3
			case r.NotRun == "" && !r.Passed:
				code = 1 // whatever could not be made besides
			}
			record.Add(fault.Made{Result: r, Commit: commit, At: time.Now().UTC().Truncate(time.Second)})
			if err := o.keep(record); err != nil {
				return 1, err
			}
		}
	}
	return code, nil
}

// keep writes the record and the page after each fault: the next may take long.
func (o *options) keep(record fault.Record) error {
	if o.record == "" {
		return nil
	}
	if err := record.Write(o.record); err != nil || o.page == "" {
		return err
	}
	f, err := os.Create(o.page)
	if err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	variants, err := variant.All()
	var names []string
	for _, v := range variants {
		names = append(names, v.Name)
	}
	return errors.Join(err, fault.WritePage(f, fault.Faults(), names, record), f.Close())
}

func list(w io.Writer, faults []fault.Fault) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range faults {
		fmt.Fprintf(t, "%s\t%s\n", f.Name, f.Did)
	}
	return t.Flush()
}

// targets builds what is to be harmed, and what clients move to.
func (o *options) targets(ctx context.Context) ([]fault.Target, error) {
	all, err := variant.All()
	if err != nil {
		return nil, err
	}
	dir, err := variant.BinDir()
	if err != nil {
		return nil, err
	}
	binaries := map[string]string{}
	for _, v := range all {
		if binaries[v.Name], err = v.Build(ctx, dir, false); err != nil {
			return nil, err
		}
	}
	if o.server != "" && binaries[o.server] == "" {
		return nil, fmt.Errorf("%w: there is no variant %s: write ws-single or ws-multi", errUsage, o.server)
	}
	var targets []fault.Target
	for i, v := range all {
		if o.server == "" || o.server == v.Name {
			other := all[(i+1)%len(all)].Name
			targets = append(targets, fault.Target{Variant: v.Name, Binary: binaries[v.Name], Other: binaries[other]})
		}
	}
	return targets, nil
}

// commitOf names the tree: its commit, with "+" when files were changed since.
func commitOf(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "rev-parse", "--short=10", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	commit := strings.TrimSpace(string(out))
	if out, err := exec.CommandContext(ctx, "git", "status", "--porcelain", "--untracked-files=no").Output(); err != nil || len(out) > 0 {
		commit += "+"
	}
	return commit
}

func tell(w io.Writer, r fault.Result) {
	verdict := "held"
	switch {
	case r.NotRun != "":
		verdict = "not run: " + r.NotRun
	case !r.Passed:
		verdict = "BROKEN"
	}
	fmt.Fprintf(w, "%s  %s  %.0f s  %s\n", r.Fault, r.Variant, r.Seconds, verdict)
	for _, f := range r.Figures {
		fmt.Fprintf(w, "    %s\n", f)
	}
	for _, s := range r.Saw {
		fmt.Fprintf(w, "    %s\n", s)
	}
	for _, why := range r.Why {
		fmt.Fprintf(w, "    BROKEN: %s\n", strings.ReplaceAll(why, "\n", "\n        "))
	}
}
