package stage

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/adred-codev/ws_poc/scripts/internal/broker"
	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

var brokers string

func TestMain(m *testing.M) {
	os.Exit(broker.Main(func(addr string) int {
		brokers = addr
		return m.Run()
	}, func() error { return goleak.Find() }))
}

// A server that ends before it is told to fails its test, whatever it says and however it ends; one that may does not.
func TestServerEndsByItself(t *testing.T) {
	for _, c := range []struct {
		name, body string
		do         func(*Server)
		want       string // of the failure; "" for none
	}{
		{"at once and in order", `echo "I have had enough"; exit 0`, func(*Server) {}, "ended by itself, with code 0:\nI have had enough"},
		{"with a code", `exit 3`, func(*Server) {}, "with code 3"},
		{"killed by somebody else", `exec sleep 60`, func(s *Server) { _ = syscall.Kill(s.Process.PID, syscall.SIGKILL) }, "with code -1"},
		{"as it may", `exit 3`, func(s *Server) { s.Process.MayEnd() }, ""},
		{"killed by its test", `exec sleep 60`, func(s *Server) { s.Process.Kill() }, ""},
		{"panicked", `echo "panic: oh"; exit 2`, func(*Server) {}, `has "panic:"`},
		{"panicked as it was told to end", `trap 'echo "panic: oh"; exit 2' TERM; echo up; while :; do sleep 0.01; done`, func(s *Server) {
			for !strings.Contains(s.Process.Logs(), "up") {
				time.Sleep(time.Millisecond)
			}
			_ = s.Process.Signal(syscall.SIGTERM)
		}, `has "panic:"`},
	} {
		binary := filepath.Join(t.TempDir(), "server")
		if err := os.WriteFile(binary, []byte("#!/bin/sh\n"+c.body+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		scope := &Scope{}
		scope.Do(func() {
			s := StartCold(scope, binary, NameTopics(scope, brokers, "trade"), nil)
			c.do(s)
			<-s.Process.Done()
		})
		scope.End()
		switch why := strings.Join(scope.Errors(), "; "); {
		case c.want == "" && why != "":
			t.Errorf("%s: failed with %s", c.name, why)
		case c.want != "" && (len(scope.Errors()) != 1 || !strings.Contains(why, c.want)):
			t.Errorf("%s: failed with %q, want %s", c.name, why, c.want)
		}
	}
}

// A topic that is made anew has another ID as soon as Remake returns, and takes records.
func TestRemake(t *testing.T) {
	tp := MakeTopics(t, brokers, 2, "trade", "social")
	trade, social := tp.ID(t, "trade"), tp.ID(t, "social")
	if trade == ([16]byte{}) || trade == social {
		t.Errorf("the topics' IDs are %x and %x", trade, social)
	}
	tp.Count(t, "trade", "A", 1, 3)
	tp.Remake(t, "trade", 1)
	if again := tp.ID(t, "trade"); again == trade || again == ([16]byte{}) || tp.ID(t, "social") != social {
		t.Errorf("the topic's ID was %x and is %x; the other's was %x", trade, again, social)
	}
	if place := tp.PublishOne(t, Counted("trade", "A", 1)); place != "trade/0:0" {
		t.Errorf("the first record of the new topic is at %s", place)
	}
	tp.Delete(t, "trade")
	Eventually(t, "the topic to have no ID", func() bool { return tp.ID(t, "trade") == [16]byte{} })
}

// A server that runs is ended, or drains, and nothing is wrong.
func TestServerRuns(t *testing.T) {
	all, err := variant.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range all {
		binary, err := v.Binary(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s := Start(t, binary, MakeTopics(t, brokers, 1, "trade"), nil)
		c := Dial(t, s)
		c.Join("A.trade")
		s.Topics.Count(t, "trade", "A", 1, 3)
		c.Counts("A.trade", 1, 3)
		c.Close()
		if v.Name == all[0].Name {
			s.Post(t, "/drain")
			<-s.Process.Done()
		}
		if err := s.End(); err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
	}
}
