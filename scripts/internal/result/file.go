package result

import (
	"bytes"
	_ "embed" // the schema
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// SchemaID is what a result's $schema says. Its number goes up when what an older bench wrote cannot be read any more.
const SchemaID = "https://github.com/adred-codev/ws_poc/scripts/internal/result/v1/result.schema.json"

// Schema describes a result's file: JSON Schema, draft 2020-12. It is made of the Go types and their comments by
// go test ./internal/result -update.
//
//go:embed result.schema.json
var Schema []byte

var compiled = sync.OnceValues(func() (*jsonschema.Schema, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		return nil, fmt.Errorf("read the results' schema: %w", err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(SchemaID, document); err != nil {
		return nil, fmt.Errorf("read the results' schema: %w", err)
	}
	s, err := c.Compile(SchemaID)
	if err != nil {
		return nil, fmt.Errorf("read the results' schema: %w", err)
	}
	return s, nil
})

// Write puts the result into a file, whole or not at all; folders on the way are made. A figure that is no number is
// written as 0, and what does not fit the schema is written as it is: a run takes minutes. The error tells of both.
func (r *Result) Write(path string) error {
	r.complete()
	var wrong []error
	for _, field := range noNumbers(reflect.ValueOf(r), "") {
		wrong = append(wrong, fmt.Errorf("write result %s: %s is no number, 0 stands in its place", path, field))
	}
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("write result %s: %w", path, err)
	}
	if err := replace(path, append(b, '\n')); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	if err := check(b); err != nil {
		wrong = append(wrong, fmt.Errorf("write result %s: it is there, and nothing will read it: %w", path, err))
	}
	return errors.Join(wrong...)
}

// noNumbers sets what JSON has no figure for to 0, and returns the fields' names.
func noNumbers(v reflect.Value, name string) []string {
	var found []string
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			found = noNumbers(v.Elem(), name)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			break
		}
		for i := range v.NumField() {
			found = append(found, noNumbers(v.Field(i), name+"."+v.Type().Field(i).Name)...)
		}
	case reflect.Slice:
		for i := range v.Len() {
			found = append(found, noNumbers(v.Index(i), fmt.Sprintf("%s[%d]", name, i))...)
		}
	case reflect.Float64:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			v.SetFloat(0)
			found = append(found, strings.TrimPrefix(name, "."))
		}
	}
	return found
}

// complete turns lists that are not there into empty ones: the schema knows no null.
func (r *Result) complete() {
	r.Schema = SchemaID
	fill(&r.Command)
	fill(&r.Servers)
	fill(&r.Cores.Server)
	fill(&r.Cores.Load)
	fill(&r.Lanes)
	fill(&r.Timeline)
	fill(&r.Judgements)
	fill(&r.Refusals)
	if r.Versions == nil {
		r.Versions = map[string]string{}
	}
	if c := r.Capacity; c != nil {
		fill(&c.Trials)
		if c.Settings == nil {
			c.Settings = map[string]string{}
		}
	}
}

func fill[T any](list *[]T) {
	if *list == nil {
		*list = []T{}
	}
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
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// Read reads what Write wrote, and says what is wrong with a file that is something else.
func Read(path string) (*Result, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read result: %w", err)
	}
	var head struct {
		Schema string `json:"$schema"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, fmt.Errorf("read result %s: %w", path, err)
	}
	if head.Schema != SchemaID {
		return nil, fmt.Errorf("read result %s: its $schema is %q, and this bench reads %s: take the bench that wrote it", path, head.Schema, SchemaID)
	}
	if err := check(b); err != nil {
		return nil, fmt.Errorf("read result %s: %w", path, err)
	}
	r := &Result{}
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("read result %s: %w", path, err)
	}
	return r, nil
}

func check(b []byte) error {
	schema, err := compiled()
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		return err
	}
	return schema.Validate(v)
}
