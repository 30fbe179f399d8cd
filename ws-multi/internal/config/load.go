package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/adred-codev/ws_poc/ws-multi/internal/version"
)

// Load reads the settings: args are what follows the command on its line,
// environ is os.Environ's, own are the flags that the command has besides. An
// error is an [*Error] or [ErrHelp].
func Load(host Host, args, environ []string, own ...Flag) (*Config, error) {
	c := &Config{Cores: host.realCores(), sources: map[string]Source{}}
	c.Warnings = append(c.Warnings, host.Warnings...)
	l := loader{settings: c.settings()}
	flags, files, err := l.commandLine(args, own)
	if err != nil {
		return nil, err
	}
	for _, path := range files {
		if err := l.file(path); err != nil {
			return nil, err
		}
	}
	if err := l.environment(environ); err != nil {
		return nil, err
	}
	l.given = append(l.given, flags...)
	c.Warnings = append(c.Warnings, l.warnings...)
	for _, s := range l.settings {
		if err := l.set(c, s, host); err != nil {
			return nil, err
		}
	}
	if err := c.check(host); err != nil {
		return nil, err
	}
	return c, nil
}

// A loader gathers assignments; of those to one name the last is in force.
type loader struct {
	settings []Setting
	given    []assignment
	warnings []string
}

// commandLine sets a command's own flags, and returns the settings that were
// flags and the files to read.
func (l *loader) commandLine(args []string, own []Flag) (flags []assignment, files []string, err error) {
	line := commandLine{flags: map[string]Value{}}
	mine := map[string]bool{}
	for _, f := range own {
		line.add(f.Name, f.Value)
		mine[f.Name] = true
	}
	var path string
	line.add("config", parsed{&path, "FILE", readLine})
	settings := map[string]string{}
	for _, s := range l.settings {
		line.add(s.Flag(), s.value)
		settings[s.Flag()] = s.Name
	}
	given, err := line.parse(args)
	if err != nil {
		return nil, nil, err
	}
	for _, a := range given {
		switch {
		case mine[a.name]:
			if err := setFlag(a, line.flags[a.name]); err != nil {
				return nil, nil, err
			}
		case a.name == "config":
			files = append(files, a.text)
		default:
			a.name = settings[a.name]
			flags = append(flags, a)
		}
	}
	return flags, files, nil
}

func (l *loader) file(path string) error {
	all, err := readEnvFile(path)
	if err != nil {
		return err
	}
	before := map[string]Source{}
	for _, a := range all {
		known, err := l.knows(a)
		if err != nil {
			return err
		}
		if !known {
			l.warn("%s: %s is no setting of %s and changes nothing", a.source, a.name, version.Name)
			continue
		}
		if first, twice := before[a.name]; twice {
			l.warn("%s: %s stands in the file before (%s), where it changes nothing now", a.source, a.name, first)
		}
		before[a.name] = a.source
		l.given = append(l.given, a)
	}
	return nil
}

// environment takes names in their order, so that of two that are wrong always
// the same one is told.
func (l *loader) environment(environ []string) error {
	for _, entry := range slices.Sorted(slices.Values(environ)) {
		name, text, found := strings.Cut(entry, "=")
		if !found {
			continue
		}
		a := assignment{name, text, environment}
		known, err := l.knows(a)
		if err != nil {
			return err
		}
		if known {
			l.given = append(l.given, a)
		}
	}
	return nil
}

// serviceLink is how Kubernetes names what it injects for each Service
// (kubernetes.io/docs/tutorials/services/connect-applications-service).
var serviceLink = regexp.MustCompile(`_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$`)

// knows says whether a sets something. A name that begins as a setting does and
// is none is an error: a misspelt setting must not be one left at its default.
func (l *loader) knows(a assignment) (bool, error) {
	var names []string
	for _, s := range l.settings {
		names = append(names, s.Name)
	}
	if slices.Contains(names, a.name) {
		return true, nil
	}
	if !strings.HasPrefix(a.name, "WS_") && !strings.HasPrefix(a.name, "KAFKA_") {
		return false, nil
	}
	wrong := &Error{Setting: a.name, Source: a.source, Why: "there is no such setting", Fix: suggestion("", a.name, names, version.Name+" help lists those there are")}
	if serviceLink.MatchString(a.name) || strings.HasSuffix(a.name, "_PORT") && strings.Contains(a.text, "://") {
		wrong.Why = "it is no setting, but what Kubernetes injects for a Service of that name"
		wrong.Fix = "set enableServiceLinks: false in the Pod"
	}
	return false, wrong
}

func (l *loader) warn(format string, args ...any) {
	l.warnings = append(l.warnings, fmt.Sprintf(format, args...))
}

// set sets s to what was given last, or to its default.
func (l *loader) set(c *Config, s Setting, host Host) error {
	a := assignment{s.Name, s.Default, byDefault}
	given := false
	for _, g := range slices.Backward(l.given) {
		if given = g.name == s.Name; given {
			a = g
			break
		}
	}
	if !given && s.derive != nil {
		var err error
		if a.text, a.source, err = s.derive(host); err != nil {
			return err
		}
	}
	c.sources[s.Name] = a.source
	if strings.TrimSpace(a.text) == "" && !s.takesEmpty() {
		if !given {
			return nil
		}
		return &Error{Setting: s.Name, Source: a.source, Why: "it is empty", Fix: "give it a value, or leave it out for its default" + s.shortDefault()}
	}
	err := s.value.Set(a.text)
	if err == nil {
		return nil
	}
	wrong := &Error{Setting: s.Name, Source: a.source}
	if !s.confidential() {
		wrong.Value = legible(a.text)
	}
	wrong.Why, wrong.Fix = explain(err)
	return wrong
}
