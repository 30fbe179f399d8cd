package main

import (
	"slices"
	"strings"
)

// decision is what a change needs: parts and images in the order they are listed in, each with the paths that ask for it.
type decision struct {
	why           string // it is everything; "": it is what paths ask for
	parts, images []need
}

type need struct {
	name  string
	paths []string
}

// find is the rule for a path, the longest there is.
func find(rules []rule, path string) (found rule, ok bool) {
	for _, r := range rules {
		is := path == r.path || strings.HasSuffix(r.path, "/") && strings.HasPrefix(path, r.path)
		if is && (!ok || len(r.path) > len(found.path)) {
			found, ok = r, true
		}
	}
	return found, ok
}

// everything is all parts and images, for a reason.
func everything(known []part, full bool, why string) decision {
	d := decision{why: why}
	for _, p := range known {
		if full || !p.long {
			d.parts = append(d.parts, need{name: p.name})
		}
	}
	for _, v := range variants {
		d.images = append(d.images, need{name: v})
	}
	return d
}

// decide says what paths ask for. No path asks for nothing.
func decide(rules []rule, known []part, paths []string, full bool) decision {
	named := map[string]bool{}
	for _, r := range rules {
		for _, p := range r.parts {
			named[p] = true
		}
	}
	asks := map[string][]string{}
	images := map[string][]string{}
	for _, path := range paths {
		r, ok := find(rules, path)
		if !ok {
			return everything(known, full, path+" has no rule")
		}
		if r.all {
			return everything(known, full, path)
		}
		for _, p := range known {
			if slices.Contains(r.parts, p.name) || !named[p.name] && !r.alone {
				asks[p.name] = append(asks[p.name], path)
			}
		}
		for _, v := range r.images {
			images[v] = append(images[v], path)
		}
	}
	var d decision
	for _, p := range known {
		if by := asks[p.name]; len(by) > 0 && (full || !p.long) {
			d.parts = append(d.parts, need{p.name, by})
		}
	}
	for _, v := range variants {
		if by := images[v]; len(by) > 0 {
			d.images = append(d.images, need{v, by})
		}
	}
	return d
}
