package report

import (
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"image/color"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/adred-codev/ws_poc/scripts/internal/result"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
)

// A paint is one color of the pictures and the page, in both schemes. Pictures are drawn with light, and svg.go finds
// the paint again by it: no two paints have the same.
type paint struct {
	name  string
	light string
	dark  string
}

var (
	ink   = paint{"ink", "#16181d", "#e8eaef"}
	muted = paint{"muted", "#5a6070", "#9aa2b1"}
	rule  = paint{"rule", "#dededa", "#2c313b"}
	panel = paint{"panel", "#ffffff", "#171a20"}

	good    = paint{"good", "#0b7547", "#45c48b"}
	bad     = paint{"bad", "#b92b24", "#ff8079"}
	unknown = paint{"unknown", "#935600", "#e6b450"}
)

// servers have their colors in all pictures of all pages. They are told apart with any of the three kinds of color
// blindness, by hue or by lightness, and each can be read as text on the page.
var servers = []paint{
	{"ws-single", "#0064b0", "#4fb0ea"},
	{"ws-multi", "#b0307f", "#d873b4"},
	{"gorilla-hub", "#c85000", "#ff8340"},
	{"centrifuge", "#008a66", "#35d9a3"},
	{"reader", "#614700", "#f0dc82"},
	{"floor", "#1d2026", "#f2f3f5"},
}

// strangers are for servers this package does not know.
var strangers = []paint{
	{"other-1", "#5b3fd6", "#9a86ff"},
	{"other-2", "#7a6c00", "#c9bd3f"},
	{"other-3", "#006f7a", "#45c3cf"},
}

// paints returns all of them.
func paints() []paint { return palette }

var palette = slices.Concat([]paint{ink, muted, rule, panel, good, bad, unknown}, servers, strangers)

// paintOf returns the color of a server; one that nobody knows gets the same one every time. A second build of a server,
// such as ws-single#2, is told apart from the first, and so is one with other settings, such as ws-multi@shards=2, from the one
// that has a shard: that is what the variant's own color is for.
func paintOf(server string) paint {
	if _, n, ok := strings.Cut(server, "#"); ok {
		if i, err := strconv.Atoi(n); err == nil && i > 1 {
			return strangers[(i-2)%len(strangers)]
		}
	}
	if c, err := scenario.ParseCandidate(server); err == nil && c.Shards > 1 {
		return strangers[(c.Shards-2)%len(strangers)]
	} else if err == nil && (c.Shards == 1 || !strings.Contains(server, "@")) {
		server = c.Variant
	}
	for _, p := range servers {
		if p.name == server {
			return p
		}
	}
	h := fnv.New32a()
	h.Write([]byte(server))
	return strangers[h.Sum32()%uint32(len(strangers))]
}

// serverOf returns the server a lane is a use of.
func serverOf(l *result.Lane) string {
	if l.Server != "" {
		return l.Server
	}
	name, _, _ := strings.Cut(l.Name, "/")
	return name
}

// verdictPaint is the color a verdict has beside its word.
func verdictPaint(v result.Verdict) paint {
	switch v {
	case result.Holds:
		return good
	case result.Worse:
		return bad
	case result.Undecided:
		return unknown
	}
	return muted
}

// RGBA makes a paint a color that gonum can draw with.
func (p paint) RGBA() (r, g, b, a uint32) { return p.solid().RGBA() }

func (p paint) solid() color.NRGBA { return drawn()[p.light] }

// drawn are the colors that pictures are drawn with, by the paints' light ones.
var drawn = sync.OnceValue(func() map[string]color.NRGBA {
	all := map[string]color.NRGBA{}
	for _, p := range paints() {
		rgb, err := hex.DecodeString(p.light[1:])
		if err != nil {
			panic(fmt.Sprintf("the color of %s: %v", p.name, err))
		}
		all[p.light] = color.NRGBA{R: rgb[0], G: rgb[1], B: rgb[2], A: 255}
	}
	return all
})

// paintNear returns the name of the paint that a shape was drawn with, of its color as SVG has it. gonum rounds the colors
// of what can be seen through.
func paintNear(color string) (name string, ok bool) {
	rgb, err := hex.DecodeString(strings.TrimPrefix(color, "#"))
	if err != nil || len(rgb) != 3 {
		return "", false
	}
	near := func(x, y uint8) bool { return max(x, y)-min(x, y) <= 2 }
	for _, p := range paints() {
		if c := p.solid(); near(rgb[0], c.R) && near(rgb[1], c.G) && near(rgb[2], c.B) {
			return p.name, true
		}
	}
	return "", false
}

// faint returns the paint with so much of its strength.
func (p paint) faint(strength float64) color.Color {
	c := p.solid()
	c.A = uint8(255 * strength)
	return c
}

// variables are the paints as custom properties of CSS.
func variables(dark bool) string {
	var b strings.Builder
	for _, p := range paints() {
		value := p.light
		if dark {
			value = p.dark
		}
		fmt.Fprintf(&b, "--%s:%s;", p.name, value)
	}
	return b.String()
}

// classes are the rules by which shapes of a picture take their paint.
func classes() string {
	var b strings.Builder
	for _, p := range paints() {
		fmt.Fprintf(&b, ".f-%[1]s{fill:var(--%[1]s)}.s-%[1]s{stroke:var(--%[1]s)}", p.name)
	}
	return b.String()
}
