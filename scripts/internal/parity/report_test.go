package parity

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

// example is a report with figures that were thought up.
func example() *Report {
	digest := strings.Repeat("9f3c2b7a41d05e68", 4)
	variantOf := func(name, version, tree string) Variant {
		return Variant{
			Name: name, Version: version, Commit: strings.Repeat("6b1d", 10), Tree: strings.Repeat(tree, 10), Digest: digest,
			Counts: map[Kind]int64{Missing: 0, Double: 0, Reordered: 0, Changed: 0, Unknown: 0, Late: 0},
			Later:  Later{Records: 60_000, P50: 0.412, P99: 3.27, Max: 118.4},
		}
	}
	r := &Report{
		Schema: Schema, Started: time.Date(2026, 3, 9, 8, 15, 0, 0, time.UTC), Seconds: 126.5,
		Command: "scripts/parity --for 2m --json parity.json", Kafka: "4.3.0", Host: "AMD EPYC, 2 CPUs",
		Variants: []Variant{variantOf("ws-single", "1.0.0", "07be"), variantOf("ws-multi", "0.1.0", "5d10")},
		Load:     Load{Rate: 1000, Seconds: 120, Seed: 7, Kinds: map[string]int64{"of the market": 117_590, "tombstones": 2410}},
		Limits:   Limits{LateMS: 10_000, SettleS: 60},
		Topics: []Topic{
			{Topic: "parity.trade", Event: "trade", Log: "9f3c2b7a41d05e68", Partitions: []Partition{{0, 0, 60_000, 59_400}, {1, 0, 0, 0}}},
			{Topic: "parity.social", Event: "social", Log: "07be61d2c94fa835", Partitions: []Partition{{0, 120, 60_120, 60_000}}},
		},
		Records: 119_400, Messages: 716_400, Digest: digest,
		Channels: []Channel{
			{Channel: "BTC.trade", Records: 59_400, Log: digest, Digests: map[string]string{"ws-single": digest, "ws-multi": digest}, Alike: true},
			{Channel: "A|B.social", Records: 60_000, Log: digest, Digests: map[string]string{"ws-single": digest, "ws-multi": digest}, Alike: true},
		},
		Clients: []Client{
			{Name: "every event, steady on ws-single", Patterns: 2, Messages: 119_400, Travels: Travels{Connections: 1}, Alike: true, Came: true},
			{Name: "every event, steady on ws-multi", Patterns: 2, Messages: 119_400, Travels: Travels{Connections: 1}, Alike: true, Came: true},
			{Name: "every event, moving 1", Patterns: 2, Moving: true, Messages: 119_400, Travels: Travels{Connections: 41, Cuts: 27, Leaves: 13, Moves: 22, Retried: 1}, Alike: true, Came: true},
		},
		Differences: []Difference{}, Wrong: []string{},
	}
	r.Judge()
	return r
}

// unlike is the example with what can be wrong.
func unlike() *Report {
	r := example()
	other := strings.Repeat("07be61d2c94fa835", 4)
	multi := &r.Variants[1]
	multi.Counts[Missing], multi.Counts[Changed], multi.Digest = 3, 1, other
	multi.Tree, multi.NoTree = "", "there are changes that are not committed in ws-multi: ws-multi/run.go; commit them or take them away"
	r.Channels[1].Digests["ws-multi"], r.Channels[1].Alike = other, false
	r.Clients[1].Alike, r.Clients[1].Differences, r.Clients[1].Messages = false, 4, 119_397
	r.Clients[2].Came = false
	r.Differences = []Difference{
		{Kind: Missing, On: "ws-multi", Client: r.Clients[1].Name, Channel: "A|B.social", Pos: "social/0:4711", Detail: "offset 4712 came, and it had not"},
		{Kind: Changed, On: "ws-multi", Client: r.Clients[1].Name, Channel: "A|B.social", Pos: "social/0:4713", Detail: "its value, or the text around it, is not as the log has it"},
	}
	r.Wrong = []string{"ws-multi, every event, moving 1: the cursor was not recovered: lost social"}
	r.Judge()
	return r
}

func TestGolden(t *testing.T) {
	for name, r := range map[string]*Report{"alike": example(), "unlike": unlike()} {
		var page bytes.Buffer
		r.Markdown(&page)
		file, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		for ext, got := range map[string][]byte{".md": page.Bytes(), ".json": append(file, '\n')} {
			path := filepath.Join("testdata", name+ext)
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s is not as it was; if it may be so, go test ./internal/parity -run Golden -update\n%s", path, got)
			}
		}
	}
}

// What was written can be read, and a file that says passed and tells otherwise cannot.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "new", "parity.json")
	for _, r := range []*Report{example(), unlike()} {
		if err := r.Write(path); err != nil {
			t.Fatal(err)
		}
		got, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(path); err != nil || bytes.Contains(b, []byte("null")) {
			t.Errorf("there is a null, or %v", err)
		}
		if got.Passed != r.Passed || got.Tree("ws-single") != r.Variants[0].Tree || got.Tree("ws-multi") != r.Variants[1].Tree || got.Tree("ws-none") != "" {
			t.Errorf("%+v", got)
		}
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
	for name, change := range map[string]func(*Report){
		"$schema":            func(r *Report) { r.Schema += "0" },
		"of 1 variants":      func(r *Report) { r.Variants = r.Variants[:1] },
		"missing":            func(r *Report) { r.Variants[0].Counts[Missing] = 1 },
		"unlike":             func(r *Report) { r.Channels[0].Alike = false },
		"digest":             func(r *Report) { r.Variants[1].Digest = "0" },
		"no records":         func(r *Report) { r.Records = 0 },
		"not at the end":     func(r *Report) { r.Clients[0].Came = false },
		"nobody moved":       func(r *Report) { r.Clients[2].Moves = 0 },
		"nothing came":       func(r *Report) { r.Clients[1].Messages = 0 },
		"no times":           func(r *Report) { r.Variants[0].Later.Records, r.Variants[1].Later.Records = 0, 0 },
		"a promise broken":   func(r *Report) { r.Wrong = []string{"a hole in seq"} },
		"not passed and why": func(r *Report) { r.Passed = false },
	} {
		r := example()
		change(r)
		if err := r.Write(path); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); err == nil {
			t.Errorf("%s: it was read", name)
		}
	}
	for name, text := range map[string]string{"empty": "", "another": `{"passed":true}`} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); err == nil {
			t.Errorf("%s: it was read", name)
		}
	}
	if _, err := Read(filepath.Join(dir, "none")); err == nil {
		t.Error("a file that is not there was read")
	}
}
