package version

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"text/tabwriter"

	"go.yaml.in/yaml/v3"
)

// Name is the variant's: the binary's name, and welcome.server.
const Name = "ws-multi"

// commit is given by the linker, -X …/internal/version.commit=…, where a build
// sees no repository.
var commit string

// Info says what a binary is. Its JSON is the answer of /version and the better
// part of that of version --json; the tools of the repository read both.
type Info struct {
	Name string `json:"name" yaml:"-"`

	// The VERSION file.
	Version        string `json:"version" yaml:"version"` // v1.2.3
	Architecture   string `json:"architecture" yaml:"architecture"`
	Status         string `json:"status" yaml:"status"`
	OptimizedFor   string `json:"optimized_for" yaml:"optimized_for"`
	MaxConnections int    `json:"max_connections" yaml:"max_connections"` // that it is made for, and the default of WS_MAX_CONNECTIONS
	CPUCores       int    `json:"cpu_cores" yaml:"cpu_cores"`             // on so many; not those of the host

	// The build.
	Commit   string `json:"commit" yaml:"-"` // "unknown" where nothing told it; -dirty behind it: with changes
	Go       string `json:"go" yaml:"-"`
	Platform string `json:"platform" yaml:"-"`
}

// Bare is the version without its v, as welcome.version has it.
func (i Info) Bare() string { return strings.TrimPrefix(i.Version, "v") }

var (
	// semantic is semver.org's, without build metadata.
	semantic = regexp.MustCompile(`^v(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}(-[0-9A-Za-z.-]+)?$`)
	// standings are the steps of a variant's life: tried, measured against the one
	// in production, in production, and the one before, kept for going back.
	standings = []string{"experimental", "candidate", "production", "standby"}
)

// Parse reads a VERSION file. It must be one YAML document that has every field
// and no other.
func Parse(file []byte) (Info, error) {
	i := Info{Name: Name, Commit: recordedCommit(debug.ReadBuildInfo()), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	documents := yaml.NewDecoder(bytes.NewReader(file))
	documents.KnownFields(true)
	err := documents.Decode(&i)
	if err == nil && !errors.Is(documents.Decode(new(yaml.Node)), io.EOF) {
		err = errors.New("something follows the first document")
	}
	if err == nil {
		err = i.validate()
	}
	if err != nil {
		return Info{}, fmt.Errorf("parse VERSION: %w", err)
	}
	return i, nil
}

func (i Info) validate() error {
	if !semantic.MatchString(i.Version) {
		return fmt.Errorf("version %q is not of the form v1.2.3", i.Version)
	}
	if !slices.Contains(standings, i.Status) {
		return fmt.Errorf("status %q is none of %s", i.Status, strings.Join(standings, ", "))
	}
	for _, field := range []struct {
		name  string
		empty bool
	}{
		{"architecture", i.Architecture == ""}, {"optimized_for", i.OptimizedFor == ""},
		{"max_connections", i.MaxConnections <= 0}, {"cpu_cores", i.CPUCores <= 0},
	} {
		if field.empty {
			return fmt.Errorf("%s has no value that can be", field.name)
		}
	}
	return nil
}

func recordedCommit(build *debug.BuildInfo, recorded bool) string {
	if commit != "" {
		return commit
	}
	settings := map[string]string{"vcs.revision": "unknown"}
	if recorded {
		for _, s := range build.Settings {
			settings[s.Key] = s.Value
		}
	}
	if settings["vcs.modified"] == "true" {
		return settings["vcs.revision"] + "-dirty"
	}
	return settings["vcs.revision"]
}

// measure is what the variant is made for, wherever it runs: nothing of this host.
func (i Info) measure() string {
	cores := "cores"
	if i.CPUCores == 1 {
		cores = "core"
	}
	return fmt.Sprintf("%d connections on %d %s", i.MaxConnections, i.CPUCores, cores)
}

// WriteText writes i for people.
func (i Info) WriteText(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(table, "%s %s, %s\n", i.Name, i.Version, i.Status)
	for _, row := range [][2]any{
		{"architecture", i.Architecture},
		{"optimized for", i.OptimizedFor},
		{"made for", i.measure()},
		{"commit", i.Commit},
		{"built", i.Go + " for " + i.Platform},
	} {
		_, _ = fmt.Fprintf(table, "  %s\t%v\n", row[0], row[1])
	}
	return table.Flush()
}
