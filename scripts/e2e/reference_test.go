package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/adred-codev/ws_poc/scripts/internal/stage"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// leastScenario is how many cases the reference client's scenario has, at least.
const leastScenario = 9

// The reference client follows its scenario against the real servers, in Node.
func TestReferenceClientInNode(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		s, x := withFeed(t, v, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "node", "--test", "--test-reporter=tap", "test/real.test.js")
		cmd.Dir = filepath.Join("..", "client")
		cmd.Env = append(variant.Environ(nil), "WS_URL="+s.URL(), "WS_ADMIN_URL=http://"+s.AdminAddr, "WS_SYMBOL="+x)
		out, err := cmd.CombinedOutput()
		cases := tapLine.FindAllSubmatch(out, -1)
		for _, c := range cases {
			t.Run(string(c[2]), func(t *testing.T) {
				if len(c[1]) > 0 {
					t.Errorf("%s\nscripts/test client installs what it needs", out)
				}
			})
		}
		if err != nil || len(cases) < leastScenario {
			t.Errorf("%d cases, %v:\n%s", len(cases), err, out)
		}
	})
}

// tapLine is a test of the outermost level in a TAP report: whether it failed,
// and its name.
var tapLine = regexp.MustCompile(`(?m)^(not )?ok \d+ - (.+?)\r?$`)

// And in a browser.
func TestReferenceClientInBrowser(t *testing.T) {
	each(t, func(t *testing.T, v variant.Variant) {
		pages := httptest.NewServer(http.FileServer(http.Dir(filepath.Join("..", "client"))))
		defer pages.Close()
		s, x := withFeed(t, v, stage.Settings{"WS_ALLOWED_ORIGINS": pages.URL, "WS_ALLOW_NO_ORIGIN": "false"})
		page := pages.URL + "/test/browser.html?" + url.Values{"ws": {s.URL()}, "symbol": {x}}.Encode()

		browser, cancel := chromedp.NewContext(t.Context(), chromedp.WithAllocatorOptions(chromedp.NoSandbox, chromedp.DisableGPU))
		defer cancel()
		if err := chromedp.Do(browser, chromedp.Navigate(page)); err != nil {
			t.Fatalf("open %s: %v", page, err)
		}
		ctx, cancel := context.WithTimeout(browser, 2*time.Minute)
		defer cancel()
		text, err := chromedp.Run(ctx, chromedp.Poll[string](`document.getElementById("result").textContent`,
			chromedp.WithPollingInterval(200*time.Millisecond), chromedp.WithPollingTimeout(0)))
		if err != nil {
			t.Fatalf("wait for the result on %s: %v", page, err)
		}
		var result struct {
			Cases []struct {
				Name  string `json:"name"`
				OK    bool   `json:"ok"`
				Error string `json:"error"`
			} `json:"cases"`
		}
		if err := json.Unmarshal([]byte(text), &result); err != nil {
			t.Fatal(err)
		}
		for _, c := range result.Cases {
			t.Run(c.Name, func(t *testing.T) {
				if !c.OK {
					t.Error(c.Error)
				}
			})
		}
		if len(result.Cases) < leastScenario {
			t.Errorf("%d cases ran: %s", len(result.Cases), text)
		}
		if err := chromedp.Cancel(browser); err != nil {
			t.Errorf("close the browser: %v", err)
		}
	})
}

// withFeed starts a server for one client alone, on a symbol that two events
// come of all the while.
func withFeed(t *testing.T, v variant.Variant, set stage.Settings) (s *stage.Server, x string) {
	t.Helper()
	tp := stage.MakeTopics(t, suite.brokers, 12, "trade", "social")
	s = start(t, v, tp, set)
	x = stage.Symbol()
	feed(t, tp, x, "trade", "social")
	return s, x
}
