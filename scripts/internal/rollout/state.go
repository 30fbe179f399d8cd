package rollout

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Phase is where in a step a rollout is.
type Phase string

// The phases.
const (
	Moving  Phase = "moving"  // towards the step's share
	Holding Phase = "holding" // it is there, and watched
	Back    Phase = "back"    // going back to Target, because of Why
	Halted  Phase = "halted"  // it went back, and has ended
	Done    Phase = "done"    // the last step was held
)

// State is all that a rollout must know to go on after its own death.
type State struct {
	Plan    string        `json:"plan"` // the identity of its plan
	Phase   Phase         `json:"phase"`
	Step    int           `json:"step"`              // index of the plan's step; -1: it went back to before the first
	Before  float64       `json:"before"`            // the challenger's share when the rollout began, 0 to 1
	Target  float64       `json:"target"`            // the share that is aimed at now, 0 to 1
	Held    time.Duration `json:"held_ns"`           // of this step so far
	Why     string        `json:"why,omitempty"`     // it goes or went back
	Weights *Weights      `json:"weights,omitempty"` // that it set last
	// OtherP99 is the last known p99 of the side that is not watched, in seconds; 0: none.
	OtherP99 float64   `json:"other_p99_s,omitempty"`
	Began    time.Time `json:"began"`
	Written  time.Time `json:"written"`
}

// over says that nothing is under way.
func (s *State) over() bool { return s.Phase == Done || s.Phase == Halted }

// Store keeps a state in a file, and keeps others from using it.
type Store struct {
	path string
	lock *os.File
}

// OpenStore takes the file for this process until Close. It fails when another one has it.
func OpenStore(path string) (*Store, error) {
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("take the state file: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("another rollout runs with the state file %s: wait for its end, or stop it", path)
		}
		return nil, fmt.Errorf("take the state file: %w", err)
	}
	return &Store{path, lock}, nil
}

// Close lets others use it.
func (s *Store) Close() error { return s.lock.Close() }

// Read returns the state, nil when there is none.
func (s *Store) Read() (*State, error) {
	text, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	var state State
	if err := json.Unmarshal(text, &state); err != nil {
		return nil, fmt.Errorf("read state %s: %w; it is written whole or not at all, so something else wrote it: look at it, then remove it", s.path, err)
	}
	return &state, nil
}

// Write replaces the state: after a crash at any moment the file holds this one or the one before.
func (s *Store) Write(state *State) error {
	state.Written = time.Now().UTC().Truncate(time.Second)
	text, err := json.MarshalIndent(state, "", "  ")
	if err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(s.path), filepath.Base(s.path)+".*")
	if err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	_, err = f.Write(append(text, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), s.path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("write state: %w", err)
	}
	dir, err := os.Open(filepath.Dir(s.path))
	if err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil { // the new name outlives a crash of the machine, too
		return fmt.Errorf("write state: %w", err)
	}
	return nil
}

// start is the state to begin with: a new one, or with resume the one that is there.
func start(there *State, p *Plan, resume bool, path string) (*State, error) {
	switch {
	case resume && there == nil:
		return nil, fmt.Errorf("there is nothing to resume: no state file %s; begin without --resume", path)
	case resume && there.Plan != p.identity():
		return nil, fmt.Errorf("the state file %s is of another plan: with other sides, instances or shares; resume with that plan, or name another file with --state", path)
	case resume && there.Phase == Done:
		return nil, errors.New("there is nothing to resume: the rollout was done; begin anew without --resume")
	case resume:
		s := *there
		if s.Phase == Halted {
			// What was wrong has been put right, whoever resumes says: the step that it went back to is held anew, and the next one tried.
			s.Phase, s.Why, s.Held = Moving, "", 0
			if s.Step < 0 {
				s.Step = 0
			}
			s.Target = float64(p.Steps[s.Step].Share) / 100
		}
		return &s, nil
	case there != nil && !there.over() && p.Drained == nil: // emptying a side cannot wait for a rollout that died
		return nil, fmt.Errorf("a rollout stopped in the middle of step %d, on %s: go on with --resume, or remove %s to begin anew",
			there.Step+1, there.Written.Format(time.DateTime), path)
	}
	return &State{Plan: p.identity(), Phase: Moving, Target: float64(p.Steps[0].Share) / 100, Before: -1, Began: time.Now().UTC().Truncate(time.Second)}, nil
}
