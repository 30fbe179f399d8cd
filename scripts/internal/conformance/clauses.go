package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// Clause is a numbered paragraph of the protocol, or a row of its tables of codes.
type Clause struct {
	ID    string // P3.4, or P12 4001
	Part  string // the heading it stands under: P3 Commands
	Begin string // its first words, or what the row says the code means

	ProvedBy []string // the cases that do
	Unseen   string   // why no case can
	Partly   string   // what of it no case sees, though others see the rest, and why
}

// Row says that it is a row of a table of codes.
func (c Clause) Row() bool { return strings.Contains(c.ID, " ") }

var (
	clauseStart = regexp.MustCompile(`^\*\*(P\d+\.\d+)\*\* (.*)$`)
	codeRow     = regexp.MustCompile("^\\| `?([A-Z_]+|\\d+)`? \\| (.*) \\|$")
)

// Clauses reads them from kit/PROTOCOL.md of the repository that holds the working directory, in their order.
func Clauses() ([]Clause, error) {
	text, err := readProtocol()
	if err != nil {
		return nil, err
	}
	all := readClauses(text)
	for i, c := range all {
		all[i].Unseen, all[i].Partly, all[i].ProvedBy = unseen[c.ID], partly[c.ID], slices.Clone(rows[c.ID])
		for _, known := range Cases() {
			if known.Clause() == c.ID {
				all[i].ProvedBy = append(all[i].ProvedBy, known.ID)
			}
		}
	}
	return all, nil
}

func readProtocol() (string, error) {
	root, err := variant.Root()
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(filepath.Join(root, "kit", "PROTOCOL.md"))
	if err != nil {
		return "", fmt.Errorf("read the protocol: %w", err)
	}
	return string(text), nil
}

// tablesOfCodes are the parts whose tables say what each code means: by the number of the column that does.
var tablesOfCodes = map[string]int{"P11": 1, "P12": 0}

// readClauses finds them in the document.
func readClauses(text string) []Clause {
	var all []Clause
	part := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			part = heading
		}
		if m := clauseStart.FindStringSubmatch(line); m != nil {
			all = append(all, Clause{ID: m[1], Part: part, Begin: m[2]})
		}
		number, _, _ := strings.Cut(part, " ")
		if column, ok := tablesOfCodes[number]; ok {
			if m := codeRow.FindStringSubmatch(line); m != nil && m[1] != "" {
				all = append(all, Clause{ID: number + " " + m[1], Part: part, Begin: strings.Split(m[2], " | ")[column]})
			}
		}
	}
	return all
}

// unseen are the clauses that no case can see, and why: they bind the client or the operator, or nobody outside can bring
// it about.
var unseen = map[string]string{
	"P2.6":         "it binds the client: what a later version adds cannot be seen now",
	"P11 INTERNAL": "nothing that a client or an operator does makes a server fail in this way",
	"P12 1011":     "nothing that a client or an operator does makes a server fail in this way",
	"P12.3":        "it binds the client: a server sees a cursor or none",
}

// partly are clauses of which a sentence, or a part of one, is not seen, and why.
var partly = map[string]string{
	"P3.9":     "that errors older than a minute do not count: no setting shortens the minute",
	"P5.3":     "compaction as the cause of a jump: the broker's cleaner takes longer than a case may",
	"P12 4004": "the close frame: the client that is furthest behind does not read it; the server's count by code is seen",
}

// rows are the cases that see a code of the tables: when the server tells another in its place they must fail.
var rows = map[string][]string{
	"P11 BAD_REQUEST":         {"P4.2b", "P7.4a"},
	"P11 UNKNOWN_TYPE":        {"P3.7g"},
	"P11 CHANNEL_INVALID":     {"P4.2c"},
	"P11 CHANNEL_LIMIT":       {"P4.2d"},
	"P11 FORBIDDEN":           {"P4.2e", "P13.5b"},
	"P11 UNAUTHORIZED":        {"P13.5a"},
	"P11 RATE_LIMIT_EXCEEDED": {"P3.8a"},
	"P11 BUSY":                {"P7.7a"},
	"P11 UNAVAILABLE":         {"P7.6b"},
	"P12 1000":                {"P12.1a"},
	"P12 1001":                {"P12.1b"},
	"P12 1002":                {"P2.1f"},
	"P12 1007":                {"P12.2c"},
	"P12 1009":                {"P12.2d"},
	"P12 4000":                {"P10.1a"},
	"P12 4001":                {"P12.1c"},
	"P12 4002":                {"P9.3c"},
	"P12 4004":                {"P12.1d"},
	"P12 4005":                {"P10.1b"},
	"P12 4006":                {"P12.1e"},
	"P12 4500":                {"P12.2e"},
	"P12 4501":                {"P12.2a"},
	"P12 4503":                {"P12.2f"},
	"P12 4506":                {"P12.2g"},
}
