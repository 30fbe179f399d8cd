package guard

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/kit/metric"
)

var update = flag.Bool("update", false, "write the golden files")

func addrOf(t *testing.T, s string) netip.Addr {
	t.Helper()
	addr, err := netip.ParseAddr(s)
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// The answers that clients and their developers see.
func TestRefusalsGolden(t *testing.T) {
	var got bytes.Buffer
	for _, reason := range metric.Rejects() {
		r := Refuse(reason, "")
		if r.Reason != reason || !slices.Contains([]int{403, 429, 503}, r.Status) || r.Message == "" {
			t.Errorf("%s: %+v", reason, r)
		}
		w := httptest.NewRecorder()
		r.Write(w)
		h := w.Result().Header
		h.Del("Retry-After") // drawn
		fmt.Fprintf(&got, "%d after %v to %v\n", w.Code, r.Wait, 2*r.Wait)
		if err := h.Write(&got); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&got, "\r\n%s\n", w.Body)
	}
	text := bytes.ReplaceAll(got.Bytes(), []byte("\r"), nil)
	const golden = "testdata/refusals.golden"
	if *update {
		if err := os.WriteFile(golden, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, want) {
		t.Errorf("got\n%s\nwant (go test -update, when it is meant)\n%s", text, want)
	}
}

func TestRefusalSaysWhatItIsGiven(t *testing.T) {
	w := httptest.NewRecorder()
	Refuse(metric.RejectNotReady, `no "broker" <yet>`).Write(w)
	var body any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"error": map[string]any{"code": "not_ready", "message": `no "broker" <yet>`, "temporary": true}}
	if fmt.Sprint(body) != fmt.Sprint(want) {
		t.Errorf("got %v", body)
	}
}

func TestRetryAfterIsSpread(t *testing.T) {
	for _, test := range []struct {
		wait        time.Duration
		least, most int
	}{
		{0, 1, 2},
		{time.Millisecond, 1, 2},
		{5 * time.Second, 5, 10},
		{5*time.Second + 1, 6, 12},
	} {
		seen := map[int]int{}
		for range 1000 {
			w := httptest.NewRecorder()
			Refusal{Status: 503, Wait: test.wait}.Write(w)
			n, err := strconv.Atoi(w.Header().Get("Retry-After"))
			if err != nil || n < test.least || n > test.most {
				t.Fatalf("%v: Retry-After is %q", test.wait, w.Header().Get("Retry-After"))
			}
			seen[n]++
		}
		if len(seen) != test.most-test.least+1 {
			t.Errorf("%v: only %v", test.wait, seen)
		}
	}
}
