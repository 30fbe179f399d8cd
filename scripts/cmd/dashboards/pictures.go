package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/broker"
	"github.com/adred-codev/ws_poc/scripts/internal/deploy/dashboard"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

type options struct {
	length  time.Duration
	members int
	rate    float64
}

// pictures plays a scene and draws each dashboard from what Prometheus answers to its queries.
func (o options) pictures(ctx context.Context, stdout io.Writer) (err error) {
	all, err := variant.All()
	if err != nil {
		return err
	}
	bin, err := variant.BinDir()
	if err != nil {
		return err
	}
	play := dashboard.Play{Binaries: map[string]string{}, Members: o.members, Rate: o.rate, Length: o.length}
	for _, v := range all {
		if play.Binaries[v.Name], err = v.Build(ctx, bin, false); err != nil {
			return err
		}
		play.Order = append(play.Order, v.Name)
	}
	b, err := broker.Start(ctx, broker.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Stop()) }()
	play.Brokers = b.Addr()

	fmt.Fprintf(stdout, "%d clients for %v\n", o.members, o.length)
	scope := &stage.Scope{Called: "the load"}
	defer scope.End()
	var scene dashboard.Scene
	scope.Do(func() { scene = dashboard.Run(scope, play) })
	if errs := scope.Errors(); len(errs) > 0 {
		return errors.New(strings.Join(errs, "\n"))
	}
	return o.draw(ctx, stdout, scene)
}

func (o options) draw(ctx context.Context, stdout io.Writer, scene dashboard.Scene) error {
	from, err := folder("dashboards")
	if err != nil {
		return err
	}
	to, err := folder("pictures")
	if err != nil {
		return err
	}
	for _, d := range dashboard.All() {
		f, err := dashboard.Read(filepath.Join(from, d.File()))
		if err != nil {
			return err
		}
		choices, err := f.Choices(ctx, scene.API, scene.Span)
		if err != nil {
			return fmt.Errorf("%s: %w", d.File(), err)
		}
		choice := choices[0]
		for _, c := range choices {
			if c["variant"] == "ws-multi" { // several shards are more to see
				choice = c
			}
		}
		answers, err := f.Ask(ctx, scene.API, choice, scene.Span)
		if err != nil {
			return fmt.Errorf("%s: %w", d.File(), err)
		}
		for _, a := range answers {
			if len(a.Empty) > 0 {
				return fmt.Errorf("%s: panel %s has no answer to %s", d.File(), a.Panel.Title, strings.Join(a.Empty, " and "))
			}
		}
		label := fmt.Sprintf("Drawn by scripts/dashboards from Prometheus' answers to this dashboard's queries: not a screenshot of Grafana. "+
			"Both servers, %d clients, %g records/s, on one machine with %d cores.", o.members, o.rate, runtime.NumCPU())
		svg, err := dashboard.Picture(f, answers, label, scene.Span.From)
		if err != nil {
			return err
		}
		path := filepath.Join(to, d.UID+".svg")
		if err := os.WriteFile(path, svg, 0o644); err != nil {
			return fmt.Errorf("write picture: %w", err)
		}
		fmt.Fprintf(stdout, "drew %s\n", path)
	}
	return nil
}
