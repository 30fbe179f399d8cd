package parity

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// report puts together what was found.
func (r *run) report() *Report {
	rep := &Report{
		Schema: Schema, Started: r.began.UTC().Truncate(time.Second), Seconds: time.Since(r.began).Round(100 * time.Millisecond).Seconds(),
		Load:     Load{Rate: r.o.Rate, Seconds: r.o.For.Seconds(), Seed: r.o.Seed, Kinds: map[string]int64{}},
		Limits:   Limits{LateMS: float64(r.o.LateLimit.Microseconds()) / 1000, SettleS: r.o.Settle.Seconds()},
		Topics:   []Topic{},
		Channels: []Channel{}, Clients: []Client{}, Differences: append([]Difference{}, r.found.told()...), Wrong: append([]string{}, r.found.wrong...),
	}
	if r.load != nil {
		rep.Load.Kinds = r.load.kinds
	}
	if r.found.more > 0 {
		rep.Wrong = append(rep.Wrong, fmt.Sprintf("and %d more", r.found.more))
	}
	for _, t := range r.log.topics {
		topic := Topic{Topic: t.Name, Event: t.Event, Log: r.members[0].start[t.Event].Log, Partitions: []Partition{}}
		for _, p := range r.log.partitions[t.Event] {
			records := int64(p.first + len(p.records))
			rep.Records += records
			topic.Partitions = append(topic.Partitions, Partition{Partition: p.number, From: p.start, Until: p.end, Records: records})
		}
		rep.Topics = append(rep.Topics, topic)
	}
	of := r.digests(rep)
	for _, m := range r.members {
		n := m.messages()
		rep.Messages += n
		rep.Clients = append(rep.Clients, Client{
			Name: m.name, Patterns: len(m.patterns), Moving: m.moves, Messages: n, Travels: m.about,
			Differences: r.found.ofClient(m.name), Alike: of.alike[m], Came: m.came,
		})
	}
	rep.Digest = digestOfAll(of.log).String()
	for i, side := range r.o.Sides {
		v := Variant{
			Name: side.Name, Version: r.servers[i].Version, Digest: digestOfAll(of.sides[i]).String(), Counts: map[Kind]int64{}, Later: r.late.of(i),
		}
		counts := r.found.countsOf(i)
		for _, k := range Kinds {
			v.Counts[k] = counts[k]
		}
		rep.Variants = append(rep.Variants, v)
	}
	rep.Judge()
	return rep
}

// digested are the digests by channel.
type digested struct {
	log   map[string]sum
	sides [2]map[string]sum
	alike map[*member]bool
}

// digests compares those of each channel: the log's with each client's that asked for it.
func (r *run) digests(rep *Report) digested {
	of := digested{log: map[string]sum{}, sides: [2]map[string]sum{{}, {}}, alike: map[*member]bool{}}
	for _, m := range r.members {
		of.alike[m] = true
	}
	all := slices.SortedFunc(maps.Values(r.channels.all), func(a, b *channel) int { return cmp.Compare(a.name, b.name) })
	for _, ch := range all {
		if ch.watches == 0 {
			continue
		}
		event := ch.name[strings.IndexByte(ch.name, '.')+1:]
		chains := map[int32]sum{}
		var records int64
		for _, p := range r.log.partitions[event] {
			if c := p.chains[ch]; c != nil {
				chains[p.number] = c.sum
				records += c.messages
			}
		}
		one := Channel{Channel: ch.name, Records: records, Digests: map[string]string{}, Alike: true}
		want := digest(chains)
		if records > 0 {
			one.Log, of.log[ch.name] = want.String(), want
		}
		came := false
		for _, m := range r.members {
			if !ch.in(m.watch) {
				continue
			}
			got := m.chainsOf(ch, event)
			came = came || len(got) > 0
			d := digest(got)
			if d != want {
				one.Alike, of.alike[m] = false, false
			}
			if _, told := one.Digests[r.o.Sides[m.side].Name]; !m.moves && !told && len(got) > 0 {
				one.Digests[r.o.Sides[m.side].Name], of.sides[m.side][ch.name] = d.String(), d
			}
		}
		if records > 0 || came {
			rep.Channels = append(rep.Channels, one)
		}
	}
	return of
}

// Judge sets Why and Passed by the rest of the report.
func (r *Report) Judge() {
	r.Why = append([]string{}, r.verdict()...) // never nil
	r.Passed = len(r.Why) == 0
}

// verdict is why the variants are not alike, or why that is not known.
func (r *Report) verdict() []string {
	var why []string
	differences := int64(0)
	for _, v := range r.Variants {
		var some []string
		for _, k := range Kinds {
			if n := v.Counts[k]; n > 0 {
				some = append(some, fmt.Sprintf("%d %s", n, k))
				differences += n
			}
		}
		if len(some) > 0 {
			why = append(why, fmt.Sprintf("%s: %s", v.Name, strings.Join(some, ", ")))
		}
	}
	for _, w := range r.Wrong {
		why = append(why, "wrong: "+w)
	}
	unlike := 0
	for _, c := range r.Channels {
		if !c.Alike {
			unlike++
		}
	}
	if unlike > 0 {
		why = append(why, fmt.Sprintf("%d of %d channels have another digest than the log", unlike, len(r.Channels)))
	} else if len(r.Variants) == 2 && (r.Variants[0].Digest != r.Digest || r.Variants[1].Digest != r.Digest) {
		why = append(why, "the digests of all channels differ")
	}
	// Two ways to look that do not agree: one of them is broken.
	if unlike > 0 && differences == r.lateOnes() {
		why = append(why, "no message was found that makes the digests differ, which is a fault of this program")
	}
	if r.Records == 0 {
		why = append(why, "there was no record to compare")
	} else if r.Limits.LateMS > 0 && !slices.ContainsFunc(r.Variants, func(v Variant) bool { return v.Later.Records > 0 }) {
		why = append(why, "of no record it is known how late it came: compare for longer")
	}
	moving, moves := 0, 0
	for _, c := range r.Clients {
		if !c.Came {
			why = append(why, fmt.Sprintf("the client %q has not come to the end", c.Name))
		}
		if r.Records > 0 && c.Messages == 0 && c.Differences == 0 { // with differences it is they that tell
			why = append(why, fmt.Sprintf("there was no record that the client %q asks for: compare for longer", c.Name))
		}
		if c.Moving {
			moving++
			moves += c.Moves
		}
	}
	if moving > 0 && moves == 0 {
		why = append(why, fmt.Sprintf("none of %d clients has moved: compare for longer", moving))
	}
	return why
}

func (r *Report) lateOnes() int64 {
	var n int64
	for _, v := range r.Variants {
		n += v.Counts[Late]
	}
	return n
}
