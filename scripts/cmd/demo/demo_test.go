package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
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
}

type verdict struct {
	Kind     string  `json:"kind"`
	Good     bool    `json:"good"`
	Replayed int     `json:"replayed"`
	Merged   int     `json:"merged"`
	Missing  int     `json:"missing"`
	Doubled  int     `json:"doubled"`
	Closes   []int   `json:"closes"`
	Seconds  float64 `json:"seconds"`
	WorstMS  float64 `json:"worst"`
	Text     string  `json:"text"`
}

// TestInABrowser is the whole demo: the embedded broker, the market, the real server, the line, and the page in a real
// headless Chromium that a person's presses of the buttons drive.
func TestInABrowser(t *testing.T) {
	chromium := findChromium(t)
	address := startDemo(t)
	b := openBrowserPage(t, chromium, address)

	b.await(t, 20*time.Second, "live", func(s pageState) bool { return s.Connected && s.Received > 200 && s.Server == 1 })
	if s := b.state(t); s.Rate == 0 || s.LatencyMS <= 0 || s.LatencyMS > 5000 || !slices.Equal(s.Channels, []string{"*.trade", "*.liquidity"}) {
		t.Errorf("live: %+v", s)
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
		b.await(t, 5*time.Second, "BTC.* subscribed", func(s pageState) bool { return len(s.Channels) == 3 })
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
		b.do(t, chromedp.EmulateViewport(360, 780, chromedp.EmulateMobile))
		if w := eval[int](t, b, "document.documentElement.scrollWidth"); w > 360 {
			t.Errorf("the page is %d px wide on a screen of 360", w)
		}
		if over := eval[[]string](t, b, `[...document.querySelectorAll("main *:not(.hidden)")]
			.filter((e) => e.getBoundingClientRect().right > 360 - 15 && getComputedStyle(e).position !== "absolute")
			.map((e) => e.tagName + "." + e.className)`); len(over) > 0 {
			t.Errorf("over the right margin: %v", over)
		}
		if h := eval[float64](t, b, `Math.min(...[...document.querySelectorAll(".breaks button")].map((e) => e.offsetHeight))`); h < 40 {
			t.Errorf("a button is %v px high, too small for a finger", h)
		}
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
	if said := b.console(); said != "" {
		t.Errorf("the console says:\n%s", said)
	}
}

// TestTheTrackerCounts checks the page's own counting, in the browser that runs it.
func TestTheTrackerCounts(t *testing.T) {
	b := openBrowserPage(t, findChromium(t), "about:blank")
	source, err := page.ReadFile("page/tracker.js")
	if err != nil {
		t.Fatal(err)
	}
	got := eval[map[string]any](t, b, fmt.Sprintf(`(async () => {
		const { Tracker, matches } = await import(URL.createObjectURL(new Blob([%q], { type: 'text/javascript' })));
		const t = new Tracker(['liquidity']);
		for (const n of [5, 6, 9, 9, 8]) t.take('A.trade', 'trade', n);      // 7 and 8 missing; 9 and 8 again
		for (const n of [1, 4]) t.take('A.liquidity', 'liquidity', n);       // 2 and 3 merged
		const outstanding = t.outstanding({ 'A.trade': 12, 'A.liquidity': 4, 'B.trade': 50 });
		t.keepOnly((channel) => matches(['*.liquidity', 'B.*'], channel));
		return { received: t.received, missing: t.missing, merged: t.merged, doubled: t.doubled, outstanding, channels: t.channels };
	})()`, source), chromedp.EvalAwaitPromise)
	want := map[string]any{"received": 7., "missing": 2., "merged": 2., "doubled": 2., "outstanding": 3., "channels": 1.}
	for name, v := range want {
		if got[name] != v {
			t.Errorf("%s: %v, want %v", name, got[name], v)
		}
	}
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

func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("no Chromium here: apt-get install chromium (scripts/test does it on Debian, as root)")
	return ""
}

// startDemo runs the demo in this process and returns the page's address. It ends, clean, with the test.
func startDemo(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var out lockedBuffer
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, []string{"--port", "0", "--rate", "200", "--open=false"}, &out, os.Stderr) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the demo did not end clean: %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("the demo did not end")
		}
	})
	address := regexp.MustCompile(`http://\S+`)
	for {
		select {
		case err := <-ended:
			t.Fatalf("the demo ended: %v", err)
		case <-time.After(50 * time.Millisecond):
			if a := address.FindString(out.String()); a != "" {
				return a
			}
		}
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// browserPage is a page in a headless Chromium of its own.
type browserPage struct {
	ctx  context.Context
	said lockedBuffer
}

func openBrowserPage(t *testing.T, chromium, address string) *browserPage {
	t.Helper()
	ctx, cancel := chromedp.NewContext(context.Background(), chromedp.WithAllocatorOptions(
		chromedp.ExecPath(chromium), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-background-networking", true),
	))
	b := &browserPage{ctx: ctx}
	// The first action starts the browser, which lives as long as that action's context.
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 900)); err != nil {
		t.Fatal(err)
	}
	var reader sync.WaitGroup
	messages := chromedp.Console(ctx)
	reader.Go(func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			// A cut line cannot be opened, and the browser says so.
			if !strings.Contains(m.String(), "WebSocket connection to") {
				fmt.Fprintln(&b.said, m)
			}
		}
	})
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Errorf("close the browser: %v", err)
		}
		cancel()
		reader.Wait()
	})
	b.do(t, chromedp.Navigate(address))
	return b
}

func (b *browserPage) console() string { return b.said.String() }

func (b *browserPage) do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

func eval[T any](t *testing.T, b *browserPage, script string, opts ...chromedp.EvaluateOption) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, opts...))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (b *browserPage) state(t *testing.T) pageState {
	t.Helper()
	return eval[pageState](t, b, "window.demo.state()")
}

func (b *browserPage) await(t *testing.T, patience time.Duration, what string, done func(pageState) bool) pageState {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		if eval[bool](t, b, "Boolean(window.demo)") {
			s := b.state(t)
			if done(s) {
				return s
			}
			if time.Now().After(deadline) {
				t.Fatalf("not %s within %v: %+v\nthe page says %q\nthe console %q", what, patience, s,
					eval[string](t, b, `document.getElementById("verdict").textContent`), b.console())
			}
		} else if time.Now().After(deadline) {
			t.Fatalf("the page's script did not start within %v\nthe console says %q", patience, b.console())
		}
		time.Sleep(100 * time.Millisecond)
	}
}

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
