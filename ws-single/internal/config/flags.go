package config

import (
	"errors"
	"flag"
	"io"
	"regexp"
	"strings"
	"time"
)

// ParseFlags parses args, all of which must be flags. Its errors are this
// package's; [flag.ErrHelp] stays as it is. It prints nothing.
func ParseFlags(flags *flag.FlagSet, args []string) error {
	flags.Init(flags.Name(), flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	if err := flags.Parse(args); err != nil {
		return flagError(flags, err)
	}
	if rest := flags.Args(); len(rest) > 0 {
		return errorf(shown(rest[0]), "", "not expected here: a command stands before all flags, a flag begins with --, and a switch takes its value as --flag=false")
	}
	return nil
}

// DurationFlag adds a flag for a time of more than 0 to flags.
func DurationFlag(flags *flag.FlagSet, name string, def time.Duration) *time.Duration {
	d := def
	flags.Func(name, "", func(s string) (err error) {
		d, err = parseDuration(s, time.Millisecond, day)
		return err
	})
	return &d
}

// invalidValue are the two forms in which the flag package wraps the error of a
// flag's own parser.
var invalidValue = regexp.MustCompile(`(?s)^invalid (?:boolean )?value "(.*)" for (?:flag )?-([^:]*): (.*)$`)

// flagError puts the flag package's errors, which have no types, into this
// package's form.
func flagError(flags *flag.FlagSet, err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	message := err.Error()
	if name, ok := strings.CutPrefix(message, "flag provided but not defined: -"); ok {
		if why, ok := elsewhere["WS_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))]; ok {
			return errorf("--"+name, "", "%s", why)
		}
		var known []string
		flags.VisitAll(func(f *flag.Flag) { known = append(known, f.Name) })
		return errorf("--"+shown(name), "", "%s", unknown("flag", "--", name, known, "--help shows all"))
	}
	if name, ok := strings.CutPrefix(message, "flag needs an argument: -"); ok {
		return errorf("--"+name, "", "has no value: write --%s=VALUE", name)
	}
	if m := invalidValue.FindStringSubmatch(message); m != nil {
		why := m[3]
		if why == "parse error" {
			why = "write true or false"
		}
		return errorf("--"+m[2]+"="+shown(m[1]), "", "%s", why)
	}
	// Without a value: it may be a secret.
	message, _, _ = strings.Cut(message, "=")
	return errorf("command line", "", "%s: write --flag=value", message)
}
