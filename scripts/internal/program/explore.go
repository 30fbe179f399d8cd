package program

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// Options say where and how long to explore.
type Options struct {
	Servers [2]Server // clients move between them; each runs with [Settings]
	Brokers string
	Topics  Topics        // of [MakeTopics]; nobody else writes to them
	For     time.Duration // programs are begun for so long, at least one round of them
	Seed    uint64        // of the first program; 0: another one each time
	AtOnce  int           // how many programs run at once; 0: 3
	Only    *Program      // run this one instead of random ones
	Shrink  time.Duration // how long a failing program is shrunk; 0: 90 s
	Dir     string        // where a failing program is written to; "": the system's folder for temporary files
	Log     func(string)  // gets a line now and then; nil: nobody wants to know
}

// Outcome is what came of an exploration.
type Outcome struct {
	Programs, Steps int
	Tally           Tally
	Failed          *Failure // nil: every client got what it had to
}

// Failure is a program of which a client did not get what the protocol promises.
type Failure struct {
	Seed    uint64 // that drew it, before it was shrunk
	Program Program
	Reason  error
	Alone   bool   // it failed again by itself, and so could be shrunk
	File    string // where it was written to
	Drawn   string // and as it was drawn
}

func (f *Failure) String() string {
	how := "shrunk"
	if !f.Alone {
		how = "it did not fail again by itself, so it is as it was drawn: it may need the others that ran beside it"
	}
	return fmt.Sprintf("%v\n\nseed %d, %s, in %s (as drawn: %s):\n%s", f.Reason, f.Seed, how, f.File, f.Drawn, f.Program)
}

// Explore runs random programs until the time is over or one fails; that one it shrinks. An error means that it could not go
// on, for a cause that is not the servers'.
func Explore(ctx context.Context, o Options) (Outcome, error) {
	var out Outcome
	if o.AtOnce == 0 {
		o.AtOnce = 3
	}
	if o.Shrink == 0 {
		o.Shrink = 90 * time.Second
	}
	if o.Log == nil {
		o.Log = func(string) {}
	}
	if o.Seed == 0 {
		o.Seed = uint64(time.Now().UnixNano())
	}
	w, err := Open(ctx, o.Brokers, o.Topics, o.Servers, max(o.AtOnce, tries))
	if err != nil {
		return out, err
	}
	defer w.Close()
	o.Log(fmt.Sprintf("programs from seed %d", o.Seed))
	began, told := time.Now(), time.Now()
	for seed := o.Seed; ctx.Err() == nil && (out.Programs == 0 || time.Since(began) < o.For); seed += uint64(o.AtOnce) {
		var programs []Program
		for i := range o.AtOnce {
			p := Draw(seed + uint64(i))
			if o.Only != nil {
				p = *o.Only
			}
			programs = append(programs, p)
		}
		transcripts, errs := Run(ctx, w, programs...)
		if ctx.Err() != nil {
			break
		}
		for i, p := range programs {
			err := judged(transcripts[i], errs[i])
			if errors.Is(err, ErrBroker) {
				return out, err
			}
			out.Programs++
			out.Steps += len(p.Steps)
			out.Tally.add(Count(transcripts[i]))
			if err != nil && out.Failed == nil {
				out.Failed = &Failure{Seed: seed + uint64(i), Program: p, Reason: err}
			}
		}
		if out.Failed != nil {
			return out, o.explain(ctx, w, out.Failed)
		}
		if time.Since(told) > 10*time.Second {
			told = time.Now()
			o.Log(out.String())
		}
	}
	return out, nil
}

func (out Outcome) String() string {
	return fmt.Sprintf("%d programs of %d steps: %d messages on %d connections checked, %d of them replayed, %d passed over, %d resumes, %d closed as too slow",
		out.Programs, out.Steps, out.Tally.Messages, out.Tally.Connections, out.Tally.Replayed, out.Tally.Merged, out.Tally.Resumes, out.Tally.Slow)
}

func (t *Tally) add(other Tally) {
	t.Connections += other.Connections
	t.Commands += other.Commands
	t.Messages += other.Messages
	t.Replayed += other.Replayed
	t.Merged += other.Merged
	t.Resumes += other.Resumes
	t.Slow += other.Slow
	t.Waits += other.Waits
}

// judged is what the model finds in the transcript, which tells more, or what the clients could not go on for.
func judged(t Transcript, err error) error {
	if errors.Is(err, ErrBroker) {
		return err
	}
	if fault := Check(t); fault != nil {
		return fault
	}
	return err
}

// tries is how often a program is run to see whether it fails: what happens hangs on who is faster, too.
const tries = 4

// explain shrinks what failed and writes it down.
func (o Options) explain(ctx context.Context, w *World, f *Failure) error {
	var err error
	if f.Drawn, err = keep(o.Dir, f.Program); err != nil {
		return err
	}
	f.File = f.Drawn
	if o.Only != nil {
		f.Alone = true
		return nil
	}
	o.Log(fmt.Sprintf("seed %d failed, it is being shrunk: %v", f.Seed, f.Reason))
	w.patience = 10 * time.Second // a program that waits in vain would wait so long each time
	fails := func(p Program) error {
		programs := make([]Program, tries)
		for i := range programs {
			programs[i] = p
		}
		transcripts, errs := Run(ctx, w, programs...)
		for i := range programs {
			if err := judged(transcripts[i], errs[i]); err != nil && ctx.Err() == nil && !errors.Is(err, ErrBroker) {
				return err
			}
		}
		return nil
	}
	for range 3 {
		if err := fails(f.Program); err != nil {
			f.Alone = true
			f.Program, f.Reason = shrink(f.Program, err, time.Now().Add(o.Shrink), fails)
			f.File, err = keep(o.Dir, f.Program)
			return err
		}
	}
	return nil
}

func keep(dir string, p Program) (string, error) {
	file, err := os.CreateTemp(dir, "program-*.json")
	if err != nil {
		return "", fmt.Errorf("write the failing program down: %w", err)
	}
	if err := file.Close(); err != nil {
		return "", fmt.Errorf("write the failing program down: %w", err)
	}
	return file.Name(), p.Write(file.Name())
}
