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

	"go.yaml.in/yaml/v3"
)

// Name is the program's, as in welcome.server and the image's name.
const Name = "ws-single"

// commit is set by -ldflags "-X …/internal/version.commit=…" where the build
// has no repository to ask, as in a container.
var commit string

// Info is what version, /version and ws_build_info show.
type Info struct {
	Name           string `yaml:"-"              json:"name"`
	Version        string `yaml:"version"        json:"version"` // with its v: v1.0.0
	Architecture   string `yaml:"architecture"   json:"architecture"`
	Status         string `yaml:"status"         json:"status"` // experimental, candidate, production or standby
	OptimizedFor   string `yaml:"optimized_for"  json:"optimized_for"`
	MaxConnections int    `yaml:"max_connections" json:"max_connections"` // what it is made for; the default of WS_MAX_CONNECTIONS
	CPUCores       int    `yaml:"cpu_cores"      json:"cpu_cores"`        // what it is made for, whatever the host has
	Commit         string `yaml:"-"              json:"commit"`           // "unknown" where nobody told; ends with -dirty for a changed tree
	Go             string `yaml:"-"              json:"go"`
	Platform       string `yaml:"-"              json:"platform"`
}

// Number is the version without its v, as in welcome.version.
func (i Info) Number() string { return strings.TrimPrefix(i.Version, "v") }

var (
	semver   = regexp.MustCompile(`^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?$`)
	statuses = []string{"experimental", "candidate", "production", "standby"}
)

// Parse reads a VERSION file, strictly: every field once and no other.
func Parse(file []byte) (Info, error) {
	var i Info
	decoder := yaml.NewDecoder(bytes.NewReader(file))
	decoder.KnownFields(true)
	if err := decoder.Decode(&i); err != nil {
		return Info{}, fmt.Errorf("read VERSION: %w", err)
	}
	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		return Info{}, errors.New("read VERSION: more than one document")
	}
	if err := i.check(); err != nil {
		return Info{}, fmt.Errorf("read VERSION: %w", err)
	}
	i.Name = Name
	i.Commit = commitOf(debug.ReadBuildInfo())
	i.Go = runtime.Version()
	i.Platform = runtime.GOOS + "/" + runtime.GOARCH
	return i, nil
}

func (i Info) check() error {
	switch {
	case !semver.MatchString(i.Version):
		return fmt.Errorf("version %q is not like v1.2.3", i.Version)
	case i.Architecture == "":
		return errors.New("architecture is missing")
	case !slices.Contains(statuses, i.Status):
		return fmt.Errorf("status %q is not one of %s", i.Status, strings.Join(statuses, ", "))
	case i.OptimizedFor == "":
		return errors.New("optimized_for is missing")
	case i.MaxConnections < 1:
		return fmt.Errorf("max_connections %d is not a number of connections", i.MaxConnections)
	case i.CPUCores < 1:
		return fmt.Errorf("cpu_cores %d is not a number of cores", i.CPUCores)
	}
	return nil
}

func commitOf(build *debug.BuildInfo, ok bool) string {
	if commit != "" {
		return commit
	}
	if !ok {
		return "unknown"
	}
	revision, dirty := "unknown", ""
	for _, s := range build.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-dirty"
		}
	}
	return revision + dirty
}

// WriteText writes the info for people.
func (i Info) WriteText(w io.Writer) error {
	cores := "one core"
	if i.CPUCores > 1 {
		cores = fmt.Sprintf("%d cores", i.CPUCores)
	}
	_, err := fmt.Fprintf(w, `%s %s
  architecture     %s
  status           %s
  optimized for    %s
  made for         %d connections on %s
  commit           %s
  built with       %s for %s
`, i.Name, i.Version, i.Architecture, i.Status, i.OptimizedFor, i.MaxConnections, cores, i.Commit, i.Go, i.Platform)
	return err
}
