package main

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// testTroubledMoves is what the page tells when a move does not go as asked. All its clients are with the first server but
// those that it moves itself.
func testTroubledMoves(t *testing.T, b besidePage) {
	single, multi := b.servers[0], b.servers[1]
	b.moveAllThatAreLeft(t, single)

	t.Run("one is refused, the others go", func(t *testing.T) {
		line := b.viewer(t, "Client 3").Line
		b.meddle(t, fmt.Sprintf(`if (path === 'line/%s/to/%s') return new Response('the way is blocked\n', { status: 503 });`, line, multi))
		all := fmt.Sprintf(`.server[data-server=%q] > button`, multi)
		b.awaitEnabled(t, all)
		b.do(t, chromedp.Click(chromedp.CSS(all)))
		b.awaitSaid(t, fmt.Sprintf(`^%d clients moved to %s, the slowest in .*: resumed, replayed .*, missing 0, doubled 0\. That did not work for Client 3: the way is blocked\.$`, b.clients-1, multi))
		if kind := eval[string](t, b.browserPage, `document.getElementById("moved").dataset.kind`); kind != "bad" {
			t.Errorf("told as %s", kind)
		}
		for _, name := range []string{"This page", "Client 2", "Client 3", "Client 4"} {
			if v := b.viewer(t, name); (v.Home == single) != (name == "Client 3") {
				t.Errorf("%s is with %s", name, v.Home)
			}
		}
		b.unmeddle(t)
		b.moveAll(t, single)
	})
	t.Run("the connection is lost before the way has changed", func(t *testing.T) {
		before := b.viewer(t, "This page")
		// Which server it is with is not told at first, either.
		b.meddle(t, fmt.Sprintf(`
			if (path === 'line/%[1]s/to/%[2]s') {
				await real('line/%[1]s/cut?seconds=1', { method: 'POST' });
				while (window.demo.state().connected) await new Promise((done) => setTimeout(done, 10));
			}
			if (path === 'line/%[1]s' && !window.refusedOnce) {
				window.refusedOnce = true;
				throw new TypeError('Failed to fetch');
			}`, before.Line, multi))
		b.awaitEnabled(t, button("This page", multi))
		b.do(t, chromedp.Click(chromedp.CSS(button("This page", multi))))
		s := b.await(t, 20*time.Second, "moved", func(s pageState) bool { return s.Home == multi && s.Trial == nil })
		if v := s.Verdict; v.Kind != "move" || !v.Good || !v.Resumed || v.From != single || v.To != multi || !slices.Equal(v.Closes, []int{1006}) {
			t.Errorf("verdict %+v, want it moved after 1006", v)
		}
		b.awaitSaid(t, fmt.Sprintf(`^This page moved to %s in .*: resumed, replayed .*, missing 0, doubled 0\.$`, multi))
		if shown := eval[string](t, b.browserPage, `document.getElementById("verdict").textContent`); shown != s.Verdict.Text {
			t.Errorf("the page still shows %q", shown)
		}
		if !eval[bool](t, b.browserPage, "window.refusedOnce") {
			t.Error("nobody asked where the line leads")
		}
		b.unmeddle(t)
	})
	t.Run("one that cannot move is named", func(t *testing.T) {
		line := b.viewer(t, "This page").Line
		b.move(t, "Client 2", single, multi, func(button string) { b.do(t, chromedp.Click(chromedp.CSS(button))) })
		all := fmt.Sprintf(`.server[data-server=%q] > button`, single)
		b.awaitEnabled(t, all)
		post(t, b.address, line, "cut?seconds=60")
		b.await(t, 10*time.Second, "cut", func(s pageState) bool { return !s.Connected })
		b.do(t, chromedp.Click(chromedp.CSS(all)))
		b.awaitSaid(t, fmt.Sprintf(`^Client 2 moved to %s in .*, missing 0, doubled 0\. That did not work for This page: it has no connection\.$`, single))
		post(t, b.address, line, "normal")
		b.await(t, 40*time.Second, "back", func(s pageState) bool { return s.Connected && s.Trial == nil })
		b.move(t, "This page", multi, single, func(button string) { b.do(t, chromedp.Click(chromedp.CSS(button))) })
	})
}

// post puts a line into a condition.
func post(t *testing.T, address, line, condition string) {
	t.Helper()
	if code, _, body := ask(t, http.MethodPost, address+"/line/"+line+"/"+condition); code != http.StatusOK {
		t.Fatalf("line %s %s: %d %s", line, condition, code, body)
	}
}

