package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// No way of writing a Config shows a secret.
func TestSecretsStayIn(t *testing.T) {
	const value = "hunter2-hunter2-hunter2-hunter2-hunter2"
	c, err := testHost.loadEnv([]string{
		"WS_ADMIN_TOKEN=" + value, "WS_JWT_SECRET=" + value, "KAFKA_SECURITY_PROTOCOL=sasl_ssl", "KAFKA_SASL_MECHANISM=PLAIN",
		"KAFKA_SASL_USERNAME=me", "KAFKA_SASL_PASSWORD=" + value, "KAFKA_PROPERTIES=sasl.oauthbearer.client.secret=" + value + ",client.rack=r1,ssl.key.pem=" + value,
	})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := c.Write(&out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "client.rack=r1") || !strings.Contains(out.String(), mask) {
		t.Errorf("printed:\n%s", out.String())
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		for _, v := range []any{c.JWTSecret, &c.JWTSecret, c.Kafka.Properties, *c} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("all", "config", c, "secret", c.JWTSecret, "properties", c.Kafka.Properties)
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(text)
	fmt.Fprintln(&out, c.Warnings, c.Values())
	if s := out.String(); strings.Contains(s, "hunter2") || strings.Contains(s, fmt.Sprintf("%x", "hunter2")) {
		t.Errorf("a secret got out:\n%s", s)
	}
}

// An empty secret does not look like one.
func TestEmptySecret(t *testing.T) {
	if s := Secret("").String(); s != "" {
		t.Errorf("got %q", s)
	}
}
