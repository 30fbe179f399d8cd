package config

import (
	"flag"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Load reads the settings of this process: args are the command line's after
// the sub-command, environ is os.Environ's, maxConnections VERSION's. It raises
// the file limit. An error is an [*Error], or [flag.ErrHelp] when args ask for
// help.
func Load(args, environ []string, maxConnections int) (*Config, error) {
	return ThisHost(maxConnections).Load(flag.NewFlagSet("", flag.ContinueOnError), args, environ)
}

// Load is the package's Load on a given host, with the flags a sub-command has
// of its own already in flags.
func (h Host) Load(flags *flag.FlagSet, args, environ []string) (*Config, error) {
	l := loader{settings: Settings(), values: map[string]raw{}}
	files, err := l.readFlags(flags, args)
	if err != nil {
		return nil, err
	}
	for _, path := range files {
		if err := l.readFile(path); err != nil {
			return nil, err
		}
	}
	if err := l.readEnvironment(environ); err != nil {
		return nil, err
	}
	for name, value := range l.fromFlags {
		l.values[name] = value
	}

	c := &Config{Warnings: append(h.Warnings[:len(h.Warnings):len(h.Warnings)], l.warnings...), sources: map[string]Source{}}
	for _, s := range l.settings {
		if err := l.set(c, s); err != nil {
			return nil, err
		}
	}
	if err := c.derive(h); err != nil {
		return nil, err
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	return c, nil
}

// raw is a value as it was written.
type raw struct {
	value  string
	source Source
}

type loader struct {
	settings  []Setting
	values    map[string]raw
	fromFlags map[string]raw
	warnings  []string
}

// readFlags returns the files to read, in order.
func (l *loader) readFlags(flags *flag.FlagSet, args []string) ([]string, error) {
	var files []string
	l.fromFlags = map[string]raw{}
	flags.Func("config", "", func(path string) error {
		files = append(files, path)
		return nil
	})
	for _, s := range l.settings {
		take := func(value string) error {
			l.fromFlags[s.Name] = raw{value, fromFlag(s.Flag())}
			return nil
		}
		if s.Bool {
			flags.BoolFunc(s.Flag(), "", take)
		} else {
			flags.Func(s.Flag(), "", take)
		}
	}
	if err := ParseFlags(flags, args); err != nil {
		return nil, err
	}
	return files, nil
}

func (l *loader) readFile(path string) error {
	all, err := readEnvFile(path)
	if err != nil {
		return err
	}
	lines := map[string]int{}
	for _, a := range all {
		source := fromFile(path, a.line)
		if err := l.checkName(a.name, a.value, source); err != nil {
			return err
		}
		if !l.known(a.name) {
			l.warnings = append(l.warnings, fmt.Sprintf("%s: %s is not a setting of ws-single: it changes nothing", source, a.name))
			continue
		}
		if before, twice := lines[a.name]; twice {
			l.warnings = append(l.warnings, fmt.Sprintf("%s: %s is there twice: line %d changes nothing", source, a.name, before))
		}
		lines[a.name] = a.line
		l.values[a.name] = raw{a.value, source}
	}
	return nil
}

func (l *loader) readEnvironment(environ []string) error {
	// In order of names, so that of two wrong ones always the same is told.
	for _, entry := range slices.Sorted(slices.Values(environ)) {
		name, value, ok := strings.Cut(entry, "=")
		if !ok {
			continue
		}
		if err := l.checkName(name, value, fromEnvironment); err != nil {
			return err
		}
		if l.known(name) {
			l.values[name] = raw{value, fromEnvironment}
		}
	}
	return nil
}

func (l *loader) known(name string) bool {
	return slices.ContainsFunc(l.settings, func(s Setting) bool { return s.Name == name })
}

// checkName refuses an unknown name in this server's name space: a misspelt
// setting must not be a setting left at its default.
func (l *loader) checkName(name, value string, source Source) error {
	if why, ok := elsewhere[name]; ok {
		return errorf(name, source, "%s", why)
	}
	if l.known(name) || !strings.HasPrefix(name, "WS_") && !strings.HasPrefix(name, "KAFKA_") {
		return nil
	}
	if injected(name, value) {
		return errorf(name, source, "no such setting, but what Kubernetes injects for a Service of that name: set enableServiceLinks: false in the Pod")
	}
	var known []string
	for _, s := range l.settings {
		known = append(known, s.Name)
	}
	return errorf(name, source, "%s", unknown("setting", "", name, known, "ws-single help shows all"))
}

// injected knows the names of Kubernetes' service links
// (kubernetes.io/docs/concepts/containers/container-environment).
func injected(name, value string) bool {
	return serviceLink.MatchString(name) || strings.HasSuffix(name, "_PORT") && strings.Contains(value, "://")
}

var serviceLink = regexp.MustCompile(`_SERVICE_HOST$|_SERVICE_PORT(_.+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$`)

func (l *loader) set(c *Config, s Setting) error {
	r, ok := l.values[s.Name]
	if !ok {
		c.sources[s.Name] = fromDefault
		if s.Default == "" {
			return nil
		}
		r = raw{s.Default, fromDefault}
	}
	c.sources[s.Name] = r.source
	if strings.TrimSpace(r.value) == "" && !s.Empty {
		return errorf(s.Name, r.source, "is empty: give it a value, or leave it out for the default%s", defaultNote(s))
	}
	if err := s.parse(c, r.value); err != nil {
		e := errorf(s.Name, r.source, "%s", err)
		if s.quotable() {
			e.value = shown(r.value)
		}
		return e
	}
	return nil
}

func defaultNote(s Setting) string {
	switch {
	case s.Derived != "":
		return ", " + s.Derived
	case s.Default == "":
		return ", none"
	case len(s.Default) > 40:
		return ""
	}
	return ", " + s.Default
}

// quotable says whether an error may repeat the value as it was written.
func (s Setting) quotable() bool {
	return !s.Secret && s.Name != "KAFKA_PROPERTIES" && s.Name != "WS_JWT_JWKS_URL"
}
