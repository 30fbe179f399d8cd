package config

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
)

const mask = "***"

// Secret is a value that is printed nowhere: every way of formatting it gives
// "***", or nothing when it is empty. string(s) is the value.
type Secret string

// String returns the mask.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return mask
}

// GoString returns the mask for %#v.
func (s Secret) GoString() string { return fmt.Sprintf("%q", s.String()) }

// Format writes the mask for every verb: %x and %q of a string type would
// otherwise show the value.
func (s Secret) Format(f fmt.State, verb rune) {
	if verb == 'q' || f.Flag('#') {
		_, _ = fmt.Fprint(f, s.GoString())
		return
	}
	_, _ = fmt.Fprint(f, s.String())
}

// LogValue returns the mask for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText returns the mask for JSON, YAML and the like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Properties are librdkafka's own, by name. Some carry passwords and keys:
// formatting masks the value of every name that looks like one.
type Properties map[string]string

// String returns name=value,… sorted by name, secrets masked.
func (p Properties) String() string {
	var b strings.Builder
	for i, name := range slices.Sorted(maps.Keys(p)) {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(name + "=")
		if secretProperty(name) {
			b.WriteString(mask)
		} else {
			b.WriteString(strings.NewReplacer(`\`, `\\`, ",", `\,`).Replace(p[name]))
		}
	}
	return b.String()
}

// Format writes String for every verb.
func (p Properties) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, p.String()) }

// LogValue returns String for slog.
func (p Properties) LogValue() slog.Value { return slog.StringValue(p.String()) }

// MarshalText returns String for JSON and the like.
func (p Properties) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// secretProperty errs towards masking: librdkafka's list grows, and a masked
// harmless value costs less than a shown key.
func secretProperty(name string) bool {
	for _, part := range []string{"password", "secret", "pem", "private", "token", "credential", "oauthbearer", "jaas"} {
		if strings.Contains(strings.ToLower(name), part) {
			return true
		}
	}
	return false
}
