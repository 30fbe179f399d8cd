package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/kit/wire"
	"github.com/adred-codev/ws_poc/scripts/client"
)

func newPage(t *testing.T) (*httptest.Server, *market, *Lines) {
	t.Helper()
	topics, err := wire.ParseTopics(wire.DefaultTopics)
	if err != nil {
		t.Fatal(err)
	}
	m, err := newMarket(topics, 3, 1)
	if err != nil {
		t.Fatal(err)
	}
	lines := NewLines(func(server string) (Upstream, bool) {
		return Upstream{server, 1, "127.0.0.1:1"}, server == "" || server == "one" || server == "other"
	})
	servers, _ := newFleets([]program{{"one", "/nonexistent"}, {"other", "/nonexistent"}}, nil, nil)
	s := httptest.NewServer(handler(facts{Servers: servers.Names(), Symbols: m.feed.Symbols(), Rate: 5}, m, lines, servers, newBoard(servers)))
	t.Cleanup(func() {
		s.Close()
		lines.Close()
	})
	return s, m, lines
}

func ask(t *testing.T, method, url string, header ...string) (int, http.Header, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, body
}

func TestThePageIsWhole(t *testing.T) {
	s, _, _ := newPage(t)
	for path, kind := range map[string]string{
		"/": "text/html", "/style.css": "text/css", "/app.js": "text/javascript", "/table.js": "text/javascript",
		"/tracker.js": "text/javascript", "/trial.js": "text/javascript", "/timeline.js": "text/javascript", "/client.js": "text/javascript",
		"/viewer.js": "text/javascript", "/beside.js": "text/javascript", "/ledger.js": "text/javascript", "/offsets.js": "text/javascript",
	} {
		code, h, body := ask(t, http.MethodGet, s.URL+path)
		if code != 200 || !strings.HasPrefix(h.Get("Content-Type"), kind) || len(body) < 500 {
			t.Errorf("%s: %d, %s, %d bytes", path, code, h.Get("Content-Type"), len(body))
		}
		if strings.Contains(string(body), "https://") {
			t.Errorf("%s reaches outside", path)
		}
	}
	if _, _, body := ask(t, http.MethodGet, s.URL+"/client.js"); !bytes.Equal(body, client.Source) {
		t.Error("the page does not get the reference client as it is")
	}
	if code, _, body := ask(t, http.MethodGet, s.URL+"/demo.json"); code != 200 || !strings.Contains(string(body), `"servers":["one","other"],"symbols":["BTC","ETH","SOL"]`) {
		t.Errorf("demo.json: %d %s", code, body)
	}
}

func TestAPageKnowsItsDemo(t *testing.T) {
	s, _, lines := newPage(t)
	want := fmt.Sprintf(`"started":%d`, lines.started)
	for _, path := range []string{"/demo.json", "/line/a"} {
		if _, _, body := ask(t, http.MethodGet, s.URL+path); !strings.Contains(string(body), want) {
			t.Errorf("%s: %s, want %s in it", path, body, want)
		}
	}
}

func TestTheMarketTellsItsCounts(t *testing.T) {
	s, m, _ := newPage(t)
	want := map[string]uint64{}
	for range 500 {
		r, err := m.Next(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if r.Topic == "" {
			t.Fatalf("event %s has no topic", r.Event)
		}
		want[string(r.Key)+"."+r.Event]++
	}
	_, _, body := ask(t, http.MethodGet, s.URL+"/feed/last")
	var got map[string]uint64
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Errorf("%d channels, want %d", len(got), len(want))
	}
	for channel, n := range want {
		if got[channel] != n {
			t.Errorf("%s: %d, want %d", channel, got[channel], n)
		}
	}
}

func TestLineConditionsOverHTTP(t *testing.T) {
	s, _, lines := newPage(t)
	for _, c := range []struct {
		method, path string
		code         int
		says         string
	}{
		{"GET", "/line/a", 200, `"condition":"normal"`},
		{"POST", "/line/a/cut", 200, `"condition":"cut","left_ms":49`},
		{"POST", "/line/a/slow?seconds=60", 200, `"condition":"slow","left_ms":599`},
		{"GET", "/line/b", 200, `"condition":"normal"`},
		{"POST", "/line/a/normal", 200, `"condition":"normal"`},
		{"POST", "/line/a/gone", 404, "cut, slow or normal"},
		{"POST", "/line/a/slow?seconds=61", 400, "want 1 to 60"},
		{"POST", "/line/a/slow?seconds=x", 400, "want 1 to 60"},
		{"POST", "/line/a/to/other", 200, `"condition":"normal"`},
		{"POST", "/line/a/to/third", 404, "no such server"},
		{"POST", "/drain?server=third", 404, "there is one and other"},
		{"POST", "/drain?server=other", 500, "start the server other"},
		{"GET", "/servers", 200, "[]"}, // nothing is known of them yet
		{"GET", "/nothing", 404, ""},
	} {
		code, _, body := ask(t, c.method, s.URL+c.path)
		if code != c.code || !strings.Contains(string(body), c.says) {
			t.Errorf("%s %s: %d %s, want %d and %q", c.method, c.path, code, body, c.code, c.says)
		}
	}
	if code, _, _ := ask(t, http.MethodPost, s.URL+"/line/a/cut", "Origin", "http://elsewhere.example", "Sec-Fetch-Site", "cross-site"); code != 403 {
		t.Errorf("another site's page may cut lines: %d", code)
	}
	l, err := lines.get("a")
	if err != nil {
		t.Fatal(err)
	}
	if c, _, _ := l.Condition(); c != Normal || l.direction() != "other" {
		t.Errorf("line a is %s, to %q", c, l.direction())
	}
}
