package scenario

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// Load reads a file. Its error tells all that is wrong, a line each, with the place, the field and what is allowed.
func Load(path string) (*Scenario, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read scenario: %w", err)
	}
	return parse(path, b)
}

// Dir is the folder of the repository's scenarios.
func Dir() (string, error) {
	root, err := variant.Root()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, "scripts", "scenarios"), nil
}

// Find loads a scenario by the name it has in [Dir], or a file by its path: with a slash or .yaml in it.
func Find(name string) (*Scenario, error) {
	if strings.Contains(name, "/") || strings.HasSuffix(name, ".yaml") {
		return Load(name)
	}
	names, err := Names()
	if err != nil {
		return nil, err
	}
	for _, known := range names {
		if known == name {
			dir, err := Dir()
			if err != nil {
				return nil, err
			}
			return Load(filepath.Join(dir, name+".yaml"))
		}
	}
	return nil, fmt.Errorf("there is no scenario %q: choose of %s, or give a file's path", name, strings.Join(names, ", "))
}

// Names is the names of the scenarios of [Dir], sorted.
func Names() ([]string, error) {
	dir, err := Dir()
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, fmt.Errorf("list scenarios: %w", err)
	}
	names := make([]string, len(files))
	for i, file := range files {
		names[i] = nameOf(file)
	}
	return names, nil
}

// List loads all scenarios of [Dir], sorted by name.
func List() ([]*Scenario, error) {
	names, err := Names()
	if err != nil {
		return nil, err
	}
	var all []*Scenario
	for _, name := range names {
		s, err := Find(name)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

func nameOf(path string) string { return strings.TrimSuffix(filepath.Base(path), ".yaml") }

func parse(path string, text []byte) (*Scenario, error) {
	s := &Scenario{}
	f := &fields{lines: map[string]int{}}
	var node yaml.Node
	if err := yaml.Unmarshal(text, &node); err != nil {
		return nil, fmt.Errorf("read scenario %s: %w", path, err)
	}
	if len(node.Content) == 0 {
		return nil, fmt.Errorf("read scenario %s: it is empty: write at least title, about, connections and publish", path)
	}
	f.read(node.Content[0], reflect.TypeFor[Scenario](), "")
	if len(f.problems) > 0 {
		return nil, f.errors(path)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(s); err != nil {
		return nil, fmt.Errorf("read scenario %s: %w", path, err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read scenario %s: a file holds one scenario, this one goes on after ---", path)
	}
	s.Name = nameOf(path)
	s.fill(f)
	s.check(f)
	if len(f.problems) > 0 {
		return nil, f.errors(path)
	}
	return s, nil
}

// fill sets what the file does not give.
func (s *Scenario) fill(f *fields) {
	if !f.given("kind") {
		s.Kind = Deliver
	}
	if !f.given("channels") {
		s.Channels = 1
	}
	if !f.given("subscribe.each") {
		s.Subscribe.Each = max(1, len(s.Subscribe.FanOuts))
	}
	s.deal()
	if s.Kind != Idle && !f.given("publish.bytes") {
		s.Publish.Bytes = 104
	}
	switch s.Kind {
	case Deliver:
		if !f.given("slice") {
			s.Slice = Duration(2 * time.Second)
		}
		if !f.given("rounds") {
			s.Rounds = 20
		}
	case Storm:
		if !f.given("rounds") {
			s.Rounds = 5
		}
	case Idle:
		if !f.given("rest") {
			s.Rest = Duration(time.Minute)
		}
	}
}

// deal sets how many channels there are where that follows from groups.
func (s *Scenario) deal() {
	if len(s.Subscribe.FanOuts) > 0 {
		s.Channels = groupsChannels(s.Connections, s.Subscribe.FanOuts)
	}
}

// Validate checks a scenario that was changed after it was loaded.
func (s *Scenario) Validate() error {
	s.deal()
	f := &fields{}
	s.check(f)
	if len(f.problems) == 0 {
		return nil
	}
	return f.errors(s.Name)
}

// errors is one error a problem: "scripts/scenarios/peers.yaml:12: subscribe.each is 30: …".
func (f *fields) errors(name string) error {
	all := make([]error, len(f.problems))
	for i, p := range f.problems {
		place := name
		if line := f.place(p.field); line > 0 {
			place = fmt.Sprintf("%s:%d", name, line)
		}
		all[i] = fmt.Errorf("%s: %s %s", place, p.field, p.text)
	}
	return errors.Join(all...)
}

// place is the line of a field, or of the group that lacks it.
func (f *fields) place(field string) int {
	for {
		if line := f.lines[field]; line > 0 || field == "" {
			return line
		}
		field = field[:max(strings.LastIndexAny(field, ".["), 0)]
	}
}
