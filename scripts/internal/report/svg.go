package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"math"
	"strings"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
)

// fonts have Liberation Sans' widths, by which gonum lays text out, wherever one of them is there.
const fonts = "Liberation Sans, Arimo, Arial, Helvetica, sans-serif"

// halo keeps words legible where lines pass behind them.
const halo = "svg text{paint-order:stroke;stroke:var(--panel);stroke-width:3px;stroke-linejoin:round}"

// The first rune of a text that goes to the SVG canvas says where the text is anchored, which gonum knows and its canvas
// does not write. The runes are private ones, and clean keeps them out of other text.
const (
	anchorStart = '\uE000' + iota
	anchorMiddle
	anchorEnd
)

// clean returns s without what XML cannot hold, and without the private runes of this package.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\r':
			return r
		case r < 0x20, r >= anchorStart && r <= anchorEnd, r == 0xFFFE, r == 0xFFFF, r >= 0x7F && r <= 0x9F:
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// anchored draws text at the point it belongs to, and leaves it to the browser to center or right-align it there: the
// reader's font may be wider than the one that gonum measures.
type anchored struct{ text.Plain }

// Draw writes one line of text. There is no rotated text here: it is hard to read.
func (a anchored) Draw(c vg.Canvas, s string, style text.Style, at vg.Point) {
	s = strings.TrimSpace(strings.ReplaceAll(clean(s), "\n", " "))
	if s == "" {
		return
	}
	anchor := anchorStart
	switch {
	case style.XAlign <= -0.75:
		anchor = anchorEnd
	case style.XAlign <= -0.25:
		anchor = anchorMiddle
	}
	face := a.Fonts.Lookup(style.Font, style.Font.Size)
	c.SetColor(style.Color)
	// As text.Plain places it.
	at.Y += a.height(face)*vg.Length(style.YAlign) - face.Extents().Ascent + style.Font.Size
	c.FillString(face, at, string(anchor)+s)
}

func (anchored) height(face font.Face) vg.Length {
	e := face.Extents()
	return e.Ascent + e.Descent
}

// A wrapping says what a picture becomes part of.
type wrapping struct {
	class      string // of a picture in a page
	standalone bool   // a file of its own: brings its colors along
	label      string // for who cannot see it
	w, h       vg.Length
}

// rewrite makes a picture of what gonum's SVG canvas wrote: colors become classes, style attributes become attributes that
// a style sheet overrides, text gets its anchor. Shapes and their order are left alone.
func rewrite(w io.Writer, drawn []byte, as wrapping) error {
	var b bytes.Buffer
	d := xml.NewDecoder(bytes.NewReader(drawn))
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read the SVG that was drawn: %w", err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "svg":
				open(&b, as)
			case "text":
				raw, err := d.Token()
				if err != nil {
					return fmt.Errorf("read a text of the SVG that was drawn: %w", err)
				}
				data, _ := raw.(xml.CharData)
				writeText(&b, t, string(data), as.standalone)
			default:
				b.WriteString("<" + t.Name.Local)
				attributes(&b, t.Attr, as.standalone)
				b.WriteString(">")
			}
		case xml.EndElement:
			b.WriteString("</" + t.Name.Local + ">\n")
		}
	}
	if _, err := w.Write(bytes.ReplaceAll(b.Bytes(), []byte("></path>"), []byte("/>"))); err != nil {
		return fmt.Errorf("write the picture: %w", err)
	}
	return nil
}

func open(b *bytes.Buffer, as wrapping) {
	label := html.EscapeString(clean(as.label))
	if !as.standalone {
		fmt.Fprintf(b, `<svg class="%s" viewBox="0 0 %g %g" role="img" aria-label="%s" font-family="%s">`, as.class, as.w, as.h, label, fonts)
		return
	}
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" width="%g" height="%g" viewBox="0 0 %g %g" role="img" font-family="%s">
<title>%s</title>
<style>:root{%s}@media (prefers-color-scheme:dark){:root{%s}}%s%s</style>
<rect width="100%%" height="100%%" rx="8" fill="%s" class="f-%s"/>
`, as.w, as.h, as.w, as.h, fonts, label, variables(false), variables(true), classes(), halo, panel.light, panel.name)
}

func writeText(b *bytes.Buffer, t xml.StartElement, s string, colors bool) {
	runes := []rune(s)
	b.WriteString("<text")
	if len(runes) > 0 {
		switch runes[0] {
		case anchorMiddle:
			b.WriteString(` text-anchor="middle"`)
		case anchorEnd:
			b.WriteString(` text-anchor="end"`)
		}
	}
	attributes(b, t.Attr, colors)
	b.WriteString(">" + html.EscapeString(clean(s)))
}

// attributes writes attributes, those in style as attributes of their own; with colors also the color behind a class, for
// programs that know no style sheets.
func attributes(b *bytes.Buffer, attrs []xml.Attr, colors bool) {
	var class []string
	put := func(name, value string) { fmt.Fprintf(b, ` %s="%s"`, name, html.EscapeString(value)) }
	for _, a := range attrs {
		if a.Name.Local != "style" {
			put(a.Name.Local, a.Value)
			continue
		}
		for _, property := range strings.Split(a.Value, ";") {
			name, value, _ := strings.Cut(property, ":")
			paint, painted := paintNear(value)
			switch name {
			case "fill", "stroke":
				if painted {
					class = append(class, name[:1]+"-"+paint)
				}
				if colors || !painted {
					put(name, value)
				}
			case "font-family", "font-variant", "font-style": // one family for all, and it is on the root
			case "font-weight":
				if value != "normal" {
					put(name, value)
				}
			case "fill-opacity", "stroke-opacity", "stroke-width", "stroke-dasharray", "font-size":
				put(name, strings.TrimSuffix(value, "px"))
			}
		}
	}
	if len(class) > 0 {
		put("class", strings.Join(class, " "))
	}
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
