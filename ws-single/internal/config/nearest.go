package config

// nearest is the known name that takes the fewest changed, added and left out
// characters to get to (Levenshtein), the first of several. Where that is more
// than a third of name it is "": name is no slip of it.
func nearest(name string, known []string) string {
	best, least := "", -1
	for _, k := range known {
		if d := distance(name, k); least < 0 || d < least {
			best, least = k, d
		}
	}
	if least > max(1, len(name)/3) {
		return ""
	}
	return best
}

// unknown is what is wrong with a name that is no kind of thing: perhaps it was to be
// dashes and a known one, else all says where they stand.
func unknown(kind, dashes, name string, known []string, all string) string {
	if meant := nearest(name, known); meant != "" {
		return "no such " + kind + "; the nearest is " + dashes + meant
	}
	return "no such " + kind + "; " + all
}

func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
