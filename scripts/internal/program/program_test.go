package program

import (
	"context"
	"flag"
	"path/filepath"
	"testing"
	"time"
)

var (
	programsFor      = flag.Duration("programs.for", 40*time.Second, "how long programs are run at random")
	programsSeed     = flag.Uint64("programs.seed", 0, "the first program's seed; 0: another one each time")
	programsVariants = flag.String("programs.variants", "ws-single,ws-multi", "the two servers")
	programsFile     = flag.String("programs.file", "", "run the program of this file, instead of random ones")
)

// TestPrograms has random clients and publishers meet both variants, and checks that each client got what it had to.
func TestPrograms(t *testing.T) {
	o := Options{
		Servers: suite.servers, Brokers: suite.brokers, Topics: suite.topics,
		For: *programsFor, Seed: *programsSeed, Log: func(line string) { t.Log(line) },
	}
	if *programsFile != "" {
		p, err := Read(*programsFile)
		if err != nil {
			t.Fatal(err)
		}
		o.Only = &p
	}
	out, err := Explore(context.Background(), o)
	if out.Failed != nil {
		t.Errorf("%v\nrun it again: go test -race ./internal/program -run TestPrograms -programs.file %s", out.Failed, out.Failed.File)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Log(out)
	if o.Only != nil || out.Failed != nil || *programsFor < 20*time.Second {
		return
	}
	// What never happened was not tested.
	for what, n := range map[string]int{
		"message": out.Tally.Messages, "replayed message": out.Tally.Replayed, "message passed over": out.Tally.Merged,
		"resume on a new connection": out.Tally.Resumes, "client that was too slow": out.Tally.Slow,
	} {
		// Few clients are slow for so long that they are closed: a short run may have none.
		if n == 0 && (what != "client that was too slow" || *programsFor >= 5*time.Minute) {
			t.Errorf("no %s in %d programs", what, out.Programs)
		}
	}
}

// TestKept runs programs that once found a fault, on the servers in both orders. Each file's name says what is in it.
func TestKept(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no programs in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			p, err := Read(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, servers := range [][2]Server{suite.servers, {suite.servers[1], suite.servers[0]}} {
				out, err := Explore(context.Background(), Options{Servers: servers, Brokers: suite.brokers, Topics: suite.topics, Only: &p, Dir: t.TempDir()})
				if err != nil {
					t.Fatal(err)
				}
				if out.Failed != nil {
					t.Error(out.Failed.Reason)
				}
			}
		})
	}
}
