package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/adred-codev/ws_poc/scripts/internal/model"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

const planExample = `  scripts/bench plan --connections 1000000 --rate 5 --channels 1000
  scripts/bench plan --connections 50000 --rate 1 --channels 1 --cores 4 --memory 8GiB
  scripts/bench plan --connections 50000 --rate 2 --fan-out 1 --variant ws-multi`

// wrapping is what a message has around a record's value: frame, seq, channel, position and time.
const wrapping = 116

// ask is what plan is asked.
type ask struct {
	connections int
	rate        float64
	records     float64
	channels    int
	fanOut      float64
	bytes       int
	cores       int
	memory      float64
	files       int
	network     float64
	spare       int
	variants    []string
}

func planCommand(args []string, stdout io.Writer) (int, error) {
	var o options
	var a ask
	f := newFlags("plan", "plan --connections N --rate R (--channels C | --fan-out F) [options]", planExample, stdout)
	f.Var((*wholeNumber)(&a.connections), "connections", "`number` of clients, 1000000 or 1e6")
	f.Float64Var(&a.rate, "rate", 0, "messages a second that each client gets, a `number`: the mean of the clients in the busiest second, not of the day")
	f.Var((*wholeNumber)(&a.channels), "channels", "`number` of channels, which the clients share out evenly, one each")
	f.Float64Var(&a.fanOut, "fan-out", 0, "`number` of clients that a record reaches, instead of --channels")
	f.Float64Var(&a.records, "records", 0, "`number` of records a second in the log, those that no client wants too: they cost reading and memory of each instance (default: what the clients want)")
	f.IntVar(&a.spare, "spare", 1, "`number` of machines that may be lost while the others hold the load")
	f.IntVar(&a.bytes, "bytes", 220, "`size` of a message as a client gets it")
	f.IntVar(&a.cores, "cores", 4, "`number` of a machine's cores")
	memory := f.String("memory", "8GiB", "memory of a machine: a `size`")
	network := f.String("network", "10Gbit", "what a machine's network carries a second, such as `10Gbit`")
	f.IntVar(&a.files, "files", 0, "`limit` of open files of a process (default: as many as it takes)")
	variants := several(f, "variant", "`name` of a variant; again for more (default: all that were fitted)")
	file := f.String("model", "", "`file` of a model (default: the newest that was fitted)")
	f.StringVar(&o.out, "results", "", "`folder` of results, beside which models are (default scripts/.cache/bench)")
	rest, err := parse(f, args)
	if err != nil {
		return 0, err
	}
	if len(rest) > 0 {
		return 0, fmt.Errorf("%w: plan takes no names, but options: %s is none", errUsage, rest[0])
	}
	if a.memory, err = parseSize(*memory); err != nil {
		return 0, fmt.Errorf("%w: --memory %w", errUsage, err)
	}
	if a.network, err = parseBits(*network); err != nil {
		return 0, fmt.Errorf("%w: --network %w", errUsage, err)
	}
	a.variants = *variants
	if err := a.check(); err != nil {
		return 0, fmt.Errorf("%w: %w", errUsage, err)
	}
	m, err := o.modelOf(*file)
	if err != nil {
		return 0, err
	}
	for _, name := range a.variants {
		if m.Find(name) == nil {
			return 0, fmt.Errorf("%w: --variant %s: the model has no costs of it: measure it with bench fit", errUsage, name)
		}
	}
	return printPlan(stdout, m, a), nil
}

// modelOf is the model of a file, or the newest.
func (o *options) modelOf(file string) (*model.Model, error) {
	if file != "" {
		return model.Read(inCallersFolder(file))
	}
	return o.newestModel()
}

