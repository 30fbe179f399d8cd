package report

import (
	"fmt"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/model"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// mostConnections are the variants' max_connections, as their VERSION files have them: what WS_MAX_CONNECTIONS is by itself.
var mostConnections = map[string]float64{scenario.Single: 12_000, scenario.Multi: 50_000}

// raised says whether an option's instances take more connections than they do by themselves.
func raised(o *model.Option) bool { return o != nil && o.Load.Connections > mostConnections[o.Variant] }

// doubtOfCPU is how far apart the CPU times must be to say which is less.
func (c *crossing) doubtOfCPU(single, multi *model.Option) float64 {
	doubt := c.model.DoubtOf(single, multi)
	for _, o := range []*model.Option{single, multi} {
		if v := c.model.Find(o.Variant); v.Error.Loads == 0 {
			doubt += model.UntriedDoubt
		}
	}
	return doubt
}

func (c *crossing) doubtOfMemory(single, multi *model.Option) float64 {
	return c.model.MemoryDoubt(single, multi)
}

// tooClose says that the difference of two figures is less than the model is sure of.
func (c *crossing) tooClose(load model.Cell, by basisOfMap) bool {
	if load.Single == nil || load.Multi == nil {
		return false
	}
	_, more := load.Winner(by.figure)
	return less(more) < by.doubt(c, load.Single, load.Multi)
}

// note says what the map is made of, how far it can be trusted, and what it leaves out: a paragraph each.
func (c *crossing) note() []string {
	return []string{c.madeOf(), c.worth(), c.close(), c.unbounded()}
}

func (c *crossing) madeOf() string {
	single, multi := c.model.Find(scenario.Single), c.model.Find(scenario.Multi)
	text := fmt.Sprintf("A dot is a load such as was measured, of both and on as many cores; all else is a projection by costs that were fitted on %s (%s, a bare send takes %s µs). "+
		"Measured were up to %s connections, %s sends/s and %s of a core a process, and %s: how far off it is with more sends, a fuller core or more shards nobody has tried.",
		c.model.Fitted.Format(time.DateOnly), c.model.Host.CPU, number(c.model.Floor), number(single.Range.MaxConnections), number(math3(single.Range.MaxSends)), inPercent(single.Range.MaxCPU),
		plural(multi.Range.MaxShards, "shard", "shards"))
	var beyond []string
	for _, cores := range c.axes.Cores {
		if c.model.Projected(cores) {
			beyond = append(beyond, number(float64(cores)))
		}
	}
	if len(beyond) > 0 {
		text += " All of machines with " + list(beyond) + " cores is projection."
	}
	return text
}

// worth says how far off predictions were of what they were not fitted to.
func (c *crossing) worth() string {
	each := func(of func(*model.Variant) *model.Off, what string) string {
		var words []string
		for _, name := range scenario.Variants() {
			off := of(c.model.Find(name))
			if off == nil {
				words = append(words, name+" not tried")
				continue
			}
			words = append(words, fmt.Sprintf("%s %s and %s (%s %s)", name, inPercent(off.Median), inPercent(off.Max), count(off.Loads), what))
		}
		return list(words)
	}
	text := "How far off predictions were of what they were not fitted to, as the median and the largest. CPU time on one shard, each load predicted by a fit to the others: " + each(func(v *model.Variant) *model.Off {
		if v.Error.Loads == 0 {
			return nil
		}
		return &model.Off{Loads: v.Error.Loads, Median: v.Error.Median, Max: v.Error.Max}
	}, "loads")
	text += ". The same on several shards: ws-multi "
	if off := c.model.Find(scenario.Multi).Error.Shards; off != nil {
		text += fmt.Sprintf("%s and %s (%s)", inPercent(off.Median), inPercent(off.Max), plural(off.Loads, "load", "loads"))
	} else {
		text += "not tried"
	}
	text += ". CPU time of the largest loads, all of them predicted by a fit to the smaller ones, as most of the map is: "
	var steps []string
	for _, name := range scenario.Variants() {
		b := c.model.Find(name).Error.Beyond
		if b == nil {
			steps = append(steps, name+" not tried")
			continue
		}
		steps = append(steps, fmt.Sprintf("%s %s and %s (%s of %s connections, known up to %s)", name, inPercent(b.Median), inPercent(b.Max), plural(b.Loads, "load", "loads"), number(b.To), number(b.From)))
	}
	text += list(steps)
	if c.hasMemory() {
		text += ". Memory of clients at rest, each number of connections predicted by the others: " + each(func(v *model.Variant) *model.Off { return v.Error.Memory }, "numbers")
	}
	return text + "."
}

// close says what is too close to tell. One variant's figure may be too high and the other's too low.
func (c *crossing) close() string {
	at := func(doubt func(single, multi *model.Option) float64, beyond bool) float64 {
		options := make([]*model.Option, 0, 2)
		for _, name := range []string{scenario.Single, scenario.Multi} {
			o := &model.Option{Variant: name, Instances: 1, Cores: 1}
			if beyond {
				o.Instances, o.Projection = 2, []string{"more than was measured"}
			}
			options = append(options, o)
		}
		return doubt(options[0], options[1])
	}
	text := fmt.Sprintf("Too close to tell is what differs by less than both variants' errors together, of each the median within what was measured; in a projection the largest, or the median of the largest loads if that is more. CPU time: %s, and %s where both are projections",
		inPercent(at(c.doubtOfCPU, false)), inPercent(at(c.doubtOfCPU, true)))
	tried := true
	for _, name := range scenario.Variants() {
		v := c.model.Find(name)
		tried = tried && v.Error.Loads > 0 && (v.Error.Memory != nil || !c.hasMemory())
	}
	if c.hasMemory() {
		text += fmt.Sprintf(". Memory: %s, and %s where both are of more connections than it was read at, of several shards or of several instances", inPercent(at(c.doubtOfMemory, false)), inPercent(at(c.doubtOfMemory, true)))
	}
	if !tried {
		text += fmt.Sprintf(". What was not tried is taken to be off by %s", inPercent(model.UntriedDoubt))
	}
	return text + "."
}

// unbounded says what the map leaves out, and where the servers are to be told that they may have so many clients.
func (c *crossing) unbounded() string {
	return fmt.Sprintf("CPU time alone bounds the map: memory, open files and the network do not, so a machine with the cores of a cell may yet be too small for it; bench plan counts them for one load. Where there is a † "+
		"an instance of what is named has more connections than it takes by itself (max_connections of VERSION, %s of ws-single and %s of ws-multi): WS_MAX_CONNECTIONS is to be raised there.",
		number(mostConnections[scenario.Single]), number(mostConnections[scenario.Multi]))
}
