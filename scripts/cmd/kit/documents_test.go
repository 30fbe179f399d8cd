package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/kit/wire/schema"
)

// The schemas and the AsyncAPI document of kit are checked here, for kit itself
// uses the standard library only.

// sides are the two ends, each with a schema.
var sides = map[string][]byte{"client": schema.Client, "server": schema.Server}

const schemaBase = "https://github.com/adred-codev/ws_poc/kit/wire/schema/"

func wireFile(t *testing.T, name string) []byte {
	t.Helper()
	root, err := findRoot()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(root, "kit", "wire", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// goldens are the golden files by name, without the newline at their end.
func goldens(t *testing.T) map[string][]byte {
	t.Helper()
	root, err := findRoot()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "kit", "wire", "testdata", "golden", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	found := map[string][]byte{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found[strings.TrimSuffix(filepath.Base(file), ".json")] = bytes.TrimSpace(b)
	}
	return found
}

func compiler(t *testing.T) *jsonschema.Compiler {
	t.Helper()
	c := jsonschema.NewCompiler()
	for side, document := range sides {
		if err := c.AddResource(schemaBase+side+".json", instance(t, document)); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func compile(t *testing.T, c *jsonschema.Compiler, location string) *jsonschema.Schema {
	t.Helper()
	s, err := c.Compile(location)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func instance(t *testing.T, b []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// kind is a message's type.
func kind(t *testing.T, b []byte) string {
	t.Helper()
	var message struct{ Type string }
	if err := json.Unmarshal(b, &message); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return message.Type
}

func TestGoldensFitTheirSchema(t *testing.T) {
	c := compiler(t)
	covered := map[string]bool{}
	for name, b := range goldens(t) {
		side, _, _ := strings.Cut(name, ".")
		definition := side + ".json#/$defs/" + kind(t, b)
		covered[definition] = true
		for _, location := range []string{side + ".json", definition} {
			if err := compile(t, c, schemaBase+location).Validate(instance(t, b)); err != nil {
				t.Errorf("%s against %s: %v", name, location, err)
			}
		}
	}
	for side, document := range sides {
		for _, kind := range alternatives(t, document) {
			if !covered[side+".json#/$defs/"+kind] {
				t.Errorf("no golden file for the %s's %s", side, kind)
			}
		}
	}
}

// alternatives are the message types that a schema knows.
func alternatives(t *testing.T, document []byte) []string {
	t.Helper()
	var s struct {
		OneOf []map[string]string `json:"oneOf"`
	}
	if err := json.Unmarshal(document, &s); err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, one := range s.OneOf {
		kinds = append(kinds, strings.TrimPrefix(one["$ref"], "#/$defs/"))
	}
	slices.Sort(kinds)
	return kinds
}

func TestInvalidSamplesDoNotFitTheirSchema(t *testing.T) {
	c := compiler(t)
	var samples []struct {
		Name, Side string
		Message    json.RawMessage
	}
	if err := json.Unmarshal(wireFile(t, "testdata/invalid.json"), &samples); err != nil {
		t.Fatal(err)
	}
	for _, sample := range samples {
		if sides[sample.Side] == nil {
			t.Errorf("%s: the side %q", sample.Name, sample.Side)
			continue
		}
		if compile(t, c, schemaBase+sample.Side+".json").Validate(instance(t, sample.Message)) == nil {
			t.Errorf("%s: the %s's schema accepts %s", sample.Name, sample.Side, sample.Message)
		}
	}
}

// Every error code has the schema's `temporary`, and no other code passes.
func TestErrorCodesFitTheirSchema(t *testing.T) {
	s := compile(t, compiler(t), schemaBase+"server.json")
	for _, code := range wire.ErrorCodes() {
		message := wire.Error{Code: code, Message: "m"}.Append(nil)
		if err := s.Validate(instance(t, message)); err != nil {
			t.Errorf("%s: %v", message, err)
		}
	}
	var document struct {
		Defs map[string]struct {
			Properties map[string]struct {
				Enum []wire.ErrorCode `json:"enum"`
			} `json:"properties"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(schema.Server, &document); err != nil {
		t.Fatal(err)
	}
	if got := document.Defs["error"].Properties["code"].Enum; !slices.Equal(got, wire.ErrorCodes()) {
		t.Errorf("the schema has the codes %v, Go has %v", got, wire.ErrorCodes())
	}
}

type asyncAPI struct {
	AsyncAPI string `yaml:"asyncapi"`
	Channels map[string]struct {
		Address  string               `yaml:"address"`
		Messages map[string]reference `yaml:"messages"`
	} `yaml:"channels"`
	Operations map[string]struct {
		Action   string      `yaml:"action"`
		Channel  reference   `yaml:"channel"`
		Messages []reference `yaml:"messages"`
	} `yaml:"operations"`
	Components struct {
		Messages map[string]struct {
			Name    string `yaml:"name"`
			Payload struct {
				Schema reference `yaml:"schema"`
			} `yaml:"payload"`
			Examples []struct {
				Name    string `yaml:"name"`
				Payload any    `yaml:"payload"`
			} `yaml:"examples"`
		} `yaml:"messages"`
	} `yaml:"components"`
}

type reference struct {
	Ref string `yaml:"$ref"`
}

func document(t *testing.T) asyncAPI {
	t.Helper()
	var d asyncAPI
	if err := yaml.Unmarshal(wireFile(t, "asyncapi.yaml"), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAsyncAPIHasBothDirections(t *testing.T) {
	d := document(t)
	if d.AsyncAPI != "3.0.0" || len(d.Channels) != 2 || len(d.Operations) != 2 {
		t.Fatalf("version %s, %d channels, %d operations", d.AsyncAPI, len(d.Channels), len(d.Operations))
	}
	for operation, want := range map[string]struct{ action, channel, side string }{
		"receiveCommand": {"receive", "commands", "client"},
		"sendMessage":    {"send", "messages", "server"},
	} {
		o, channel := d.Operations[operation], d.Channels[want.channel]
		if o.Action != want.action || o.Channel.Ref != "#/channels/"+want.channel || channel.Address != "/ws" {
			t.Errorf("%s is %+v on %+v", operation, o, channel)
		}
		kinds := alternatives(t, sides[want.side])
		if got := slices.Sorted(maps.Keys(channel.Messages)); !slices.Equal(got, kinds) {
			t.Errorf("channel %s has %v, the schema %v", want.channel, got, kinds)
		}
		var used []string
		for _, message := range o.Messages {
			used = append(used, strings.TrimPrefix(message.Ref, o.Channel.Ref+"/messages/"))
		}
		slices.Sort(used)
		if !slices.Equal(used, kinds) {
			t.Errorf("%s uses %v, the schema has %v", operation, used, kinds)
		}
		for _, kind := range kinds {
			message := d.Components.Messages[kind]
			if channel.Messages[kind].Ref != "#/components/messages/"+kind || message.Name != kind ||
				message.Payload.Schema.Ref != "./schema/"+want.side+".json#/$defs/"+kind {
				t.Errorf("message %s: %+v", kind, message)
			}
		}
	}
}

func TestAsyncAPIReferencesResolve(t *testing.T) {
	var whole any
	if err := yaml.Unmarshal(wireFile(t, "asyncapi.yaml"), &whole); err != nil {
		t.Fatal(err)
	}
	found := 0
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, member := range v {
				if ref, ok := member.(string); ok && key == "$ref" {
					found++
					file, pointer, _ := strings.Cut(ref, "#")
					target := whole
					if file != "" {
						target = nil
						if err := json.Unmarshal(wireFile(t, file), &target); err != nil {
							t.Errorf("%s: %v", ref, err)
						}
					}
					if !resolves(target, pointer) {
						t.Errorf("%s points nowhere", ref)
					}
				}
				walk(member)
			}
		case []any:
			for _, element := range v {
				walk(element)
			}
		}
	}
	walk(whole)
	if found == 0 {
		t.Error("no references")
	}
}

// resolves follows a JSON pointer (RFC 6901).
func resolves(v any, pointer string) bool {
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		switch now := v.(type) {
		case map[string]any:
			next, ok := now[part]
			if !ok {
				return false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(now) {
				return false
			}
			v = now[i]
		default:
			return false
		}
	}
	return true
}

func TestAsyncAPIExamplesAreTheGoldens(t *testing.T) {
	want := goldens(t)
	for name, message := range document(t).Components.Messages {
		for _, example := range message.Examples {
			b, listed := want[example.Name]
			if !listed {
				t.Errorf("%s: the example %s is no golden file, or stands twice", name, example.Name)
				continue
			}
			delete(want, example.Name)
			payload, err := json.Marshal(example.Payload)
			if err != nil {
				t.Fatal(err)
			}
			if kind(t, b) != name || !reflect.DeepEqual(instance(t, payload), instance(t, b)) {
				t.Errorf("%s: the example is\n%s\nthe golden file has\n%s", example.Name, payload, b)
			}
		}
	}
	for name := range want {
		t.Errorf("the golden file %s is not among the examples", name)
	}
}
