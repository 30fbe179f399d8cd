package report

import (
	"math"
	"reflect"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
)

// present returns copies of the results that are there, which hold only what can be shown: figures that no measurement
// brings forth, such as NaN, are 0, as they are in a result's file, and texts have no control characters.
func present(results []*result.Result) []*result.Result {
	var there []*result.Result
	for _, r := range results {
		if r != nil {
			there = append(there, sane(reflect.ValueOf(r)).Interface().(*result.Result))
		}
	}
	return there
}

// sane returns a deep copy.
func sane(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			p := reflect.New(v.Type().Elem())
			p.Elem().Set(sane(v.Elem()))
			out.Set(p)
		}
	case reflect.Struct:
		out.Set(v) // time.Time has nothing that could be set one by one
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				out.Field(i).Set(sane(v.Field(i)))
			}
		}
	case reflect.Slice:
		if !v.IsNil() {
			out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
			for i := range v.Len() {
				out.Index(i).Set(sane(v.Index(i)))
			}
		}
	case reflect.Map:
		if !v.IsNil() {
			out.Set(reflect.MakeMap(v.Type()))
			for _, key := range v.MapKeys() {
				out.SetMapIndex(sane(key), sane(v.MapIndex(key)))
			}
		}
	case reflect.Float64:
		out.Set(v)
		if f := v.Float(); math.IsNaN(f) || math.Abs(f) > 1e15 {
			out.SetFloat(0)
		}
	case reflect.String:
		out.SetString(clean(v.String()))
	default:
		out.Set(v)
	}
	return out
}
