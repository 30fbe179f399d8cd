package wire_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/kit/wire"
)

func TestParseTopics(t *testing.T) {
	tests := []struct {
		in   string
		want []wire.Topic
	}{
		{wire.DefaultTopics, []wire.Topic{
			{Name: "odin.trades", Event: "trade"}, {Name: "odin.liquidity", Event: "liquidity"},
			{Name: "odin.metadata", Event: "metadata"}, {Name: "odin.social", Event: "social"},
			{Name: "odin.favorites", Event: "favorites"}, {Name: "odin.creation", Event: "creation"},
			{Name: "odin.analytics", Event: "analytics"}, {Name: "odin.balances", Event: "balances"},
		}},
		{"trades", []wire.Topic{{Name: "trades", Event: "trades"}}},
		{"a.b.trades", []wire.Topic{{Name: "a.b.trades", Event: "trades"}}},
		{"\ta.x = x ,b\n", []wire.Topic{{Name: "a.x", Event: "x"}, {Name: "b", Event: "b"}}},
		{strings.Repeat("t", 249) + "=t", []wire.Topic{{Name: strings.Repeat("t", 249), Event: "t"}}},
	}
	for _, test := range tests {
		got, err := wire.ParseTopics(test.in)
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("ParseTopics(%q) = %v, %v", test.in, got, err)
		}
	}
	for in, says := range map[string]string{
		"":                           "list at least one",
		" ":                          "list at least one",
		"a,":                         "names no topic",
		",a":                         "names no topic",
		"a,,b":                       "names no topic",
		"=trade":                     "names no topic",
		"a b=trade":                  "no Kafka topic name",
		"..":                         "no Kafka topic name",
		strings.Repeat("t", 250):     "no Kafka topic name",
		"a=":                         `has the event ""`,
		"a.=b.c":                     `has the event "b.c"`,
		"a.":                         `has the event ""`,
		"a=b=c":                      `has the event "b=c"`,
		"a=*":                        `has the event "*"`,
		strings.Repeat("t", 65):      "has the event",
		"a=x,a=y":                    `"a" is listed twice`,
		"a=x,b=x":                    `"a" and "b" have one event "x"`,
		"one.trades,two.trades":      `"one.trades" and "two.trades" have one event "trades"`,
		"one.trades,x=trades,z=last": `"one.trades" and "x" have one event "trades"`,
	} {
		got, err := wire.ParseTopics(in)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("ParseTopics(%q) = %v, %v; want …%s…", in, got, err, says)
		}
	}
}
