package main

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// twoServers are the two variants; while the repository has but one, that one twice, under both names.
func twoServers(t *testing.T) (list []program, real bool) {
	t.Helper()
	list = builtServers(t)
	if len(list) > 1 {
		return list[:2], true
	}
	return []program{list[0], {"ws-multi", list[0].binary}}, false
}

// besidePage is a page with several servers. Its clients start on them in turns.
type besidePage struct {
	*browserPage
	address string
	servers []string
	clients int
}

// TestSideBySide is the whole demo with two servers: what they do is seen beside each other, and clients are moved
// between them while the market goes on. The test keeps every message that the page's clients are given, and counts itself.
func TestSideBySide(t *testing.T) {
	list, real := twoServers(t)
	var args []string
	for _, p := range list {
		args = append(args, "--server", p.name+"="+p.binary)
	}
	address := startDemo(t, args...)
	b := besidePage{
		browserPage: openBrowserPage(t, findChromium(t), address), address: address, servers: []string{list[0].name, list[1].name},
	}
	single, multi := b.servers[0], b.servers[1]
	s := b.await(t, 20*time.Second, "live with both", func(s pageState) bool {
		return len(s.Viewers) > 2 && !slices.ContainsFunc(s.Viewers, func(v pageState) bool { return !v.Connected || v.Received < 20 || v.Home == "" })
	})
	b.clients = len(s.Viewers)
	for i, v := range s.Viewers {
		if v.Home != b.servers[i%2] || real && v.ServerSays != v.Home {
			t.Errorf("%s is with %q, which says it is %q", v.Name, v.Home, v.ServerSays)
		}
	}
	b.do(t, chromedp.Evaluate[chromedp.Void](recordScript))

	t.Run("what each server does is seen", func(t *testing.T) {
		for _, name := range b.servers {
			b.awaitShown(t, name, "connections", fmt.Sprint(b.clients/2))
			b.awaitShown(t, name, "deliveries/s", `[1-9][\d,]*`)
			b.awaitShown(t, name, "CPU of a core", `\d+\.\d%`)
			b.awaitShown(t, name, "p99 to socket", `[\d.]+ms`)
			b.awaitShown(t, name, "memory", `[1-9]\d*MB`)
			head := eval[string](t, b.browserPage, fmt.Sprintf(`document.querySelector('.server[data-server=%q] > p').textContent`, name))
			if !regexp.MustCompile(`^\w+-core · v[\d.]+ · server 1$`).MatchString(head) {
				t.Errorf("%s is described as %q", name, head)
			}
		}
		if title := eval[string](t, b.browserPage, `document.querySelector("h1").textContent`); title != single+" and "+multi {
			t.Errorf("titled %q", title)
		}
	})
	t.Run("a client moves, and back", func(t *testing.T) {
		b.move(t, "Client 2", multi, single, func(button string) { b.do(t, chromedp.Click(chromedp.CSS(button))) })
		b.awaitShown(t, multi, "connections", fmt.Sprint(b.clients/2-1))
		b.awaitShown(t, single, "connections", fmt.Sprint(b.clients/2+1))
		// With the keyboard, from where the focus is left by the first move.
		b.do(t, chromedp.Focus(chromedp.CSS(button("Client 2", multi))))
		b.move(t, "Client 2", single, multi, func(string) { b.do(t, chromedp.KeyEvent("\r")) })
		b.move(t, "Client 2", multi, single, func(button string) {
			if focused := eval[bool](t, b.browserPage, fmt.Sprintf(`document.activeElement === document.querySelector(%q)`, button)); !focused {
				t.Error("the focus did not go with the client")
			}
			b.do(t, chromedp.KeyEvent("\r"))
		})
	})
	t.Run("the page's own client moves", func(t *testing.T) {
		v := b.move(t, "This page", single, multi, func(button string) { b.do(t, chromedp.Click(chromedp.CSS(button))) })
		want := regexp.MustCompile(fmt.Sprintf(`^Moved from %s to %s in \d+(\.\d)? m?s\. Replayed .*missing 0, doubled 0, by the market’s own count of \d+ channels\.$`, single, multi))
		if !want.MatchString(v.Text) {
			t.Errorf("verdict %q", v.Text)
		}
		logged := eval[[]string](t, b.browserPage, `[...document.querySelectorAll("#log li span")].slice(0, 5).map((e) => e.textContent)`)
		for _, line := range []string{"left " + single, "connected to " + multi + ", server 1", "resume *.trade *.liquidity", "replayed "} {
			if !slices.ContainsFunc(logged, func(s string) bool { return strings.HasPrefix(s, line) }) {
				t.Errorf("logged %q, want %q in it", logged, line)
			}
		}
	})
	t.Run("all move, both ways", func(t *testing.T) {
		replayed := 0
		for _, to := range []string{multi, single, multi, single} {
			replayed += b.moveAll(t, to)
		}
		if replayed == 0 {
			t.Error("nothing was replayed: nothing was missed, so nothing was shown")
		}
	})
	t.Run("a client whose line is cut cannot move", func(t *testing.T) {
		line := b.state(t).Line
		post := func(path string) {
			if code, _, body := ask(t, http.MethodPost, b.address+"/line/"+line+path); code != 200 {
				t.Fatalf("%s: %d %s", path, code, body)
			}
		}
		post("/cut?seconds=60")
		b.await(t, 10*time.Second, "cut", func(s pageState) bool {
			return !s.Connected && eval[string](t, b.browserPage, fmt.Sprintf(`document.querySelector(%q).ariaDisabled`, button("This page", multi))) == "true"
		})
		b.do(t, chromedp.Click(chromedp.CSS(button("This page", multi))))
		post("/normal")
		s := b.await(t, 40*time.Second, "back", func(s pageState) bool { return s.Trial == nil && s.Verdict.Kind == "lost" })
		if v := *s.Verdict; !v.Good || !v.Resumed || s.Home != single || s.Server != 1 {
			t.Errorf("verdict %+v on %s server %d", v, s.Home, s.Server)
		}
	})
	t.Run("moves that meet with trouble", func(t *testing.T) { testTroubledMoves(t, b) })
	t.Run("the server of the page's own client is drained", func(t *testing.T) {
		b.move(t, "This page", single, multi, func(button string) { b.do(t, chromedp.Click(chromedp.CSS(button))) })
		v := b.press(t, "drain", 40*time.Second)
		if s := b.state(t); s.Home != multi || s.Server != 2 || !slices.Equal(v.Closes, []int{4000}) {
			t.Errorf("on %s server %d after %v, want %s server 2", s.Home, s.Server, v.Closes, multi)
		}
		b.moveAll(t, multi)
		for _, v := range b.state(t).Viewers {
			if v.Home != multi || v.Server != 2 {
				t.Errorf("%s is with %s server %d, want %s server 2", v.Name, v.Home, v.Server, multi)
			}
		}
	})
	t.Run("every message, once and in order", func(t *testing.T) {
		s := b.state(t)
		for _, v := range s.Viewers {
			if v.Missing != 0 || v.Doubled != 0 || v.Lost != 0 || v.Errors != 0 {
				t.Errorf("%s: %+v, want nothing missing, doubled, lost or wrong", v.Name, v)
			}
			b.checkRecord(t, v)
		}
	})
	t.Run("side by side where there is room, else one below the other", func(t *testing.T) {
		const tops = `[...document.querySelectorAll(".server")].map((e) => e.getBoundingClientRect().top)`
		if y := eval[[]float64](t, b.browserPage, tops); len(y) != 2 || y[0] != y[1] {
			t.Errorf("on a desktop the tops are at %v", y)
		}
		b.checkPhone(t, ".server button")
		if y := eval[[]float64](t, b.browserPage, tops); len(y) != 2 || y[0] >= y[1] {
			t.Errorf("on a phone the tops are at %v", y)
		}
	})
	if said := b.console(); said != "" {
		t.Errorf("the console says:\n%s", said)
	}
}

