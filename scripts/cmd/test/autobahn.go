package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/variant"
	"github.com/adred-codev/ws_poc/scripts/internal/venv"
)

// leastCases is how many cases there are to run, less a few: a suite that
// runs hardly any has not tested the connection.
const leastCases = 240

// autobahn runs the Autobahn cases, as kosoku has them, against the echo
// program on the variant's own connection code. 9.* measure speed, 12.* and
// 13.* compression, which the protocol does not have.
func (j *job) autobahn(v variant.Variant) {
	bin, err := venv.Make(j.ctx, j.cache, filepath.Join(j.scripts, "cmd", "test", "autobahn.txt"))
	if err != nil {
		j.fail("kosoku", err.Error())
		return
	}
	echo := filepath.Join(j.bin, v.Name+"-echo")
	if out, err := j.command(v.Dir, nil, "go", "build", "-race", "-o", echo, "./internal/echo").CombinedOutput(); err != nil {
		j.fail("build the echo program", fmt.Sprintf("%s%v", out, err))
		return
	}
	addr, err := variant.FreeAddr()
	if err != nil {
		j.fail("kosoku", err.Error())
		return
	}
	var said strings.Builder
	server := j.command(v.Dir, []string{"GORACE=halt_on_error=1"}, echo, "-addr", addr)
	server.Stdout, server.Stderr = &said, &said
	if err := server.Start(); err != nil {
		j.fail("start the echo program", err.Error())
		return
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Wait() // what it said tells why
	}()
	defer func() {
		_ = server.Cancel() // it has ended already where this fails
		<-ended
	}()
	if err := answers(addr, ended); err != nil {
		j.fail("start the echo program", fmt.Sprintf("%v\n%s", err, said.String()))
		return
	}
	reports, err := os.MkdirTemp("", "autobahn-*")
	if err != nil {
		j.fail("kosoku", err.Error())
		return
	}
	defer os.RemoveAll(reports)
	// Its exit code tells of failed cases, and those are counted below.
	out, _ := j.command(v.Dir, nil, filepath.Join(bin, "kosoku"), "-m", "fuzzingclient", "-p", "4",
		"-x", "9.*", "-x", "12.*", "-x", "13.*", "-o", reports, addr).CombinedOutput()
	cases, err := filepath.Glob(filepath.Join(reports, "*_case_*.json"))
	if err != nil || len(cases) < leastCases {
		j.fail("kosoku", fmt.Sprintf("%d cases ran, there are more than %d\n%s", len(cases), leastCases, out))
	}
	for _, path := range cases {
		j.autobahnCase(path)
	}
	if j.failed > 0 {
		fmt.Fprintf(&j.report, "the echo program said:\n%s\n", said.String())
	}
}

// autobahnCase counts one report. Of the behaviours that Autobahn knows, these
// are not failures: OK, NON-STRICT (allowed by RFC 6455, and another would be
// better), INFORMATIONAL (no judgement).
func (j *job) autobahnCase(path string) {
	var report struct {
		ID            string `json:"id"`
		Behavior      string `json:"behavior"`
		BehaviorClose string `json:"behaviorClose"`
		Description   string `json:"description"`
		Expectation   string `json:"expectation"`
		Result        string `json:"result"`
		ResultClose   string `json:"resultClose"`
		Expected      any    `json:"expected"`
		Received      any    `json:"received"`
	}
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, &report)
	}
	if err != nil {
		j.fail(filepath.Base(path), err.Error())
		return
	}
	fine := map[string]bool{"OK": true, "NON-STRICT": true, "INFORMATIONAL": true}
	if fine[report.Behavior] && fine[report.BehaviorClose] {
		j.pass(1)
		return
	}
	j.fail("Autobahn case "+report.ID, fmt.Sprintf("%s\n%s\n%s: %s\nclose %s: %s\nexpected %v\nreceived %v",
		report.Description, report.Expectation, report.Behavior, report.Result, report.BehaviorClose, report.ResultClose,
		report.Expected, report.Received))
}

// answers waits until something listens on addr.
func answers(addr string, ended <-chan struct{}) error {
	for range 500 {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ended:
			return errors.New("it ended at once")
		case <-time.After(20 * time.Millisecond):
		}
	}
	return fmt.Errorf("nothing listens on %s", addr)
}
