package conformance

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Each clause has a case, or a reason why none can see it, and not both.
func TestEveryClause(t *testing.T) {
	clauses, err := Clauses()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, c := range clauses {
		if known[c.ID] {
			t.Errorf("%s is there twice", c.ID)
		}
		known[c.ID] = true
		switch {
		case len(c.ProvedBy) == 0 && c.Unseen == "":
			t.Errorf("%s has no case, nor a reason why not: %s", c.ID, c.Begin)
		case len(c.ProvedBy) > 0 && c.Unseen != "":
			t.Errorf("%s cannot be seen (%s), but %v do", c.ID, c.Unseen, c.ProvedBy)
		case c.Begin == "" || c.Part == "":
			t.Errorf("%s says nothing, or stands nowhere", c.ID)
		}
	}
	for id := range maps.Keys(unseen) {
		if !known[id] {
			t.Errorf("no case can see %s, which the protocol does not have", id)
		}
	}
	for id := range maps.Keys(partly) {
		if !slices.ContainsFunc(clauses, func(c Clause) bool { return c.ID == id && len(c.ProvedBy) > 0 }) {
			t.Errorf("%s cannot be seen in part: there is no such clause, or no case of it", id)
		}
	}
	for id, cases := range rows {
		if !known[id] || !strings.Contains(id, " ") {
			t.Errorf("%s is no row of the protocol's codes", id)
		}
		for _, name := range cases {
			if !slices.ContainsFunc(Cases(), func(c Case) bool { return c.ID == name }) {
				t.Errorf("%s: there is no case %s", id, name)
			}
		}
	}
}

// The document is read whole: its parts one after the other, their clauses without a hole, and the codes.
func TestClauses(t *testing.T) {
	clauses, err := Clauses()
	if err != nil {
		t.Fatal(err)
	}
	numbered := regexp.MustCompile(`(?m)^\*\*P\d`)
	text, err := readProtocol()
	if err != nil {
		t.Fatal(err)
	}
	paragraphs, codes := 0, 0
	for _, c := range clauses {
		if c.Row() {
			codes++
		} else {
			paragraphs++
		}
	}
	if want := len(numbered.FindAllString(text, -1)); paragraphs != want || paragraphs < 60 {
		t.Errorf("%d paragraphs were read, of %d", paragraphs, want)
	}
	if codes != 10+16 {
		t.Errorf("%d codes were read, of 10 error codes and 16 close codes", codes)
	}
	for _, want := range []Clause{
		{ID: "P11 UNAVAILABLE", Part: "P11 Error codes", Begin: "not possible now: the cursor is ahead (P7.6), or a token cannot be checked"},
		{ID: "P12 4001", Part: "P12 Close codes", Begin: "slow consumer"},
	} {
		if !slices.ContainsFunc(clauses, func(c Clause) bool { return c.ID == want.ID && c.Part == want.Part && c.Begin == want.Begin }) {
			t.Errorf("not read: %+v", want)
		}
	}
}

// The cases are named after clauses that there are, once each, in the order of the protocol.
func TestCases(t *testing.T) {
	clauses, err := Clauses()
	if err != nil {
		t.Fatal(err)
	}
	place := map[string]int{}
	for i, c := range clauses {
		place[c.ID] = i
	}
	form := regexp.MustCompile(`^P\d+\.\d+[a-z]{1,2}$`)
	var before Case
	for i, c := range Cases() {
		at, ok := place[c.Clause()]
		switch {
		case !form.MatchString(c.ID):
			t.Errorf("%q is not like P3.4a", c.ID)
		case !ok:
			t.Errorf("%s: there is no such clause", c.ID)
		case i > 0 && at < place[before.Clause()], i > 0 && c.Clause() == before.Clause() && !letterAfter(before, c):
			t.Errorf("%s comes after %s", c.ID, before.ID)
		}
		if c.Says == "" || len(c.Says) > 130 || strings.ContainsAny(c.Says, "\n|") || strings.HasSuffix(c.Says, ".") || c.Run == nil {
			t.Errorf("%s: one line of at most 130 bytes says what is seen, without a full stop: %q", c.ID, c.Says)
		}
		before = c
	}
}

// letterAfter: z is followed by aa.
func letterAfter(a, b Case) bool {
	la, lb := strings.TrimPrefix(a.ID, a.Clause()), strings.TrimPrefix(b.ID, b.Clause())
	return len(la) < len(lb) || len(la) == len(lb) && la < lb
}

func TestChoose(t *testing.T) {
	all := []Case{{ID: "P3.4a"}, {ID: "P3.4b"}, {ID: "P3.41a"}, {ID: "P3.5a"}, {ID: "P31.1a"}}
	for _, c := range []struct{ names, want string }{
		{"", "P3.4a P3.4b P3.41a P3.5a P31.1a"},
		{"P3", "P3.4a P3.4b P3.41a P3.5a"},
		{"P3.4", "P3.4a P3.4b"},
		{"P31 P3.5a", "P3.5a P31.1a"},
		{"P3.4a P3.4", "P3.4a P3.4b"},
		{"P", "error"},
		{"P3.", "error"},
		{"P3.4 P4", "error"},
		{"p3", "error"},
	} {
		some, err := Choose(all, strings.Fields(c.names)...)
		var got []string
		for _, s := range some {
			got = append(got, s.ID)
		}
		if err != nil {
			got = []string{"error"}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q chose %v (%v), want %s", c.names, got, err, c.want)
		}
	}
}
