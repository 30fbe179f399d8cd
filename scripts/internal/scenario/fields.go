package scenario

import (
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// fields is what a file says and where: the decoder alone would tell a line, and neither the field nor what it may be.
type fields struct {
	lines    map[string]int // of each field that is there, by its path: "subscribe.each", "limits[0].of"
	problems []problem
}

type problem struct {
	field string
	text  string
}

func (f *fields) wrong(field, format string, args ...any) {
	f.problems = append(f.problems, problem{field, fmt.Sprintf(format, args...)})
}

func (f *fields) given(field string) bool { return f.lines[field] > 0 }

// read notes the fields below node, which is to become a value of typ, and what cannot become one.
func (f *fields) read(node *yaml.Node, typ reflect.Type, path string) {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	f.lines[path] = node.Line
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch {
	case typ == reflect.TypeFor[Duration]():
		if err := node.Decode(new(Duration)); err != nil {
			f.wrong(path, "%v", err)
		}
	case typ.Kind() == reflect.Struct:
		f.readStruct(node, typ, path)
	case typ.Kind() == reflect.Slice:
		if node.Kind != yaml.SequenceNode {
			f.wrong(path, "is %s: want a list", shown(node))
			return
		}
		for i, item := range node.Content {
			f.read(item, typ.Elem(), fmt.Sprintf("%s[%d]", path, i))
		}
	case typ.Kind() == reflect.Map:
		if node.Kind != yaml.MappingNode {
			f.wrong(path, "is %s: want NAME: value lines", shown(node))
			return
		}
		for i := 0; i < len(node.Content); i += 2 {
			f.read(node.Content[i+1], typ.Elem(), join(path, node.Content[i].Value))
		}
	default:
		// The decoder cuts 1.5 down to an int.
		whole := typ.Kind() != reflect.Int || node.ShortTag() == "!!int"
		if node.Kind != yaml.ScalarNode || !whole || node.Decode(reflect.New(typ).Interface()) != nil {
			f.wrong(path, "is %s: want %s", shown(node), kindNames[typ.Kind()])
		}
	}
}

var kindNames = map[reflect.Kind]string{
	reflect.Int:     "a whole number",
	reflect.Float64: "a number",
	reflect.Bool:    "true or false",
	reflect.String:  "a text",
}

func (f *fields) readStruct(node *yaml.Node, typ reflect.Type, path string) {
	types := map[string]reflect.Type{}
	var known []string
	for i := range typ.NumField() {
		if name := typ.Field(i).Tag.Get("yaml"); name != "-" {
			types[name] = typ.Field(i).Type
			known = append(known, name)
		}
	}
	if node.Kind != yaml.MappingNode {
		f.wrong(path, "is %s: want %s, each with its value", shown(node), strings.Join(known, ", "))
		return
	}
	for i := 0; i < len(node.Content); i += 2 {
		key := node.Content[i]
		field := join(path, key.Value)
		if types[key.Value] == nil {
			f.lines[field] = key.Line
			f.wrong(field, "is not known: here are allowed %s", strings.Join(known, ", "))
			continue
		}
		if f.given(field) {
			f.lines[field] = key.Line
			f.wrong(field, "is there twice")
			continue
		}
		f.read(node.Content[i+1], types[key.Value], field)
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func shown(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a group of fields"
	case yaml.SequenceNode:
		return "a list"
	}
	if node.Value == "" {
		return "empty"
	}
	return fmt.Sprintf("%q", node.Value)
}
