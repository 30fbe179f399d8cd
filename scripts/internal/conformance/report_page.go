package conformance

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Markdown writes the page for a reader who doubts: the outcome, what was run and how to run it again, what is broken, and
// each sentence with what became of it. clauses are all of the protocol's, with a case or without.
func (r *Report) Markdown(w io.Writer, clauses []Clause) error {
	var b strings.Builder
	p := page{Report: r, b: &b, clauses: clauses}
	p.top()
	p.run()
	p.broken()
	p.differences()
	p.sentences()
	p.unseen()
	if _, err := io.WriteString(w, strings.TrimRight(b.String(), "\n")+"\n"); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

type page struct {
	*Report
	b       *strings.Builder
	clauses []Clause
}

func (p *page) printf(format string, args ...any) { fmt.Fprintf(p.b, format, args...) }

// top is the outcome in a few lines.
func (p *page) top() {
	p.printf("# Conformance\n\n")
	for i := range p.Servers {
		s := &p.Servers[i]
		passed, failed, notRun := s.Count()
		p.printf("- **%s**: %s tried, %d kept, %d broken", s.Server, plural(passed+failed, "sentence"), passed, failed)
		if notRun > 0 {
			p.printf(", %d not run", notRun)
		}
		p.printf("\n")
	}
	tried := 0
	for _, c := range p.clauses {
		if slices.ContainsFunc(p.proofs(c), p.ran) {
			tried++
		}
	}
	p.printf("- the sentences are of %d of the %s of [the protocol](../../kit/PROTOCOL.md), its rows of codes counted as such",
		tried, plural(len(p.clauses), "clause"))
	if n := len(p.only(func(c Clause) bool { return c.Unseen != "" })); n > 0 {
		p.printf("; %d bind the client or the operator, or cannot be provoked from outside ([why](#what-no-case-sees))", n)
	}
	p.printf("\n")
	if len(p.Servers) > 1 {
		switch n := len(p.Differences); n {
		case 0:
			p.printf("- what the protocol leaves open was alike on all of them, where a case noted it\n")
		default:
			p.printf("- %s between them ([which](#differences))\n", plural(n, "difference"))
		}
	}
	p.printf("\n")
}

const howItIsDone = `Each sentence is tried by the case of its number in [the suite](../internal/conformance). A case knows an address, an admin address
and a Kafka, and nothing of how a server is made: it publishes to the real broker, speaks over real TCP, and looks at what comes. Beside its own
sentence every connection checks each frame: no field that the protocol does not name, no hole in ` + "`seq`" + `, counts that add up, a cursor that covers
what came. That the cases can fail is tested too, with a lying proxy before the server: each lie and each code that it exchanges must be found out.

`

// run is what was run, and how to run it again.
func (p *page) run() {
	p.printf("## What was run\n\n%s", howItIsDone)
	p.printf("Started %s", p.Started.UTC().Format("2006-01-02 15:04 UTC"))
	if p.Kafka != "" {
		p.printf(", on Kafka %s", p.Kafka)
	}
	if p.Commit != "" {
		p.printf(", by the suite at commit `%.12s`", p.Commit)
		if p.Dirty {
			p.printf(" with changes")
		}
	}
	p.printf(".\n\n| server | version | built | built from | seconds |\n|---|---|---|---|--:|\n")
	for _, s := range p.Servers {
		var v struct{ Version, Commit, Go, Platform string }
		_ = json.Unmarshal(s.Version, &v) // a server that never ran said nothing
		built := orDash(strings.TrimSpace(v.Go + " " + v.Platform))
		if p.Race {
			built += ", race detector"
		}
		p.printf("| %s | %s | %s | %s | %.0f |\n", s.Server, orDash(v.Version), built, orDash(shortCommit(v.Commit)), s.Seconds)
	}
	p.printf("\nAgain:\n\n    %s\n\n", p.Command)
}

// broken is why cases failed, and what else went wrong.
func (p *page) broken() {
	if p.Passed() || !slices.ContainsFunc(p.Servers, func(s Ran) bool {
		_, failed, _ := s.Count()
		return failed+len(s.Wrong) > 0
	}) {
		return
	}
	p.printf("## Broken\n\n")
	for _, s := range p.Servers {
		for _, wrong := range s.Wrong {
			p.printf("%s:\n\n%s\n", s.Server, indented(wrong))
		}
		for _, r := range s.Results {
			if !r.Failed() {
				continue
			}
			p.printf("**%s** on %s: %s\n\n", r.Case, s.Server, cell(p.says(r.Case)))
			for _, why := range r.Why {
				p.printf("%s\n", indented(why))
			}
		}
	}
}

func (p *page) differences() {
	if len(p.Differences) == 0 {
		return
	}
	p.printf("## Differences\n\n")
	for _, d := range p.Differences {
		p.printf("- %s\n", cell(d))
	}
	p.printf("\n")
}

// sentences is the protocol, clause by clause.
func (p *page) sentences() {
	p.printf("## Sentence by sentence\n")
	part := ""
	for _, c := range p.clauses {
		if c.Part != part {
			part = c.Part
			p.printf("\n### [%s](../../kit/PROTOCOL.md#%s)\n\n| | sentence |", part, headingAnchor(part))
			for _, s := range p.Servers {
				p.printf(" %s |", s.Server)
			}
			p.printf("\n|---|---|%s\n", strings.Repeat("---|", len(p.Servers)))
		}
		p.clause(c)
	}
	p.printf("\n")
}

// clause is a row for each of its cases; of a table's row, one row that names them.
func (p *page) clause(c Clause) {
	switch proofs := p.proofs(c); {
	case c.Unseen != "":
		p.row(c.ID, "*"+cell(firstWords(c.Begin))+"* [no case](#what-no-case-sees)", func(*Ran) string { return "" })
	case len(proofs) == 0:
		p.row(c.ID, "*"+cell(firstWords(c.Begin))+"*", func(*Ran) string { return "not tried" })
	case c.Row():
		_, code, _ := strings.Cut(c.ID, " ")
		p.row("`"+code+"`", cell(c.Begin)+": "+strings.Join(proofs, ", "), func(s *Ran) string { return s.word(proofs...) })
	default:
		for _, id := range proofs {
			p.row(id, cell(p.says(id)), func(s *Ran) string { return s.word(id) })
		}
	}
}

func (p *page) row(id, says string, outcome func(*Ran) string) {
	p.printf("| %s | %s |", id, says)
	for i := range p.Servers {
		p.printf(" %s |", outcome(&p.Servers[i]))
	}
	p.printf("\n")
}

func (p *page) unseen() {
	p.notSeen("What no case sees", "why", func(c Clause) string { return c.Unseen })
	p.notSeen("What is seen in part", "not seen", func(c Clause) string { return c.Partly })
}

// notSeen is a table of the clauses of which there is something to say.
func (p *page) notSeen(heading, column string, say func(Clause) string) {
	some := p.only(func(c Clause) bool { return say(c) != "" })
	if len(some) == 0 {
		return
	}
	p.printf("## %s\n\n| | begins | %s |\n|---|---|---|\n", heading, column)
	for _, c := range some {
		p.printf("| %s | %s | %s |\n", c.ID, cell(firstWords(c.Begin)), cell(say(c)))
	}
	p.printf("\n")
}

func (p *page) only(which func(Clause) bool) []Clause {
	return slices.DeleteFunc(slices.Clone(p.clauses), func(c Clause) bool { return !which(c) })
}

// proofs are those of the clause's cases that were chosen.
func (p *page) proofs(c Clause) []string {
	return slices.DeleteFunc(slices.Clone(c.ProvedBy), func(id string) bool { return p.says(id) == "" })
}

// ran says that a case could be tried on some server.
func (p *page) ran(id string) bool {
	return slices.ContainsFunc(p.Servers, func(s Ran) bool { r, ok := s.Of(id); return ok && r.NotRun == "" })
}

// says is a case's sentence, "" when it was not chosen.
func (p *page) says(id string) string {
	for _, c := range p.Cases {
		if c.ID == id {
			return c.Says
		}
	}
	return ""
}

// word is the outcome of cases together: the worst one's.
func (s *Ran) word(ids ...string) string {
	word := "kept"
	for _, id := range ids {
		switch r, ok := s.Of(id); {
		case r.Failed():
			return "**broken**"
		case !ok || r.NotRun != "":
			word = "not run"
		}
	}
	return word
}

// headingAnchor is a heading's fragment as GitHub makes it.
func headingAnchor(heading string) string {
	return strings.ReplaceAll(strings.ToLower(heading), " ", "-")
}

// firstWords are the first words of a clause, without a link or sentence cut in two where that can be helped.
func firstWords(text string) string {
	const most = 90
	text = strings.ReplaceAll(text, "*", "")
	if len(text) <= most {
		return strings.TrimSuffix(text, ":")
	}
	cut := strings.LastIndexByte(text[:most], ' ')
	return strings.TrimRight(text[:cut], ",;: ") + " …"
}

// cell keeps a text in its cell.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "*", `\*`, "<", "&lt;").Replace(text)
}

// indented is a text as it is, shortened: the page is read, the JSON has it whole.
func indented(text string) string {
	const most = 1500
	if len(text) > most {
		text = text[:most] + "…"
	}
	return "    " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    ") + "\n"
}

func shortCommit(commit string) string {
	hash, dirty, _ := strings.Cut(commit, "-")
	if len(hash) == 40 {
		hash = hash[:12]
	}
	if dirty != "" {
		return hash + " with changes"
	}
	return hash
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
