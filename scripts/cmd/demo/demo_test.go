package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// pageState is window.demo.state().
type pageState struct {
	Connected      bool           `json:"connected"`
	Condition      string         `json:"condition"`
	Server         int            `json:"server"`
	Received       int            `json:"received"`
	Replayed       int            `json:"replayed"`
	Missing        int            `json:"missing"`
	Merged         int            `json:"merged"`
	MergedByServer int            `json:"mergedByServer"`
	Doubled        int            `json:"doubled"`
	Errors         int            `json:"errors"`
	Lost           int            `json:"lost"`
	Rate           int            `json:"rate"`
	LatencyMS      float64        `json:"latencyMs"`
	Closes         map[string]int `json:"closes"`
	Channels       []string       `json:"channels"`
	Trial          *string        `json:"trial"`
	Verdict        *verdict       `json:"verdict"`
	Name           string         `json:"name"`
	Line           string         `json:"line"`
	Home           string         `json:"home"` // the server it is with
	ServerSays     string         `json:"serverSays"`
	Connections    int            `json:"connections"`
	LastClose      int            `json:"lastClose"`
	Viewers        []pageState    `json:"viewers"` // all of the page's clients, its own first
}

type verdict struct {
	Kind     string  `json:"kind"`
	Good     bool    `json:"good"`
	From     string  `json:"from"`
	To       string  `json:"to"`
	Resumed  bool    `json:"resumed"`
	Replayed int     `json:"replayed"`
	Merged   int     `json:"merged"`
	Missing  int     `json:"missing"`
	Doubled  int     `json:"doubled"`
	Closes   []int   `json:"closes"`
	Seconds  float64 `json:"seconds"`
	WorstMS  float64 `json:"worst"`
	Text     string  `json:"text"`
}

// TestInABrowser is the whole demo with one server, of each variant: the embedded broker, the market, the real server, the
// line, and the page in a real headless Chromium that a person's presses of the buttons drive.
func TestInABrowser(t *testing.T) {
	chromium := findChromium(t)
	for _, one := range builtServers(t) {
		t.Run(one.name, func(t *testing.T) { testOneServer(t, chromium, one) })
	}
}