func button(client, to string) string {
	return fmt.Sprintf(`.viewers li[data-viewer="%s"] button[data-to="%s"]`, client, to)
}

// viewer waits until a client can be moved and returns it.
func (b besidePage) viewer(t *testing.T, name string) pageState {
	t.Helper()
	var v pageState
	b.await(t, 20*time.Second, name+" ready to move", func(s pageState) bool {
		i := slices.IndexFunc(s.Viewers, func(v pageState) bool { return v.Name == name })
		v = s.Viewers[i]
		return v.Connected && v.Trial == nil && len(v.Channels) > 0
	})
	return v
}

// move presses a client's button and checks what the page tells of it.
func (b besidePage) move(t *testing.T, name, from, to string, press func(button string)) verdict {
	t.Helper()
	before := b.viewer(t, name)
	if before.Home != from {
		t.Fatalf("%s is with %s, want %s", name, before.Home, from)
	}
	b.awaitEnabled(t, button(name, to))
	press(button(name, to))
	b.await(t, 20*time.Second, name+" moved", func(pageState) bool {
		v := b.viewer(t, name)
		return v.Home == to && v.Verdict != nil && v.Verdict.Kind == "move" && v.Connections > before.Connections
	})
	v := b.viewer(t, name)
	if c := v.Verdict; !c.Good || !c.Resumed || c.From != from || c.To != to || c.Missing != 0 || c.Doubled != 0 || c.Seconds <= 0 {
		t.Errorf("%s: verdict %+v, want it resumed with nothing missing and nothing twice", name, c)
	}
	if v.Connections != before.Connections+1 || v.LastClose != 1000 {
		t.Errorf("%s: %d connections after %d, closed with %d", name, v.Connections, before.Connections, v.LastClose)
	}
	said := b.awaitSaid(t, fmt.Sprintf(`^%s moved to %s in \d+(\.\d)? m?s: resumed, replayed [\d,]+, missing 0, doubled 0\.$`, name, to))
	row := eval[string](t, b.browserPage, fmt.Sprintf(`document.querySelector('.server[data-server="%s"] li[data-viewer="%s"] .fate').textContent`, to, name))
	if !regexp.MustCompile(`^resumed in .*, replayed .*, missing 0, doubled 0$`).MatchString(row) {
		t.Errorf("%s's row in the column of %s says %q", name, to, row)
	}
	t.Log(said)
	return *v.Verdict
}

