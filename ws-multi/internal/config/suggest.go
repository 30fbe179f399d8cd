package config

import "slices"

// suggestion is what to do about a name that is none: write the near one, with
// prefix, or where none is near, what otherwise says.
func suggestion(prefix, text string, known []string, otherwise string) string {
	if near := suggest(text, known); near != "" {
		return "the nearest is " + prefix + near
	}
	return otherwise
}

// suggest is the one of known, in its order, that is the fewest slips of the
// keyboard away from text: a byte too many, too few, wrong, or two swapped. It is
// "" when even that would take more than a slip in three bytes: then another name
// was meant, and one that only looks most alike misleads.
func suggest(text string, known []string) string {
	if len(known) == 0 {
		return ""
	}
	near := slices.MinFunc(known, func(a, b string) int { return slips(text, a) - slips(text, b) })
	if slips(text, near) > max(1, len(text)/3) {
		return ""
	}
	return near
}

// slips is the optimal string alignment distance.
func slips(a, b string) int {
	table := make([][]int, len(a)+1)
	for i := range table {
		table[i] = make([]int, len(b)+1)
		table[i][0] = i
	}
	for j := range table[0] {
		table[0][j] = j
	}
	for i, x := range []byte(a) {
		for j, y := range []byte(b) {
			least := min(table[i][j+1], table[i+1][j]) + 1
			if x == y {
				least = min(least, table[i][j])
			} else {
				least = min(least, table[i][j]+1)
			}
			if i > 0 && j > 0 && x == b[j-1] && a[i-1] == y {
				least = min(least, table[i-1][j-1]+1)
			}
			table[i+1][j+1] = least
		}
	}
	return table[len(a)][len(b)]
}
