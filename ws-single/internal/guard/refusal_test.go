package guard

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/ws-single/internal/kit/metric"
)

// TestRefusalGolden shows what each refused client reads.
func TestRefusalGolden(t *testing.T) {
	var b strings.Builder
	for _, reason := range metric.Rejects() {
		if reason == metric.RejectToken || reason == metric.RejectSubjectConnections {
			continue // closes after the upgrade
		}
		r := Refuse(reason, "")
		w := httptest.NewRecorder()
		r.Write(w)
		least := int(r.RetryAfter.Seconds())
		fmt.Fprintf(&b, "%s: %d, Retry-After %d to %d, %s, Connection %s\n%s\n", reason, w.Code, least, 2*least,
			w.Header().Get("Content-Type"), w.Header().Get("Connection"), w.Body)
	}
	const file = "testdata/refusals.golden"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("refusals changed (UPDATE_GOLDEN=1 accepts):\n%s\nwant:\n%s", b.String(), want)
	}
}

func TestRefusalRetryIsSpread(t *testing.T) {
	r := Refuse(metric.RejectCPU, "")
	seen := map[int]bool{}
	for range 500 {
		w := httptest.NewRecorder()
		r.Write(w)
		n, err := strconv.Atoi(w.Header().Get("Retry-After"))
		if err != nil || n < 5 || n > 10 {
			t.Fatalf("Retry-After %q, want 5 to 10", w.Header().Get("Retry-After"))
		}
		seen[n] = true
	}
	if len(seen) != 6 {
		t.Errorf("%d different waits in 500 answers, want 6", len(seen))
	}
}

func TestRefuseMessage(t *testing.T) {
	r := Refuse(metric.RejectOrigin, `no "origin" <here>`)
	w := httptest.NewRecorder()
	r.Write(w)
	var body struct {
		Error struct {
			Code, Message string
			Temporary     bool
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	if w.Code != http.StatusForbidden || body.Error.Code != "origin" || body.Error.Message != `no "origin" <here>` || !body.Error.Temporary {
		t.Fatalf("%d %+v", w.Code, body)
	}
	if r := Refuse("something new", ""); r.Status != http.StatusServiceUnavailable || r.Message == "" || r.retrySeconds() < 1 {
		t.Fatalf("an unknown reason: %+v", r)
	}
}
