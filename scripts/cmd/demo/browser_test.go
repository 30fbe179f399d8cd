package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

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

// builtServers are the repository's, built.
func builtServers(t *testing.T) []program {
	t.Helper()
	list, err := programs(t.Context(), nil, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// startDemo runs the demo in this process and returns the page's address. It ends, clean, with the test.
func startDemo(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var out lockedBuffer
	ended := make(chan error, 1)
	args = append([]string{"--port", "0", "--rate", "200", "--open=false"}, args...)
	go func() { ended <- run(ctx, args, &out, os.Stderr) }()
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

// checkPhone looks at the page on a narrow screen: nothing is cut off, and the buttons are large enough.
func (b *browserPage) checkPhone(t *testing.T, buttons string) {
	t.Helper()
	b.do(t, chromedp.EmulateViewport(360, 780, chromedp.EmulateMobile))
	if w := eval[int](t, b, "document.documentElement.scrollWidth"); w > 360 {
		t.Errorf("the page is %d px wide on a screen of 360", w)
	}
	if over := eval[[]string](t, b, `[...document.querySelectorAll("main *:not(.hidden)")]
		.filter((e) => e.getBoundingClientRect().right > 360 - 15 && getComputedStyle(e).position !== "absolute")
		.map((e) => e.tagName + "." + e.className)`); len(over) > 0 {
		t.Errorf("over the right margin: %v", over)
	}
	if h := eval[float64](t, b, fmt.Sprintf(`Math.min(...[...document.querySelectorAll(%q)].filter((e) => !e.hidden).map((e) => e.offsetHeight))`, buttons)); h < 40 {
		t.Errorf("a button is %v px high, too small for a finger", h)
	}
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