func (a *ask) check() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	const most = 1e9
	if a.connections < 1 || a.connections > most {
		wrong("--connections is %d: say how many clients, 1 to %.0f", a.connections, most)
	}
	if !(a.rate > 0 && a.rate <= 1e6) { // NaN is not
		wrong("--rate is %v: say how many messages a second a client gets, more than 0 and up to 1000000", a.rate)
	}
	switch {
	case a.channels == 0 && a.fanOut == 0:
		wrong("say --channels, which the clients share out evenly, or --fan-out, how many clients a record reaches")
	case a.channels != 0 && a.fanOut != 0:
		wrong("--channels is beside --fan-out, and each says how many clients a record reaches: leave one out")
	case a.channels < 0 || a.channels > a.connections && a.connections > 0:
		wrong("--channels is %d: allowed are 1 to connections, %d; with more of them say --fan-out instead", a.channels, a.connections)
	case a.fanOut != 0 && !(a.fanOut > 0 && a.fanOut <= float64(a.connections)):
		wrong("--fan-out is %v: allowed are more than 0 to connections, %d", a.fanOut, a.connections)
	}
	if a.bytes <= wrapping || a.bytes > 1<<20 {
		wrong("--bytes is %d: allowed are %d to %d; a message has %d around a record's value", a.bytes, wrapping+1, 1<<20, wrapping)
	}
	if len(errs) == 0 {
		if wanted := a.demand(0).Records; a.records != 0 && !(a.records >= wanted*(1-1e-9) && a.records <= most) {
			wrong("--records is %v: it is all records of the log, and clients want %s a second of them: say as many or more, up to %.0f", a.records, model.Short(wanted), most)
		}
	}
	if a.spare < 0 || a.spare > 1000 {
		wrong("--spare is %d: allowed are 0 to 1000", a.spare)
	}
	if a.cores < 1 || a.cores > 1024 {
		wrong("--cores is %d: allowed are 1 to 1024", a.cores)
	}
	if a.files != 0 && a.files < 1000 {
		wrong("--files is %d: allowed is 1000 and more", a.files)
	}
	for i, name := range a.variants {
		if !slices.Contains(scenario.Variants(), name) {
			wrong("--variant is %q: allowed are %s", name, strings.Join(scenario.Variants(), ", "))
		} else if slices.Contains(a.variants[:i], name) {
			wrong("--variant is %s twice", name)
		}
	}
	return errors.Join(errs...)
}

// demand is what is asked for, of so many records; 0: those that somebody wants. Without a fan-out the clients hold a channel each.
func (a *ask) demand(records float64) model.Demand {
	fanOut := a.fanOut
	if fanOut == 0 {
		fanOut = float64(a.connections) / float64(a.channels)
	}
	return model.DemandOf(float64(a.connections), a.rate, fanOut, float64(a.bytes-wrapping), records)
}

// wholeNumber is a flag's number without a fraction, which may be written as 1e6.
type wholeNumber int

func (w *wholeNumber) String() string { return strconv.Itoa(int(*w)) }

func (w *wholeNumber) Set(text string) error {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || v != math.Trunc(v) || math.Abs(v) > 1e15 {
		return errors.New("write a whole number, such as 1000000 or 1e6")
	}
	*w = wholeNumber(v)
	return nil
}

var sizePattern = regexp.MustCompile(`^([0-9.]+) ?([KMGT])(iB|B)?$`)

func parseSize(text string) (float64, error) {
	m := sizePattern.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("is %q: write a size such as 8GiB or 512MiB", text)
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil || v <= 0 {
		return 0, fmt.Errorf("is %q: write a size such as 8GiB or 512MiB", text)
	}
	unit := 1024.0
	if m[3] == "B" {
		unit = 1000
	}
	return v * math.Pow(unit, float64(1+strings.Index("KMGT", m[2]))), nil
}

var bitsPattern = regexp.MustCompile(`^([0-9.]+) ?([MG])(bit)?(/s)?$`)

func parseBits(text string) (float64, error) {
	m := bitsPattern.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("is %q: write such as 10Gbit or 100Mbit", text)
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil || v <= 0 {
		return 0, fmt.Errorf("is %q: write such as 10Gbit or 100Mbit", text)
	}
	if m[2] == "G" {
		v *= 1000
	}
	return v * 1e6, nil
}
