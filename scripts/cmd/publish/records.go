package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/internal/produce"
	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// records reads a file of JSON lines, one a record. A regular file is read twice: all of it is checked before the
// first record is published. Anything else (a pipe) is checked as it comes.
type records struct {
	file   *os.File
	lines  *bufio.Reader
	topics []wire.Topic
	line   int
	total  int      // of a regular file
	needed []string // topics that a regular file names, or the configured ones
}

func openRecords(path string, topics []wire.Topic) (*records, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--file: %w", err)
	}
	r := &records{file: f, lines: bufio.NewReaderSize(f, 1<<16), topics: topics}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = fmt.Errorf("--file: %s is a directory", path)
	case info.Mode().IsRegular():
		err = r.check()
	default:
		for _, t := range topics {
			r.needed = append(r.needed, t.Name)
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return r, nil
}

func (r *records) close() error { return r.file.Close() }

// check reads the whole file once, notes what it needs and goes back to its beginning.
func (r *records) check() error {
	for {
		rec, err := r.Next(time.Time{})
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		r.total++
		if !slices.Contains(r.needed, rec.Topic) {
			r.needed = append(r.needed, rec.Topic)
		}
	}
	if r.total == 0 {
		return fmt.Errorf("%s: no records in it", r.file.Name())
	}
	if _, err := r.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read %s again: %w", r.file.Name(), err)
	}
	r.lines.Reset(r.file)
	r.line = 0
	return nil
}

// Next returns the next line's record; blank lines are passed over. An error names file and line.
func (r *records) Next(time.Time) (produce.Record, error) {
	for {
		line, err := r.lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return produce.Record{}, fmt.Errorf("read %s: %w", r.file.Name(), err)
		}
		r.line++
		if line = bytes.TrimSpace(line); len(line) > 0 {
			rec, perr := parseRecord(line, r.topics)
			if perr != nil {
				return produce.Record{}, fmt.Errorf("%s:%d: %w", r.file.Name(), r.line, perr)
			}
			return rec, nil
		}
		if err != nil {
			return produce.Record{}, io.EOF
		}
	}
}

// parseRecord reads one line. The value's bytes are taken as they stand, spaces and all.
func parseRecord(line []byte, topics []wire.Topic) (produce.Record, error) {
	var l struct {
		Topic       string            `json:"topic"`
		Event       string            `json:"event"`
		Key         *string           `json:"key"`
		KeyBase64   *string           `json:"key_base64"`
		Value       json.RawMessage   `json:"value"`
		ValueBase64 *string           `json:"value_base64"`
		Headers     map[string]header `json:"headers"`
		Partition   *int32            `json:"partition"`
		Timestamp   int64             `json:"timestamp"`
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("the object does not end")
		}
		return produce.Record{}, fmt.Errorf("not a record: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if d.InputOffset() != int64(len(line)) {
		return produce.Record{}, errors.New("not a record: something follows the object")
	}
	r := produce.Record{Topic: l.Topic, Partition: kafka.PartitionAny}
	switch {
	case l.Topic != "" && l.Event != "":
		return r, errors.New("both topic and event: give one of them")
	case l.Event != "":
		for _, t := range topics {
			if t.Event == l.Event {
				r.Topic = t.Name
			}
		}
		if r.Topic == "" {
			return r, fmt.Errorf("event %q has no topic in --topics", l.Event)
		}
	case l.Topic == "":
		return r, errors.New("neither topic nor event")
	}
	r.Event = eventOf(topics, r.Topic)
	var err error
	if r.Key, err = bytesOf("key", l.Key, l.KeyBase64); err != nil {
		return r, err
	}
	switch {
	case l.Value == nil && l.ValueBase64 == nil:
		return r, errors.New("neither value nor value_base64; a tombstone is \"value\": null")
	case l.Value != nil && l.ValueBase64 != nil:
		return r, errors.New("both value and value_base64: give one of them")
	case l.ValueBase64 != nil:
		if r.Value, err = bytesOf("value", nil, l.ValueBase64); err != nil {
			return r, err
		}
	case string(l.Value) != "null":
		r.Value = l.Value
	}
	for name, h := range l.Headers {
		for _, v := range h {
			r.Headers = append(r.Headers, kafka.Header{Key: name, Value: v})
		}
	}
	// Of a JSON object's members the order says nothing: keep it the same from run to run.
	slices.SortStableFunc(r.Headers, func(a, b kafka.Header) int { return strings.Compare(a.Key, b.Key) })
	if l.Partition != nil {
		if r.Partition = *l.Partition; r.Partition < 0 {
			return r, fmt.Errorf("partition %d: must be 0 or more", r.Partition)
		}
	}
	if l.Timestamp < 0 {
		return r, fmt.Errorf("timestamp %d: must be Unix milliseconds", l.Timestamp)
	}
	if l.Timestamp > 0 {
		r.Timestamp = time.UnixMilli(l.Timestamp)
	}
	return r, nil
}

func bytesOf(name string, text, encoded *string) ([]byte, error) {
	switch {
	case text != nil && encoded != nil:
		return nil, fmt.Errorf("both %s and %s_base64: give one of them", name, name)
	case text != nil:
		return []byte(*text), nil
	case encoded == nil:
		return nil, nil
	}
	b, err := base64.StdEncoding.DecodeString(*encoded)
	if err != nil {
		return nil, fmt.Errorf("%s_base64: %w", name, err)
	}
	return b, nil
}

// header is a record header's values: a string, null, or a list of these.
type header [][]byte

func (h *header) UnmarshalJSON(b []byte) error {
	var list []*string
	if err := json.Unmarshal(b, &list); err != nil || string(b) == "null" {
		var one *string
		if err := json.Unmarshal(b, &one); err != nil {
			return errors.New("a header is a string, null or a list of them")
		}
		list = []*string{one}
	}
	for _, s := range list {
		if s == nil {
			*h = append(*h, nil)
		} else {
			*h = append(*h, []byte(*s))
		}
	}
	return nil
}
