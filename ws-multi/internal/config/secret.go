package config

import (
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
)

// masked stands in the place of a secret.
const masked = "***"

// A Secret is a text that only [Secret.Reveal] gives away. Formatting, logging
// and encoding it gives the mask, or nothing where there is no secret. It is a
// struct so that no conversion gets at the text by accident. The zero value is
// no secret.
type Secret struct{ text string }

// NewSecret makes one of text.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal is the text.
func (s Secret) Reveal() string { return s.text }

// IsSet says whether there is a secret.
func (s Secret) IsSet() bool { return s.text != "" }

// String is the mask.
func (s Secret) String() string {
	if s.IsSet() {
		return masked
	}
	return ""
}

// Format writes the mask whatever the verb: without it %#v and %x would reach
// into the struct.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is the mask.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is the mask.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Properties are librdkafka's, by name. As some hold credentials, formatting,
// logging and encoding show a value only where its name is harmless.
type Properties map[string]string

// confiding are parts of the names whose values stay hidden. librdkafka gains
// names: a harmless value that is hidden is the smaller loss.
var confiding = []string{"password", "secret", "pem", "private", "token", "credential", "oauthbearer", "jaas"}

func (p Properties) hides(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(confiding, func(part string) bool { return strings.Contains(name, part) })
}

// escapeProperty is what KAFKA_PROPERTIES undoes.
var escapeProperty = strings.NewReplacer(`\`, `\\`, `,`, `\,`)

// String is name=value,… in order of names.
func (p Properties) String() string {
	pairs := make([]string, 0, len(p))
	for _, name := range slices.Sorted(maps.Keys(p)) {
		value := masked
		if !p.hides(name) {
			value = escapeProperty.Replace(p[name])
		}
		pairs = append(pairs, name+"="+value)
	}
	return strings.Join(pairs, ",")
}

// Format writes String whatever the verb.
func (p Properties) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.String()) }

// LogValue is String.
func (p Properties) LogValue() slog.Value { return slog.StringValue(p.String()) }

// MarshalText is String.
func (p Properties) MarshalText() ([]byte, error) { return []byte(p.String()), nil }
