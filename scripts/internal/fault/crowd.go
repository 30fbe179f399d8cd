package fault

import (
	"github.com/adred-codev/ws_poc/scripts/internal/audience"
	"github.com/adred-codev/ws_poc/scripts/internal/stage"
)

// Gather gathers a crowd that ends with the fault.
func (t *T) Gather(o audience.Options) *audience.Crowd {
	c, err := audience.Gather(stage.Within(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// Whole ends the feed and holds the crowd to everything: all came, once and in order, on connections that kept their
// promises, of which none ended.
func (t *T) Whole(crowd *audience.Crowd, feed *audience.Feed) audience.Report {
	r := t.Complete(crowd, feed)
	t.None("clients dropped", len(r.Ends))
	if len(r.Ends) > 0 {
		t.Errorf("their close codes, 1006 without one: %v", r.Closes)
	}
	return r
}

// Complete is Whole for a crowd whose connections may end, as long as each member came back and has everything.
func (t *T) Complete(crowd *audience.Crowd, feed *audience.Feed) audience.Report {
	ends, err := feed.Stop()
	if err != nil {
		t.Fatal(err)
	}
	var records int64
	for _, n := range ends {
		records += n
	}
	t.Saw("%d records were published", records)
	missing := 0
	if err := crowd.AwaitEnds(stage.Within(t), ends); err != nil {
		missing = 1
		t.Errorf("not all clients have everything: %v", err)
	}
	if err := crowd.Settle(stage.Within(t)); err != nil {
		t.Errorf("not all ledgers are closed: %v", err)
	}
	// A message that came again behind the last one has come by now.
	if missing == 0 {
		if err := crowd.Complete(ends); err != nil {
			missing = 1
			t.Errorf("a client has more than everything: %v", err)
		}
	}
	t.None("crowds that miss a message, or have one twice or out of order", missing)
	r := crowd.Report()
	t.None("promises broken on a connection (seq, sent, replayed, cursor)", len(r.Broken))
	if len(r.Broken) > 0 {
		t.Errorf("broken: %q", r.Broken)
	}
	t.None("resumes that lost something", r.NotRecovered)
	return r
}

// crowdChannels are n channels of an event, with symbols that no other fault uses.
func crowdChannels(event string, n int) []audience.Channel {
	var all []audience.Channel
	for range n {
		all = append(all, audience.Channel{Symbol: stage.Symbol(), Event: event})
	}
	return all
}

// allOf lets each member have all channels, oneOf one each in turn.
func allOf(channels []audience.Channel) func(int) []string {
	var names []string
	for _, c := range channels {
		names = append(names, c.Name())
	}
	return func(int) []string { return names }
}

func oneOf(channels []audience.Channel) func(int) []string {
	return func(i int) []string { return []string{channels[i%len(channels)].Name()} }
}
