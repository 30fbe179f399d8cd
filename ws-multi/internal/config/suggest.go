package config

import "slices"

// suggest is the one of known, in its order, that is the fewest slips of the
// keyboard away from text: a byte too many, too few, wrong, or two swapped.
func suggest(text string, known []string) string {
	if len(known) == 0 {
		return ""
	}
	return slices.MinFunc(known, func(a, b string) int { return slips(text, a) - slips(text, b) })
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
