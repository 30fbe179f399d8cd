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
	"time"

	"golang.org/x/text/language"
	"golang.org/x/text/message"

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
	channels    int
	fanOut      float64
	bytes       int
	cores       int
	memory      float64
	files       int
	network     float64
	variants    []string
}

func planCommand(args []string, stdout io.Writer) (int, error) {
	var o options
	var a ask
	f := newFlags("plan", "plan --connections N --rate R (--channels C | --fan-out F) [options]", planExample, stdout)
	f.IntVar(&a.connections, "connections", 0, "`number` of clients")
	f.Float64Var(&a.rate, "rate", 0, "messages a second that each client gets: a `number`")
	f.IntVar(&a.channels, "channels", 0, "`number` of channels, which the clients share out evenly, one each")
	f.Float64Var(&a.fanOut, "fan-out", 0, "`number` of clients that a record reaches, instead of --channels")
	f.IntVar(&a.bytes, "bytes", 220, "`size` of a message as a client gets it")
	f.IntVar(&a.cores, "cores", 4, "cores of a machine: a `number`")
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

// load is what is asked for. Without a fan-out the clients hold a channel each.
func (a *ask) load() model.Load {
	fanOut := a.fanOut
	if fanOut == 0 {
		fanOut = float64(a.connections) / float64(a.channels)
	}
	return model.LoadOf(float64(a.connections), a.rate, fanOut, float64(a.bytes-wrapping))
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

// printPlan says how many instances of each variant it takes, and what breaks first. The exit code is 1 where none holds it.
func printPlan(out io.Writer, m *model.Model, a ask) int {
	p := message.NewPrinter(language.English)
	l, site := a.load(), model.Site{Cores: a.cores, Memory: a.memory, Files: a.files, Network: a.network}
	p.Fprintf(out, "%d connections with %s messages/s each: %s messages/s out of %s records/s, each for %s connections; %d bytes a message\n",
		a.connections, model.Short(a.rate), model.Short(l.Deliveries()), model.Short(l.Records), model.Short(l.FanOut), a.bytes)
	p.Fprintf(out, "on machines of %d cores, %s and %s Gbit/s\n", a.cores, model.Size(a.memory), model.Short(a.network/1e9))
	fmt.Fprintf(out, "by costs that were fitted %s to measurements on %s, where a bare send takes %.3g us; another machine has others\n",
		m.Fitted.Format(time.DateOnly), m.Host.CPU, m.Floor)
	var options []*model.Option
	for i := range m.Variants {
		v := &m.Variants[i]
		if len(a.variants) > 0 && !slices.Contains(a.variants, v.Name) {
			continue
		}
		fmt.Fprintln(out)
		o, err := v.Plan(l, site)
		if err != nil {
			fmt.Fprintf(out, "%s: %v\n", v.Name, err)
			continue
		}
		options = append(options, o)
		printOption(out, p, v, o, site)
	}
	fmt.Fprintln(out)
	sorted := model.Cheaper(options)
	switch len(sorted) {
	case 0:
		fmt.Fprintln(out, "nothing holds this load")
		return exitWorse
	case 1:
		fmt.Fprintf(out, "recommended: %s\n", inWords(p, sorted[0]))
	default:
		first, second := sorted[0], sorted[1]
		if m.TooClose(first, second) {
			fmt.Fprintf(out, "too close to tell by CPU time, which the model has off by up to %.0f%% (median): %s, or %s; the second takes %s\n",
				100*m.Doubt(), inWords(p, first), inWords(p, second), difference(first, second))
		} else {
			fmt.Fprintf(out, "recommended: %s; the other, %s, takes %s\n", inWords(p, first), second.Variant, difference(first, second))
		}
		if slices.ContainsFunc(sorted, func(o *model.Option) bool { return o.Variant == scenario.Multi && o.Instances > 1 }) {
			fmt.Fprintln(out, "bench map may say another: there it is one instance of ws-multi with as many cores as it needs, here several where these are fewer cores in all")
		}
	}
	return exitHolds
}

func inWords(p *message.Printer, o *model.Option) string {
	return p.Sprintf("%s, %s of %s on %s", o.Variant, counted(p, o.Instances, "instance"), counted(p, o.Cores, "core"), counted(p, o.Machines, "machine"))
}

func counted(p *message.Printer, n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return p.Sprintf("%d %ss", n, what)
}

// difference is what the second takes more than the first, or less.
func difference(first, second *model.Option) string {
	more := func(a, b float64, what string) string {
		switch share := b/a - 1; {
		case math.Abs(share) < 0.005:
			return "as much " + what
		case share > 0:
			return fmt.Sprintf("%.0f%% more %s", 100*share, what)
		default:
			return fmt.Sprintf("%.0f%% less %s", -100*share, what)
		}
	}
	parts := []string{more(first.CPU, second.CPU, "CPU time")}
	if first.HasMemory && second.HasMemory {
		parts = append(parts, more(first.Memory(), second.Memory(), "memory"))
	}
	parts = append(parts, more(first.Kafka, second.Kafka, "out of Kafka"))
	return strings.Join(parts, ", ")
}

func printOption(out io.Writer, p *message.Printer, v *model.Variant, o *model.Option, site model.Site) {
	fmt.Fprintf(out, "%s\n", inWords(p, o))
	line := func(name, format string, args ...any) {
		fmt.Fprintf(out, "  %-14s %s\n", name, p.Sprintf(format, args...))
	}
	n := float64(o.Instances)
	line("an instance", "%d connections, %s messages/s, and all %s records/s", int(math.Ceil(o.Load.Connections)), model.Short(o.Load.Deliveries()), model.Short(o.Load.Records))
	line("CPU", "%s cores' worth in all, %s an instance", digits(o.CPU), digits(o.CPU/n))
	if o.HasMemory {
		line("memory", "%s of the process and %s of the kernel an instance, of it %s of history; %s in all", model.Size(o.Process), model.Size(o.Kernel), model.Size(o.History), model.Size(o.Memory()))
		line("", "at rest, after a collection; send buffers of slow clients come on top. Without a WS_MEMORY_LIMIT Go's heap may have %s more an instance, for which there must be room", model.Size(o.Growth))
	} else {
		line("memory", "not measured: run idle, then fit again")
	}
	line("open files", "%d of each process: set its limit above that", o.Files)
	line("out of Kafka", "%s/s to each instance, which reads the whole log; %s/s in all", model.Size(o.Kafka/n), model.Size(o.Kafka))
	line("to clients", "%s Gbit/s in all, %s of the fullest machine", digits(o.Network/1e9), digits(o.MachineNetwork()/1e9))
	if o.Last > 0.001 {
		line("the last one", "of an instance's %s clients of a record has it %s after the first", model.Short(o.Load.FanOut), time.Duration(o.Last*float64(time.Second)).Round(time.Millisecond))
	}
	if ports := int(math.Ceil(o.Load.Connections / model.PortsOfProxy)); ports > 1 {
		line("ports", "one proxy address reaches %d connections of an address and port: %d ports or source addresses an instance", model.PortsOfProxy, ports)
	}
	holds, first, next := v.Holds(o, site)
	now := o.Strains[0]
	words := fmt.Sprintf("%s, now at %.0f%% of what it may be: %s", now.Name, 100*now.Share, now.Words)
	if now.Name != first.Name {
		words = fmt.Sprintf("%s when there are more clients; now nearest to its end is %s", first.Name, words)
	}
	line("breaks first", "%s", words)
	if next.Name != "" {
		line("and next", "%s, at %.0f%% when %s is at its end", next.Name, 100*next.Share, first.Name)
	}
	line("room", "an instance holds up to %s connections that get as much", model.Short(holds))
	for i, what := range o.Projection {
		name := "PROJECTION"
		if i > 0 {
			name = ""
		}
		line(name, "%s", what)
	}
	how := "within what was measured: "
	if len(o.Projection) > 0 {
		how = "known only of what was measured: "
	}
	line("error", "%s%s", how, fmt.Sprintf("of %d loads each predicted by a fit to the others CPU was off by %.0f%% (median), %.0f%% (largest)", v.Error.Loads, 100*v.Error.Median, 100*v.Error.Max))
}
