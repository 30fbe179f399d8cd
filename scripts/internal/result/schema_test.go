package result

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

var update = flag.Bool("update", false, "write the schema and the examples anew")

// The schema has the fields that the types have, and says of each what its comment says.
func TestSchemaFitsTypes(t *testing.T) {
	g := &generator{t: t, comments: map[string]string{}, consts: map[string][]string{}, defs: map[string]any{}}
	g.parse(".", "../scenario")
	root := g.object(reflect.TypeFor[Result]())
	schema := ordered{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"$id", SchemaID},
		{"title", "A result of bench"},
	}
	schema = append(schema, root...)
	schema = append(schema, member{"$defs", g.defs})
	want, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile("result.schema.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(want, Schema) {
		t.Error("result.schema.json is not what the types say: go test ./internal/result -update")
	}
}

// ordered is an object whose members keep their order.
type (
	ordered []member
	member  struct {
		name  string
		value any
	}
)

func (o ordered) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b = append(append(append(b, name...), ':'), value...)
	}
	return append(b, '}'), nil
}

type generator struct {
	t        *testing.T
	comments map[string]string   // of types and fields: "result.Lane", "result.Lane.Name"
	consts   map[string][]string // by what is said above them
	defs     map[string]any
}

// only names the constants, by the first words of what is said above them, that some fields are of.
var only = map[string]string{
	"scenario.Scenario.Kind":   "Kinds of scenarios",
	"scenario.Limit.Measure":   "Measures that",
	"result.Result.Verdict":    "The verdicts",
	"result.Judgement.Verdict": "The verdicts",
	"result.Refusal.Code":      "Reasons to refuse",
}

func (g *generator) values(group string) []string {
	for said, values := range g.consts {
		if strings.HasPrefix(said, group) && len(values) > 1 {
			return values
		}
	}
	g.t.Errorf("no constants are called %q", group)
	return nil
}

func (g *generator) object(typ reflect.Type) ordered {
	properties, required := ordered{}, []string{}
	for _, field := range reflect.VisibleFields(typ) {
		if field.Anonymous {
			continue
		}
		owner := typ
		if len(field.Index) > 1 { // of an embedded type, which describes it
			owner = typ.FieldByIndex(field.Index[:len(field.Index)-1]).Type
		}
		name, option, _ := strings.Cut(field.Tag.Get("json"), ",")
		key := owner.String() + "." + field.Name
		comment := g.comments[key]
		if comment == "" { // a group of fields says itself what it is
			comment = g.comments[strings.TrimLeft(field.Type.String(), "[]*")]
		}
		if comment == "" {
			g.t.Errorf("%s has no comment: the schema describes every field", key)
		}
		if name == "" || name == "-" {
			g.t.Errorf("%s has no name in JSON", key)
		}
		value := g.value(field.Type)
		if group := only[key]; group != "" {
			value = append(value, member{"enum", g.values(group)})
		}
		if name == "$schema" {
			value = append(value, member{"const", SchemaID})
		}
		properties = append(properties, member{name, append(ordered{{"description", comment}}, value...)})
		if option != "omitempty" {
			required = append(required, name)
		}
	}
	return ordered{
		{"description", g.comments[typ.String()]},
		{"type", "object"},
		{"additionalProperties", false},
		{"required", required},
		{"properties", properties},
	}
}

func (g *generator) value(typ reflect.Type) ordered {
	switch typ {
	case reflect.TypeFor[time.Time]():
		return ordered{{"type", "string"}, {"format", "date-time"}}
	case reflect.TypeFor[scenario.Duration]():
		return ordered{{"type", "string"}, {"pattern", "^[0-9.a-zµ]+$"}}
	}
	switch typ.Kind() {
	case reflect.Pointer:
		return g.value(typ.Elem())
	case reflect.Struct:
		name := typ.Name()
		if typ.PkgPath() != reflect.TypeFor[Result]().PkgPath() && name != "Scenario" {
			name = "Scenario" + name // it has lanes, too
		}
		if g.defs[name] == nil {
			g.defs[name] = true // for types that hold themselves
			g.defs[name] = g.object(typ)
		}
		return ordered{{"$ref", "#/$defs/" + name}}
	case reflect.Slice:
		return ordered{{"type", "array"}, {"items", g.value(typ.Elem())}}
	case reflect.Map:
		return ordered{{"type", "object"}, {"additionalProperties", g.value(typ.Elem())}}
	case reflect.Int, reflect.Int64:
		return ordered{{"type", "integer"}}
	case reflect.Float64:
		return ordered{{"type", "number"}}
	case reflect.Bool:
		return ordered{{"type", "boolean"}}
	case reflect.String:
		return ordered{{"type", "string"}}
	}
	g.t.Fatalf("no schema for %s", typ)
	return nil
}

// parse reads what the sources say of types, fields and constants.
func (g *generator) parse(dirs ...string) {
	for _, dir := range dirs {
		files, err := filepath.Glob(dir + "/*.go")
		if err != nil {
			g.t.Fatal(err)
		}
		for _, path := range files {
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
			if err != nil {
				g.t.Fatal(err)
			}
			for _, decl := range file.Decls {
				if decl, ok := decl.(*ast.GenDecl); ok && !strings.HasSuffix(path, "_test.go") {
					g.declared(file.Name.Name, decl)
				}
			}
		}
	}
}

func (g *generator) declared(pkg string, decl *ast.GenDecl) {
	for _, spec := range decl.Specs {
		switch spec := spec.(type) {
		case *ast.ValueSpec:
			if len(spec.Values) != 1 || decl.Tok != token.CONST {
				continue
			}
			if literal, ok := spec.Values[0].(*ast.BasicLit); ok && literal.Kind == token.STRING {
				value, err := strconv.Unquote(literal.Value)
				if err != nil {
					g.t.Fatal(err)
				}
				said := line(decl.Doc.Text())
				g.consts[said] = append(g.consts[said], value)
			}
		case *ast.TypeSpec:
			name := pkg + "." + spec.Name.Name
			g.comments[name] = line(decl.Doc.Text())
			fields, ok := spec.Type.(*ast.StructType)
			if !ok {
				continue
			}
			for _, field := range fields.Fields.List {
				said := field.Comment.Text()
				if field.Doc != nil {
					said = field.Doc.Text()
				}
				for _, ident := range field.Names {
					g.comments[name+"."+ident.Name] = line(said)
				}
			}
		}
	}
}

func line(text string) string { return strings.Join(strings.Fields(text), " ") }