func testOneServer(t *testing.T, chromium string, one program) {
	address := startDemo(t, "--server", one.name+"="+one.binary)
	b := openBrowserPage(t, chromium, address)

	b.await(t, 20*time.Second, "live", func(s pageState) bool { return s.Connected && s.Received > 200 && s.Server == 1 })
	if s := b.state(t); s.Rate == 0 || s.LatencyMS <= 0 || s.LatencyMS > 5000 || !slices.Equal(s.Channels, []string{"*.trade", "*.liquidity"}) {
		t.Errorf("live: %+v", s)
	}
	if title, hidden := eval[string](t, b, `document.querySelector("h1").textContent`), eval[bool](t, b, `document.getElementById("beside").hidden`); title != one.name || !hidden || len(b.state(t).Viewers) != 1 {
		t.Errorf("titled %q, nothing stands beside: %v", title, hidden)
	}

	t.Run("cut", func(t *testing.T) {
		v := b.press(t, "cut", 40*time.Second)
		// Five seconds of trades and liquidity at 200 records/s.
		if v.Replayed < 300 || !slices.Equal(v.Closes, []int{1006}) || v.Seconds < cutSeconds-2 { // a busy page hears of the cut late
			t.Errorf("verdict %+v, want some hundreds replayed after %d s", v, cutSeconds)
		}
	})
	t.Run("slow", func(t *testing.T) {
		v := b.press(t, "slow", 60*time.Second)
		if v.WorstMS < 2000 || v.Merged == 0 || !slices.Contains(v.Closes, 4001) || v.Replayed == 0 {
			t.Errorf("verdict %+v, want it behind, conflated, closed with 4001 and resumed", v)
		}
	})
	t.Run("drain, twice", func(t *testing.T) {
		for server := 2; server <= 3; server++ {
			v := b.press(t, "drain", 40*time.Second)
			if s := b.state(t); s.Server != server || !slices.Equal(v.Closes, []int{4000}) {
				t.Errorf("on server %d after %v, want server %d after 4000", s.Server, v.Closes, server)
			}
			if want := fmt.Sprintf("Moved from server %d to server %d.", server-1, server); !strings.HasPrefix(v.Text, want) {
				t.Errorf("verdict %q, want it to begin with %q", v.Text, want)
			}
		}
	})
	t.Run("the counts hold to the end", func(t *testing.T) {
		s := b.state(t)
		if s.Missing != 0 || s.Doubled != 0 || s.Lost != 0 || s.Errors != 0 {
			t.Errorf("%+v, want nothing missing, doubled, lost or wrong", s)
		}
		if s.Closes["1006"] != 1 || s.Closes["4000"] != 2 {
			t.Errorf("closes %v", s.Closes)
		}
		t.Logf("received %d, replayed %d, merged %d, missing %d, latency %.1f ms", s.Received, s.Replayed, s.Merged, s.Missing, s.LatencyMS)
	})
	t.Run("subscriptions", func(t *testing.T) {
		b.do(t, chromedp.SendKeys(chromedp.CSS("#channels"), "BTC.* \n"))
		b.await(t, 5*time.Second, "BTC.* subscribed, and shown", func(s pageState) bool {
			return len(s.Channels) == 3 && eval[int](t, b, `document.querySelectorAll("#chips li").length`) == 3
		})
		b.do(t, chromedp.Click(chromedp.CSS(`#chips button[aria-label="Unsubscribe *.liquidity"]`)))
		b.await(t, 5*time.Second, "*.liquidity gone", func(s pageState) bool {
			return slices.Equal(s.Channels, []string{"*.trade", "BTC.*"})
		})
		b.do(t, chromedp.SendKeys(chromedp.CSS("#channels"), "BTC.weather\n"))
		deadline := time.Now().Add(5 * time.Second)
		for eval[string](t, b, `document.getElementById("form-error").textContent`) == "" {
			if time.Now().After(deadline) {
				t.Fatal("an event that does not exist is no error")
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
	t.Run("on a phone nothing is cut off", func(t *testing.T) {
		b.checkPhone(t, ".breaks button")
	})
	t.Run("contrast", func(t *testing.T) {
		for _, scheme := range []string{"light", "dark"} {
			if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
			}); err != nil {
				t.Fatal(err)
			}
			// WCAG 2.2, 1.4.3: 4.5 for text.
			for pair, ratio := range eval[map[string]float64](t, b, contrastScript) {
				if ratio < 4.5 {
					t.Errorf("%s: contrast %s is %.2f, want 4.5", scheme, pair, ratio)
				}
			}
		}
	})
	t.Run("connections that do not come back as they were", func(t *testing.T) { testOtherEnds(t, b, address) })
	if said := b.console(); said != "" {
		t.Errorf("the console says:\n%s", said)
	}
	// The browser tells its console of each request that is refused.
	t.Run("no line is left", func(t *testing.T) { testNoLineIsLeft(t, b, address) })
}

const contrastScript = `(() => {
	const style = getComputedStyle(document.documentElement);
	const luminance = (name) => {
		const hex = style.getPropertyValue('--' + name).trim().slice(1);
		const [r, g, b] = [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255)
			.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const ratios = {};
	for (const back of ['bg', 'panel', 'accent']) {
		for (const front of back === 'accent' ? ['accent-ink'] : ['ink', 'muted', 'accent', 'up', 'down', 'replayed', 'behind']) {
			const [a, b] = [luminance(front), luminance(back)].sort((x, y) => y - x);
			ratios[front + ' on ' + back] = (a + 0.05) / (b + 0.05);
		}
	}
	return ratios;
})()`

// press presses a button and waits for the verdict, which has to be good, and to be what the page shows.
func (b *browserPage) press(t *testing.T, button string, patience time.Duration) verdict {
	t.Helper()
	b.await(t, 10*time.Second, "ready for the next button", func(s pageState) bool { return s.Connected && s.Trial == nil })
	b.do(t, chromedp.Click(chromedp.CSS("#"+button)))
	b.await(t, 5*time.Second, "begun", func(s pageState) bool { return s.Trial != nil && *s.Trial == button })
	s := b.await(t, patience, "finished", func(s pageState) bool { return s.Trial == nil && s.Verdict != nil && s.Verdict.Kind == button })
	v := *s.Verdict
	t.Logf("%s", v.Text)
	if !v.Good || v.Missing != 0 || v.Doubled != 0 || s.Missing != 0 {
		t.Errorf("verdict %+v, want nothing missing and nothing twice", v)
	}
	shown := eval[string](t, b, `document.getElementById("verdict").textContent`)
	if shown != v.Text || !strings.Contains(shown, "missing 0") {
		t.Errorf("the page shows %q, want %q", shown, v.Text)
	}
	return v
}