// moveAllThatAreLeft moves all to a server, if any is elsewhere.
func (b besidePage) moveAllThatAreLeft(t *testing.T, to string) {
	t.Helper()
	if slices.ContainsFunc(b.state(t).Viewers, func(v pageState) bool { return v.Home != to }) {
		b.moveAll(t, to)
	}
}

// meddle has a script see each request of the page before it goes; real is the browser's own fetch.
func (b *browserPage) meddle(t *testing.T, script string) {
	t.Helper()
	b.do(t, chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`{
		const real = window.fetch;
		window.unmeddle = () => { window.fetch = real; };
		window.fetch = async (path, options) => { %s
			return real(path, options);
		};
	} undefined`, script)))
}

func (b *browserPage) unmeddle(t *testing.T) {
	t.Helper()
	b.do(t, chromedp.Evaluate[chromedp.Void](`window.unmeddle()`))
}

// testOtherEnds is what the page tells when its connection cannot go on as it was, and that it begins anew when it is loaded
// again.
func testOtherEnds(t *testing.T, b *browserPage, address string) {
	t.Run("nothing to resume", func(t *testing.T) {
		b.do(t, chromedp.Navigate(address))
		line := b.awaitLive(t).Line
		b.do(t, chromedp.Evaluate[chromedp.Void](`(async () => {
			for (const channel of window.demo.state().channels) await window.demo.viewers[0].unsubscribe(channel);
		})()`, chromedp.EvalAwaitPromise))
		b.do(t, chromedp.Click(chromedp.CSS("#cut")))
		b.await(t, 10*time.Second, "cut", func(s pageState) bool { return !s.Connected })
		post(t, address, line, "normal")
		b.awaitVerdict(t, `^Connected again\. There was nothing yet to resume\.$`)
		if s := b.state(t); !s.Connected || s.Trial != nil {
			t.Errorf("%+v, want it connected and nothing going on", s)
		}
	})
	t.Run("closed for good", func(t *testing.T) {
		b.do(t, chromedp.Navigate(address))
		b.awaitLive(t)
		b.do(t, chromedp.Evaluate[chromedp.Void](`for (let i = 0; i < 12; i++) window.demo.viewers[0].client.subscribe(['BTC.weather']); undefined`))
		b.awaitVerdict(t, `^Closed for good with 4506, .*\. Reload the page to begin anew\.$`)
		b.await(t, 5*time.Second, "shown as closed", func(s pageState) bool {
			return !s.Connected && s.Trial == nil && eval[string](t, b, `document.getElementById("pill").textContent`) == "closed"
		})
		b.do(t, chromedp.Navigate(address))
		b.awaitLive(t)
	})
}

// testNoLineIsLeft is a page that is refused because of others, and one that is not since theirs are idle.
func testNoLineIsLeft(t *testing.T, b *browserPage, address string) {
	b.do(t, chromedp.Navigate("about:blank"))
	deadline := time.Now().Add(20 * time.Second)
	for i := 0; i < maxLines; {
		code, _, body := ask(t, http.MethodPost, fmt.Sprintf("%s/line/other-%d/slow?seconds=60", address, i))
		switch {
		case code == http.StatusOK:
			i++
		case time.Now().After(deadline): // until then, the page's old line may be in use yet
			t.Fatalf("line %d: %d %s", i, code, body)
		}
	}
	b.do(t, chromedp.Navigate(address))
	b.awaitVerdict(t, `^This page cannot connect: `+errTooManyLines.Error()+`\. Reload it\.$`)
	post(t, address, "other-1", "normal")
	b.do(t, chromedp.Navigate(address))
	b.awaitLive(t)
}

func (b *browserPage) awaitLive(t *testing.T) pageState {
	t.Helper()
	return b.await(t, 20*time.Second, "live", func(s pageState) bool { return s.Connected && s.Received > 20 && s.Trial == nil })
}

// awaitVerdict waits for what is shown below the buttons.
func (b *browserPage) awaitVerdict(t *testing.T, want string) {
	t.Helper()
	shown := regexp.MustCompile(want)
	b.await(t, 20*time.Second, "told "+want, func(pageState) bool {
		return shown.MatchString(eval[string](t, b, `document.getElementById("verdict").textContent`))
	})
}
