package scenario

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The variants, as candidates name them. A repository need not hold both.
const (
	Single = "ws-single"
	Multi  = "ws-multi"
)

// Variants are all of them.
func Variants() []string { return []string{Single, Multi} }

// Candidate is a server under test: a variant with settings of its own over a scenario's. The same one twice, which tells
// what chance makes of two equal servers, has a number.
type Candidate struct {
	Name      string            // as results and limits name it: "ws-single", "ws-multi@shards=2", "ws-single#2"
	Variant   string            // "ws-multi"
	Settings  map[string]string // over the lane's; nil: none
	Shards    int               // that it is to run; 0: as many as it likes
	Cores     int               // that it is given; 0: all that servers have
	Processes int               // on one port; at least 1
}

const (
	mostShards    = 256
	mostProcesses = 16
)

var (
	valuePattern = regexp.MustCompile(`^[A-Za-z0-9._:+*-]+$`)
	twicePattern = regexp.MustCompile(`^(.+)#[0-9]+$`)
)

// ParseCandidate reads VARIANT[@KEY=VALUE,...][#NUMBER]. Keys are
//
//	shards=N      WS_SHARDS, on N cores with GOMAXPROCS N: shards=1 is one shard on one core
//	cores=N       so many cores, where that is to be another number
//	processes=N   N processes that listen on one port
//	WS_NAME=V     a setting of the server
func ParseCandidate(text string) (Candidate, error) {
	c := Candidate{Name: text, Processes: 1}
	what := text
	if m := twicePattern.FindStringSubmatch(text); m != nil {
		what = m[1]
	}
	var settings string
	var with bool
	c.Variant, settings, with = strings.Cut(what, "@")
	if !slices.Contains(Variants(), c.Variant) {
		return c, fmt.Errorf("there is no server %q: say one of %s", c.Variant, list(Variants()))
	}
	if !with {
		return c, nil
	}
	seen := map[string]bool{}
	for _, pair := range strings.Split(settings, ",") {
		key, value, ok := strings.Cut(pair, "=")
		switch {
		case !ok || !valuePattern.MatchString(value):
			return c, fmt.Errorf("%s: %q is no setting: write such as %s@shards=2 or %s@WS_FLUSH_INTERVAL=10ms", text, pair, Multi, c.Variant)
		case seen[key]:
			return c, fmt.Errorf("%s: %s is there twice", text, key)
		}
		seen[key] = true
		if err := c.set(key, value); err != nil {
			return c, fmt.Errorf("%s: %w", text, err)
		}
	}
	if c.Shards > 0 {
		if c.Cores == 0 {
			c.Cores = c.Shards
		}
		c.put("WS_SHARDS", strconv.Itoa(c.Shards))
	}
	if c.Cores > 0 && c.Variant == Multi {
		c.put("GOMAXPROCS", strconv.Itoa(c.Cores)) // also where nobody is kept on cores of their own
	}
	return c, nil
}

func (c *Candidate) set(key, value string) (err error) {
	number := func(most int) int {
		n, bad := strconv.Atoi(value)
		if bad != nil || n < 1 || n > most {
			err = fmt.Errorf("%s is %q: allowed are 1 to %d", key, value, most)
		}
		return n
	}
	switch {
	case key == "shards" && c.Variant != Multi:
		return fmt.Errorf("shards are %s's: %s has one loop", Multi, c.Variant)
	case key == "shards":
		c.Shards = number(mostShards)
	case key == "cores":
		c.Cores = number(mostShards)
	case key == "processes":
		c.Processes = number(mostProcesses)
	case key == "WS_SHARDS":
		return errors.New("write shards=N for WS_SHARDS: the cores go with it")
	case slices.Contains(ownSettings, key):
		return fmt.Errorf("%s is set by bench itself: leave it out", key)
	case settingPattern.MatchString(key):
		c.put(key, value)
	default:
		return fmt.Errorf("%s is not known: allowed are shards, cores, processes and the servers' WS_* and KAFKA_*", key)
	}
	return err
}

func (c *Candidate) put(name, value string) {
	if c.Settings == nil {
		c.Settings = map[string]string{}
	}
	c.Settings[name] = value
}

// Over returns settings with the candidate's own over them.
func (c Candidate) Over(settings map[string]string) map[string]string {
	all := map[string]string{}
	maps.Copy(all, settings)
	maps.Copy(all, c.Settings)
	return all
}

// VariantOf is the variant of a server's name, or the name itself where it is a baseline's.
func VariantOf(server string) string {
	name, _, _ := strings.Cut(server, "@")
	name, _, _ = strings.Cut(name, "#")
	return name
}