// moveAll presses a server's button, and returns how many messages were replayed.
func (b besidePage) moveAll(t *testing.T, to string) (replayed int) {
	t.Helper()
	going := map[string]int{} // how often each that goes had connected
	for _, v := range b.state(t).Viewers {
		if v := b.viewer(t, v.Name); v.Home != to {
			going[v.Name] = v.Connections
		}
	}
	if len(going) == 0 {
		t.Fatalf("all are with %s already", to)
	}
	all := fmt.Sprintf(`.server[data-server="%s"] > button`, to)
	b.awaitEnabled(t, all)
	b.do(t, chromedp.Click(chromedp.CSS(all)))
	s := b.await(t, 20*time.Second, "all with "+to, func(s pageState) bool {
		return !slices.ContainsFunc(s.Viewers, func(v pageState) bool { return v.Home != to || v.Trial != nil || !v.Connected })
	})
	for _, v := range s.Viewers {
		connections, went := going[v.Name]
		if !went {
			continue
		}
		if c := v.Verdict; c == nil || c.Kind != "move" || !c.Good || !c.Resumed || c.To != to || c.Missing != 0 || c.Doubled != 0 {
			t.Fatalf("%s: verdict %+v", v.Name, c)
		}
		if v.Connections != connections+1 {
			t.Errorf("%s: %d connections after %d", v.Name, v.Connections, connections)
		}
		replayed += v.Verdict.Replayed
	}
	who := fmt.Sprintf("%d clients moved", len(going))
	if len(going) == 1 {
		who = `.* moved`
	}
	t.Log(b.awaitSaid(t, fmt.Sprintf(`^%s to %s(, the slowest)? in \d+(\.\d)? m?s: resumed, replayed [\d,]+, missing 0, doubled 0\.$`, who, to)))
	b.awaitShown(t, to, "connections", fmt.Sprint(b.clients))
	if rows := eval[int](t, b.browserPage, fmt.Sprintf(`document.querySelectorAll('.server[data-server="%s"] li').length`, to)); rows != b.clients {
		t.Errorf("the column of %s has %d clients, want all %d", to, rows, b.clients)
	}
	return replayed
}

