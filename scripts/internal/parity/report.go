package parity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Schema is what a report's $schema says. Its number goes up when a field gets another meaning or goes; fields may be added.
const Schema = "https://github.com/adred-codev/ws_poc/scripts/internal/parity/v1"

// Report is what a comparison found, as its JSON file has it. Lists and maps are never null.
type Report struct {
	Schema string `json:"$schema"`
	// Passed: the variants are alike. It is false when anything stands in Why.
	Passed  bool      `json:"passed"`
	Why     []string  `json:"why"` // sentences, for people
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"` // of comparison, without the start of the servers
	Command string    `json:"command"`
	Kafka   string    `json:"kafka"` // the broker's version, or where it is when that is not known
	Host    string    `json:"host"`  // the machine, in a few words

	Variants []Variant `json:"variants"` // two
	Load     Load      `json:"load"`
	Limits   Limits    `json:"limits"`
	Topics   []Topic   `json:"topics"`

	Records  int64     `json:"records"`  // of the log, with a channel, within the topics' offsets
	Messages int64     `json:"messages"` // that clients got of them, all clients together
	Digest   string    `json:"digest"`   // of all channels, as the log has them
	Channels []Channel `json:"channels"`
	Clients  []Client  `json:"clients"`

	Differences []Difference `json:"differences"` // examples, a few of each kind and variant; the counts are in Variants
	Wrong       []string     `json:"wrong"`       // what else was wrong: promises of the protocol that were broken
}

// Variant is one of the two.
type Variant struct {
	Name    string `json:"name"`
	Version string `json:"version"` // as its welcome has it
	Commit  string `json:"commit"`  // of the repository, or as the server told it; "": not known
	// Tree names what was compared: treehash.Of. "" where that is not known, as with files that are not committed: then the report
	// is evidence of nothing.
	Tree   string `json:"tree"`
	NoTree string `json:"no_tree,omitempty"` // why Tree is ""
	URL    string `json:"url,omitempty"`     // of a server that ran before; "": it was built and started for this
	Digest string `json:"digest"`            // of all channels, as its steady clients got them
	// Counts of differences by Kind; a kind without any is 0. A difference is counted where it was seen: of a client that moves at
	// the variant that it was on.
	Counts map[Kind]int64 `json:"counts"`
	Later  Later          `json:"later"`
}

// Later is how much later a variant brought the records that the other one brought first, in ms. Steady clients alone count.
type Later struct {
	Records int64   `json:"records"`
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
	Max     float64 `json:"max_ms"`
}

// Load is what was published.
type Load struct {
	Rate    float64          `json:"rate_per_s"` // 0: others published
	Seconds float64          `json:"seconds"`
	Seed    uint64           `json:"seed"`
	Kinds   map[string]int64 `json:"kinds"` // records by what is special about them
}

// Limits are what counts as late, and as not coming.
type Limits struct {
	LateMS  float64 `json:"late_ms"` // 0: nothing is late
	SettleS float64 `json:"settle_s"`
}

// Topic is what of a topic was compared.
type Topic struct {
	Topic      string      `json:"topic"`
	Event      string      `json:"event"`
	Log        string      `json:"log"` // P6.1
	Partitions []Partition `json:"partitions"`
}

// Partition is a range of offsets.
type Partition struct {
	Partition int32 `json:"partition"`
	From      int64 `json:"from"`    // the first one
	Until     int64 `json:"until"`   // the one after the last
	Records   int64 `json:"records"` // in the range that have a channel
}

// Channel is one channel's digests: of the log, and of a steady client of each variant, by its name.
type Channel struct {
	Channel string            `json:"channel"`
	Records int64             `json:"records"`
	Log     string            `json:"log"`
	Digests map[string]string `json:"digests"`
	Alike   bool              `json:"alike"` // all clients that asked for it, moving ones too, have the log's
}

// Client is one of the clients, over all its connections.
type Client struct {
	Name     string `json:"name"`
	Patterns int    `json:"patterns"`
	Moving   bool   `json:"moving"`
	Messages int64  `json:"messages"`
	Travels
	Differences int64 `json:"differences"`
	Alike       bool  `json:"alike"` // each of its channels has the log's digest
	Came        bool  `json:"came_to_the_end"`
}

// Difference is one message that one client did not get as it should.
type Difference struct {
	Kind    Kind   `json:"kind"`
	On      string `json:"on"` // the variant
	Client  string `json:"client"`
	Channel string `json:"channel"`
	Pos     string `json:"pos"`
	Detail  string `json:"detail"`

	on int
}

// Tree returns the tree hash of a variant in the report, "" if it is not there or not known.
func (r *Report) Tree(name string) string {
	for _, v := range r.Variants {
		if v.Name == name {
			return v.Tree
		}
	}
	return ""
}

// Write puts the report into a file, whole or not at all; folders on the way are made.
func (r *Report) Write(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if err := replace(path, append(b, '\n')); err != nil {
		return fmt.Errorf("write report %s: %w", path, err)
	}
	return nil
}

// WritePage puts the page into a file, as Write does.
func (r *Report) WritePage(path string) error {
	var b bytes.Buffer
	r.Markdown(&b)
	if err := replace(path, b.Bytes()); err != nil {
		return fmt.Errorf("write page %s: %w", path, err)
	}
	return nil
}

// replace writes beside the file and renames, so that a reader sees the old one or the new one.
func replace(path string, b []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// Read reads what Write wrote, and refuses what is something else or contradicts itself: passed, with differences.
func Read(path string) (*Report, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read parity report: %w", err)
	}
	var r Report
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("read parity report %s: %w", path, err)
	}
	if r.Schema != Schema {
		return nil, fmt.Errorf("read parity report %s: its $schema is %q, and this program reads %s: make it anew with scripts/parity", path, r.Schema, Schema)
	}
	if len(r.Variants) != 2 {
		return nil, fmt.Errorf("read parity report %s: it is of %d variants", path, len(r.Variants))
	}
	if r.Passed != (len(r.verdict()) == 0 && len(r.Why) == 0) {
		return nil, fmt.Errorf("read parity report %s: passed is %t, and what it tells says otherwise", path, r.Passed)
	}
	return &r, nil
}
