package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/adred-codev/ws_poc/scripts/internal/model"
	"github.com/adred-codev/ws_poc/scripts/internal/scenario"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// spareFiles are what a server keeps of its file limit for other things than clients.
const spareFiles = 500

// mostFiles is how many files Linux lets a process have, unless fs.nr_open is raised.
const mostFiles = 1 << 20

// uneven is how many connections more than its even share an instance is told to take: clients are not shared out evenly.
const uneven = 1.05

var madeForPattern = regexp.MustCompile(`(?m)^max_connections: (\d+)$`)

// madeFor is how many connections each variant is made for, which is the default of its WS_MAX_CONNECTIONS. What has no VERSION
// is left out.
func madeFor() map[string]int {
	made := map[string]int{}
	all, err := variant.All()
	if err != nil {
		return made // not in the repository: then plan says nothing about it
	}
	for _, v := range all {
		b, err := os.ReadFile(filepath.Join(v.Dir, "VERSION"))
		if m := madeForPattern.FindSubmatch(b); err == nil && m != nil {
			if n, err := strconv.Atoi(string(m[1])); err == nil {
				made[v.Name] = n
			}
		}
	}
	return made
}

// limitOf is what WS_MAX_CONNECTIONS is to be: what an instance has at most, some more, and rounded up.
func limitOf(o *model.Option, files int) int {
	n := math.Ceil(o.Most()*uneven - 1e-6)
	step := math.Pow(10, max(0, math.Floor(math.Log10(n))-1))
	limit := int(math.Ceil(n/step) * step)
	if files > 0 {
		limit = min(limit, files-spareFiles)
	}
	return limit
}

// settingsOf is what each instance of an option has to be told.
func settingsOf(o *model.Option, site model.Site, made int, byHeap bool) string {
	var parts []string
	limit := limitOf(o, site.Files)
	if made > 0 && limit > made {
		parts = append(parts, fmt.Sprintf("WS_MAX_CONNECTIONS=%d", limit))
	}
	files := fmt.Sprintf("LimitNOFILE=%d or more", limit+spareFiles)
	if limit+spareFiles > mostFiles {
		files += fmt.Sprintf(" (above fs.nr_open's default, %d)", mostFiles)
	}
	parts = append(parts, files)
	if byHeap && o.Limit > 0 {
		parts = append(parts, fmt.Sprintf("WS_MEMORY_LIMIT=%.0fMiB", math.Floor(o.Limit/(1<<20))))
	}
	if o.Variant == scenario.Multi && o.Cores < site.Cores {
		parts = append(parts, fmt.Sprintf("GOMAXPROCS=%d", o.Cores))
	}
	if o.Each > 1 {
		parts = append(parts, "its own WS_ADMIN_ADDR", "WS_REUSE_PORT=true (or its own port)")
	}
	return "each " + strings.Join(parts, ", ")
}
