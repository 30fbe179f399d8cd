package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/produce"
	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

var testTopics = []wire.Topic{{Name: "odin.trades", Event: "trade"}, {Name: "odin.social", Event: "social"}}

func TestParseRecord(t *testing.T) {
	anywhere := produce.Record{Topic: "odin.trades", Event: "trade", Partition: kafka.PartitionAny}
	with := func(change func(*produce.Record)) produce.Record {
		r := anywhere
		change(&r)
		return r
	}
	for line, want := range map[string]produce.Record{
		`{"event":"trade","key":"BTC","value":{"a": 1.0, "b":[ ]}}`: with(func(r *produce.Record) {
			r.Key, r.Value = []byte("BTC"), []byte(`{"a": 1.0, "b":[ ]}`)
		}),
		`{"topic":"odin.trades","value":null,"key":""}`: with(func(r *produce.Record) { r.Key = []byte{} }),
		`{"topic":"elsewhere","value":"text"}`: with(func(r *produce.Record) {
			r.Topic, r.Event, r.Value = "elsewhere", "elsewhere", []byte(`"text"`)
		}),
		`{"event":"trade","value_base64":"","key_base64":"/wA="}`: with(func(r *produce.Record) {
			r.Key, r.Value = []byte{0xff, 0}, []byte{}
		}),
		`{"event":"trade","value_base64":"bnVsbA==","partition":3,"timestamp":1700000000123}`: with(func(r *produce.Record) {
			r.Value, r.Partition, r.Timestamp = []byte("null"), 3, time.UnixMilli(1700000000123)
		}),
		`{"event":"trade","value":0,"headers":{"symbol":["A","B",null],"id":"7","empty":null}}`: with(func(r *produce.Record) {
			r.Value = []byte("0")
			r.Headers = []kafka.Header{{Key: "empty"}, {Key: "id", Value: []byte("7")},
				{Key: "symbol", Value: []byte("A")}, {Key: "symbol", Value: []byte("B")}, {Key: "symbol"}}
		}),
	} {
		got, err := parseRecord([]byte(line), testTopics)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s\n got %+v, %v\nwant %+v", line, got, err, want)
		}
	}
}

func TestABadLineSaysWhereAndWhy(t *testing.T) {
	const good = `{"event":"trade","key":"BTC","value":1}`
	for line, why := range map[string]string{
		`{"event":"trade"`:                                       "the object does not end",
		`{"event":"trade","value":1} {}`:                         "something follows the object",
		`[]`:                                                     "not a record: ",
		`{"event":"trade","vaule":1}`:                            `unknown field "vaule"`,
		`{"event":"trade","value":{]}`:                           "invalid character ']'",
		`{"event":"trade","topic":"t","value":1}`:                "both topic and event",
		`{"value":1}`:                                            "neither topic nor event",
		`{"event":"weather","value":1}`:                          `event "weather" has no topic`,
		`{"event":"trade","key":"BTC"}`:                          "neither value nor value_base64",
		`{"event":"trade","value":1,"value_base64":""}`:          "both value and value_base64",
		`{"event":"trade","value_base64":"%"}`:                   "value_base64: illegal base64",
		`{"event":"trade","value":1,"key":"a","key_base64":""}`:  "both key and key_base64",
		`{"event":"trade","value":1,"partition":-1}`:             "partition -1: must be 0 or more",
		`{"event":"trade","value":1,"partition":4294967296}`:     "cannot unmarshal number 4294967296",
		`{"event":"trade","value":1,"timestamp":-5}`:             "timestamp -5",
		`{"event":"trade","value":1,"headers":{"a":{"b":"c"}}}`:  "a header is a string, null or a list of them",
		`{"event":"trade","value":1,"headers":["symbol","BTC"]}`: "cannot unmarshal array",
	} {
		path := write(t, good+"\n\n"+line+"\n"+good+"\n")
		_, err := openRecords(path, testTopics)
		if err == nil || !strings.Contains(err.Error(), path+":3: ") || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, want %s:3: and %q", line, err, path, why)
		}
	}
}

func TestFiles(t *testing.T) {
	path := write(t, `{"event":"social","key":"A","value":1}`+"\r\n\n"+`{"topic":"t","value":2}`+"\n"+`{"event":"social","value":3}`)
	r, err := openRecords(path, testTopics)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	if r.total != 3 || !slices.Equal(r.needed, []string{"odin.social", "t"}) {
		t.Errorf("%d records for %v", r.total, r.needed)
	}
	var values []string
	for {
		rec, err := r.Next(time.Time{})
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, string(rec.Value))
	}
	if !slices.Equal(values, []string{"1", "2", "3"}) {
		t.Errorf("values %v", values)
	}

	for path, want := range map[string]string{
		write(t, "\n \n"):                    "no records in it",
		t.TempDir():                          "is a directory",
		filepath.Join(t.TempDir(), "absent"): "no such file",
	} {
		if _, err := openRecords(path, testTopics); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want it to say %q", path, err, want)
		}
	}
}

func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "records.jsonl")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func FuzzParseRecord(f *testing.F) {
	f.Add([]byte(`{"event":"trade","key":"BTC","value":{"a":1},"headers":{"symbol":["A",null]},"partition":1,"timestamp":5}`))
	f.Add([]byte(`{"topic":"t","value":null,"key_base64":"AAA="}`))
	f.Add([]byte(`{"event":"trade","value_base64":"AAAA"} x`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := parseRecord(line, testTopics)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("an error of more than one line: %v", err)
			}
			return
		}
		if r.Topic == "" || r.Event == "" || r.Partition < kafka.PartitionAny {
			t.Errorf("accepted %q as %+v", line, r)
		}
		if bytes.Equal(r.Value, []byte("null")) && !bytes.Contains(line, []byte("value_base64")) {
			t.Errorf("null is a tombstone, not a value: %q", line)
		}
	})
}