func (b besidePage) awaitEnabled(t *testing.T, button string) {
	t.Helper()
	b.await(t, 10*time.Second, button+" enabled and at rest", func(pageState) bool {
		return eval[bool](t, b.browserPage, fmt.Sprintf(`document.querySelector(%q).ariaDisabled === "false" && document.getAnimations().length === 0`, button))
	})
}

// awaitSaid waits for the sentence below the servers.
func (b besidePage) awaitSaid(t *testing.T, want string) (said string) {
	t.Helper()
	b.await(t, 5*time.Second, "said "+want, func(pageState) bool {
		said = eval[string](t, b.browserPage, `document.getElementById("moved").textContent`)
		return regexp.MustCompile(want).MatchString(said)
	})
	return said
}

// awaitShown waits for a server's figure.
func (b besidePage) awaitShown(t *testing.T, server, figure, want string) {
	t.Helper()
	whole := regexp.MustCompile("^" + want + "$")
	b.await(t, 10*time.Second, fmt.Sprintf("%s shown with %s %s", server, want, figure), func(pageState) bool {
		return whole.MatchString(eval[string](t, b.browserPage, fmt.Sprintf(
			`[...document.querySelectorAll('.server[data-server=%q] dt')].find((e) => e.textContent === %q).nextSibling.textContent`, server, figure)))
	})
}

// recordScript keeps what each client is given, and where its subscriptions stood at that time.
const recordScript = `window.records = Object.fromEntries(window.demo.viewers.map((viewer) => {
	const taken = [];
	viewer.client.on('message', ({ channel, event, partition, offset, data }) => taken.push([channel, event, partition, offset, data.n]));
	return [viewer.name, taken];
})); undefined`

// checkRecord counts by itself, apart from the page: in each partition offsets ascend, and where all of an event is
// subscribed none is passed over; in each channel the market's numbers go up by one. Events that may be conflated may jump.
func (b besidePage) checkRecord(t *testing.T, v pageState) {
	t.Helper()
	taken := eval[[][5]any](t, b.browserPage, fmt.Sprintf(`window.records[%q]`, v.Name))
	if len(taken) < 50 {
		t.Errorf("%s: %d messages: too few to say anything", v.Name, len(taken))
	}
	offsets, numbers := map[string]float64{}, map[string]float64{}
	for i, m := range taken {
		channel, event, offset, n := m[0].(string), m[1].(string), m[3].(float64), m[4].(float64)
		partition := fmt.Sprintf("%s/%v", event, m[2])
		last, known := offsets[partition]
		whole := slices.Contains(v.Channels, "*."+event) && event != conflated
		if known && (offset <= last || whole && offset != last+1) {
			t.Errorf("%s: message %d is %s:%v after :%v", v.Name, i, partition, offset, last)
		}
		lastN, known := numbers[channel]
		if known && (n <= lastN || event != conflated && n != lastN+1) {
			t.Errorf("%s: message %d is number %v of %s after %v", v.Name, i, n, channel, lastN)
		}
		offsets[partition], numbers[channel] = offset, n
	}
	if len(offsets) < partitions/2 {
		t.Errorf("%s: %v came from %d partitions alone", v.Name, v.Channels, len(offsets))
	}
	t.Logf("%s: %d messages of %d channels in %d partitions over %d connections, none missing, none twice",
		v.Name, len(taken), len(numbers), len(offsets), v.Connections)
}
