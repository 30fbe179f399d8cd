package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/scripts/internal/check"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

func TestOrigins(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		tp := makeTopics(t, suite.brokers, 1, "trade")
		same := start(t, v, tp, settings{"WS_ALLOW_NO_ORIGIN": "false"})
		listed := start(t, v, tp, settings{"WS_ALLOW_NO_ORIGIN": "false", "WS_ALLOWED_ORIGINS": "https://app.example.com,http://localhost:8080"})
		port := same.Addr[strings.LastIndexByte(same.Addr, ':'):]
		tests := []struct {
			s       *server
			origin  string
			allowed bool
		}{
			{same, "http://" + same.Addr, true},
			{same, "http://other.example.com", false},
			{same, "http://127.0.0.1", false},
			{same, "http://localhost" + port, false},
			{same, "null", false},
			{listed, "https://app.example.com", true},
			{listed, "https://app.example.com:443", true},
			{listed, "http://localhost:8080", true},
			{listed, "http://app.example.com", false},
			{listed, "https://app.example.com:8443", false},
			{listed, "https://app.example.com.evil.example", false},
			{listed, "https://evil.example/https://app.example.com", false},
			{listed, "http://localhost", false},
			{listed, "http://" + listed.Addr, false},
		}
		for _, test := range tests {
			o := check.Options{Header: origin(test.origin)}
			if test.allowed {
				dialWith(t, test.s, o)
				continue
			}
			r := refusal(t, test.s, o)
			if r.StatusCode != http.StatusForbidden {
				t.Errorf("%s: got %v, want 403", test.origin, r)
			}
			isJSON(t, r)
		}
		r := refusal(t, same, check.Options{})
		if r.StatusCode != http.StatusForbidden || !strings.Contains(string(r.Body), "WS_ALLOW_NO_ORIGIN") {
			t.Errorf("without an origin: got %v, want a 403 that names WS_ALLOW_NO_ORIGIN", r)
		}
		isJSON(t, r)
	})
}
