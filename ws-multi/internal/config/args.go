package config

import (
	"errors"
	"slices"
	"strings"
)

// ErrHelp is returned when the command line asks for help.
var ErrHelp = errors.New("help is asked for")

// A Flag is one that a command has besides the settings.
type Flag struct {
	Name    string // without its dashes
	Value   Value
	Default string // for the help; "" where it goes without saying
	Doc     string
}

// ParseFlags reads a command line that may have these flags and no settings. An
// error is an [*Error] or [ErrHelp].
func ParseFlags(args []string, own ...Flag) error {
	line := commandLine{flags: map[string]Value{}}
	for _, f := range own {
		line.add(f.Name, f.Value)
	}
	given, err := line.parse(args)
	if err != nil {
		return err
	}
	for _, a := range given {
		if err := setFlag(a, line.flags[a.name]); err != nil {
			return err
		}
	}
	return nil
}

func setFlag(a assignment, v Value) error {
	err := v.Set(a.text)
	if err == nil {
		return nil
	}
	why, fix := explain(err)
	return &Error{Setting: "--" + a.name, Value: legible(a.text), Why: why, Fix: fix}
}

// explain parts what a Value says about a text.
func explain(err error) (why, fix string) {
	var f *fault
	if errors.As(err, &f) {
		// What stands before the fault names an item of a list.
		return strings.TrimSuffix(err.Error(), f.Error()) + f.why, f.fix
	}
	return err.Error(), ""
}

// IsHelp reports whether an argument asks for help.
func IsHelp(arg string) bool {
	name, _, _ := strings.Cut(arg, "=")
	return slices.Contains([]string{"-h", "--h", "-help", "--help"}, name)
}

// A commandLine knows the flags there may be.
type commandLine struct {
	flags map[string]Value
	names []string // in the order they were added
}

func (l *commandLine) add(name string, v Value) {
	l.flags[name] = v
	l.names = append(l.names, name)
}

// parse reads --name=value, --name value and, for a switch, --name; one dash is
// as good as two. It sets nothing.
func (l *commandLine) parse(args []string) ([]assignment, error) {
	var given []assignment
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		name := strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-")
		if name == arg || name == "" {
			return nil, &Error{Setting: legible(arg), Why: "it is not expected here",
				Fix: "write a command before all flags, a flag with --, and the value of a switch as --flag=false"}
		}
		name, text, found := strings.Cut(name, "=")
		if IsHelp(arg) {
			return nil, ErrHelp
		}
		v, known := l.flags[name]
		switch {
		case !known:
			// Without the value: a misspelt flag may have a secret.
			return nil, &Error{Setting: "--" + legible(name), Why: "there is no such flag", Fix: suggestion("--", name, l.names, "--help lists those there are")}
		case found:
		case v.Form() == "":
			text = "true"
		case len(args) == 0 || strings.HasPrefix(args[0], "--"):
			return nil, &Error{Setting: "--" + name, Why: "it has no value", Fix: "write --" + name + "=" + v.Form()}
		default:
			text, args = args[0], args[1:]
		}
		given = append(given, assignment{name, text, Source("--" + name)})
	}
	return given, nil
}
