package main

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
)

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

// TestTheOffsetsCount checks the page's second way of counting.
func TestTheOffsetsCount(t *testing.T) {
	b := openBrowserPage(t, findChromium(t), "about:blank")
	source := func(file string) string {
		s, err := page.ReadFile("page/" + file)
		if err != nil {
			t.Fatal(err)
		}
		return string(s)
	}
	got := eval[map[string][]int](t, b, fmt.Sprintf(`(async () => {
		const blob = (text) => URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));
		const { Offsets } = await import(blob(%q.replace('./tracker.js', blob(%q))));
		const o = new Offsets(['liquidity']);
		const said = {};
		const take = (name, messages) => {
			for (const [channel, partition, offset] of messages) o.take({ channel, event: channel.slice(2), partition, offset });
			said[name] = [o.missing, o.doubled];
		};
		const cursor = { trade: { log: 'x', at: [4, -1] }, liquidity: { log: 'x', at: [4] } };
		take('in part', [['A.trade', 0, 1], ['A.trade', 0, 3]]); // other channels' lie between
		o.subscribed(['*.trade', 'B.*', '*.liquidity'], cursor);
		take('in a row', [['A.trade', 0, 5], ['B.trade', 0, 6], ['A.trade', 1, 0]]);
		take('5 and 6 again', [['A.trade', 0, 5], ['B.trade', 0, 6]]);
		take('7 and 8 missing', [['A.trade', 0, 9]]);
		take('8 late', [['B.trade', 0, 8]]);
		take('missing from the start', [['A.trade', 1, 1], ['B.trade', 2, 9]]);
		take('conflated', [['A.liquidity', 0, 5], ['B.liquidity', 0, 9], ['B.liquidity', 0, 9]]);
		o.subscribed(['*.trade'], { trade: { log: 'x', at: [99, 99] } }); // resumed: what has to come next is known
		take('resumed', [['A.trade', 0, 10]]);
		take('resumed with a hole', [['A.trade', 1, 3]]);
		o.keepOnly(['A.trade']);
		take('no longer all', [['A.trade', 0, 20]]);
		o.keepOnly([]);
		o.subscribed(['*.trade'], { trade: { log: 'x', at: [2] } });
		take('anew', [['A.trade', 0, 3]]);
		return said;
	})()`, source("offsets.js"), source("tracker.js")), chromedp.EvalAwaitPromise)
	want := map[string][]int{
		"in part": {0, 0}, "in a row": {0, 0}, "5 and 6 again": {0, 2}, "7 and 8 missing": {2, 2}, "8 late": {2, 2},
		"missing from the start": {2, 2}, "conflated": {2, 3}, "resumed": {2, 3}, "resumed with a hole": {3, 3},
		"no longer all": {3, 3}, "anew": {3, 3},
	}
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("missing and doubled are %v, want %v", got, want)
	}
}
