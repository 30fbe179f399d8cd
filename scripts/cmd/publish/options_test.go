package main

import (
	"bytes"
	"errors"
	"flag"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func noEnv(string) string { return "" }

func TestParse(t *testing.T) {
	env := map[string]string{
		"KAFKA_BROKERS": "b1:9092", "KAFKA_TOPICS": "x.trade, y=social", "CALLER_DIR": "/home/me",
		"KAFKA_PROPERTIES": "client.id=me",
	}
	o, err := parse([]string{
		"--rate", "2.5/s", "--symbols", "BTC,SOL", "--events", "social", "--duration", "1m", "--zipf", "0", "--start-n", "7",
	}, func(n string) string { return env[n] }, nil)
	if err != nil {
		t.Fatal(err)
	}
	if o.brokers != "b1:9092" || o.rate != 2.5 || o.duration != time.Minute || o.properties["client.id"] != "me" || o.partitions != 12 {
		t.Errorf("options %+v", o)
	}
	if !slices.Equal(o.feed.Symbols, []string{"BTC", "SOL"}) || !slices.Equal(o.feed.Events, []string{"social"}) ||
		o.feed.StartN != 7 || o.feed.Zipf != 0 {
		t.Errorf("feed options %+v", o.feed)
	}
	_, topics, err := o.source()
	if err != nil || !slices.Equal(topics, []string{"y"}) {
		t.Errorf("topics %v, %v; want y alone", topics, err)
	}

	o, err = parse([]string{"--file", "r.jsonl"}, func(n string) string { return env[n] }, nil)
	if err != nil || o.file != "/home/me/r.jsonl" {
		t.Errorf("file %q, %v; want it in the caller's directory", o.file, err)
	}

	o, err = parse(nil, noEnv, nil)
	if err != nil || len(o.feed.Symbols) != 100 || len(o.feed.Events) != 8 || o.brokers != "localhost:9092" || o.rate != 1000 {
		t.Errorf("defaults %+v, %v", o, err)
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	for args, want := range map[string]string{
		"--rate 0":                           `"0" for flag -rate: want records a second, such as 1000/s`,
		"--rate fast":                        "such as 1000/s",
		"--duration 5":                       `"5" for flag -duration`,
		"--duration -1s":                     "--duration -1s: must not be negative",
		"--partitions 0":                     "--partitions 0: must be 1 to 10000",
		"--symbols 0":                        "0 symbols: must be 1 to 1000000",
		"--symbols BTC,A.B":                  `"A.B" is no symbol`,
		"--symbols ,":                        "none listed",
		"--events weather":                   `no event "weather": the market makes trade, liquidity`,
		"--events social --topics a.trade":   `event "social" has no topic: --topics has trade`,
		"--topics a.weather":                 "none of the events the market makes",
		"--topics a=trade,b=trade":           "--topics: ",
		"--properties x":                     `"x": want name=value`,
		"--file f --seed 3":                  "--seed is for the market",
		"--speed 3":                          "not defined: -speed",
		"now":                                `unexpected "now"`,
		"--zipf x":                           "flag -zipf",
		"--events , --topics odin.trade":     "--events: none listed",
		"--properties a.b=c --brokers b:1 x": `unexpected "x"`,
	} {
		_, err := parse(strings.Fields(args), noEnv, nil)
		if !errors.Is(err, errUsage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want it to say %q", args, err, want)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: more than one line: %v", args, err)
		}
	}
}

func TestHelp(t *testing.T) {
	var out bytes.Buffer
	_, err := parse([]string{"--help"}, noEnv, &out)
	if !errors.Is(err, flag.ErrHelp) {
		t.Fatal(err)
	}
	for _, want := range []string{"scripts/publish --rate", "-brokers", "-start-n", "tombstone"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the help does not mention %q", want)
		}
	}
}

func TestSplitList(t *testing.T) {
	if got := splitList(" a, b c,,d "); !reflect.DeepEqual(got, []string{"a", "b", "c", "d"}) {
		t.Errorf("%q", got)
	}
}
