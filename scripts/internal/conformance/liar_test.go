package conformance

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/adred-codev/ws_poc/scripts/internal/variant"
)

// patience is how long a case may be silent after something was kept back from it. It ends long before if it does not
// care, as the same case with the same cut shows that nothing is kept back from.
const patience = 4 * time.Second

var allCodes = flag.Bool("codes", false, "lie about all codes, not some of them")

// falsehood is a lie, and the cases each of which must find it out.
type falsehood struct {
	name   string
	lie    lie
	caught []string
}

// lies are what a server could get wrong.
var lies = []falsehood{
	// Data.
	{"drops a message and counts as if it had not been", hiding(everyTenth(func(m *mouth, _ wsFrame, _ func(wsFrame)) { m.shift--; m.withheld = true })), []string{"P1.5a"}},
	{"drops a message", hiding(everyTenth(func(m *mouth, _ wsFrame, _ func(wsFrame)) { m.withheld = true })), []string{"P1.5a"}},
	{"tells a message twice and counts it twice", everyTenth(func(m *mouth, f wsFrame, say func(wsFrame)) {
		say(f.counted(m.shift))
		m.shift++
		say(f.counted(m.shift))
	}), []string{"P4.3b"}},
	{"tells a message twice", twiceOver("message"), []string{"P4.3a"}},
	{"lets a message overtake another", hiding(lie{frame: swapTwo}), []string{"P1.5b"}},
	{"numbers a message wrongly", everyTenth(func(_ *mouth, f wsFrame, say func(wsFrame)) { say(f.counted(1)) }), []string{"P5.1b"}},
	{"writes seq without its field", edit("message", `^\{"seq":\d+ *,`, func(m []byte) []byte {
		return []byte(strings.ReplaceAll(string(m), " ", ""))
	}), []string{"P5.1c"}},
	{"names the pattern as the channel", instead("message", `"channel":"[^."]*`, `"channel":"*`), []string{"P5.1d"}},
	{"tells the next offset", edit("message", `:\d+","ts"`, func(m []byte) []byte {
		n, _ := strconv.Atoi(string(m[1 : len(m)-6]))
		return fmt.Appendf(nil, `:%d","ts"`, n+1)
	}), []string{"P5.1e"}},
	{"tells a timestamp a millisecond late", number("message", "ts", 1), []string{"P5.1f"}},
	{"changes a byte of the data", edit("message", `"data":.*[0-9]`, func(m []byte) []byte {
		return append(slices.Clone(m[:len(m)-1]), '0'+(m[len(m)-1]-'0'+1)%10)
	}), []string{"P5.2a"}},
	{"loses a space of the data", edit("message", `"data":.* `, func(m []byte) []byte { return m[:len(m)-1] }), []string{"P5.2a"}},
	{"tells other bytes", instead("message", `"data_base64":"[^"]+"`, `"data_base64":"AP97"`), []string{"P5.2d"}},
	{"has a field that the protocol does not name", unreadable("message", instead("message", `,"ts":`, `,"key":"x","ts":`)), []string{"P5.1a"}},

	// The welcome.
	{"does not welcome", leaveOut("welcome"), []string{"P2.4a"}},
	{"has one name for all connections", instead("welcome", `"conn":"[^"]*"`, `"conn":"0000000000000000"`), []string{"P2.4c"}},
	{"asks for heartbeats too seldom", number("welcome", "heartbeat_ms", 1), []string{"P2.4d"}},
	{"promises one channel more", number("welcome", "channels", 1), []string{"P2.4e"}},

	// Answers.
	{"answers without id", edit("pong", `,"id":[^,]*`, func([]byte) []byte { return nil }), []string{"P9.1a"}},
	{"answers twice", twiceOver("pong"), []string{"P9.2b"}},
	{"says that it sent one more", number("pong", "sent", 1), []string{"P9.2b"}},
	{"says that it passed one over", number("pong", "merged", 1), []string{"P9.2b"}},
	{"says that it replayed one more", number("pong", "replayed", 1), []string{"P9.2d"}},
	{"tells the time in seconds", edit("pong", `"ts":\d+`, func(m []byte) []byte { return m[:len(m)-3] }), []string{"P9.2a"}},
	{"counts a channel too many", number("subscription_ack", "count", 1), []string{"P4.1c"}},
	{"counts a channel too many when one is given up", number("unsubscription_ack", "count", 1), []string{"P4.6e"}},
	{"sends a message after it was given up", lie{frame: afterAll}, []string{"P4.6f"}},
	{"calls what is temporary lasting", instead("error", `"temporary":true`, `"temporary":false`), []string{"P3.5c"}},
	{"calls what is lasting temporary", instead("error", `"temporary":false`, `"temporary":true`), []string{"P4.2b"}},
	{"says nothing of what is wrong", instead("error", `"message":"([^"\\]|\\.)*"`, `"message":""`), []string{"P3.5b"}},

	// Places.
	{"calls the log by another name", instead("subscription_ack", `"log":"[0-9a-f]{16}"`, `"log":"0123456789abcdef"`), []string{"P6.1d"}},
	{"has a place behind what it sent", moved("pong", -1), []string{"P6.5a"}},
	{"has a place beyond what it sent", moved("pong", 1), []string{"P6.5a"}},
	{"starts one later than it says", moved("subscription_ack", -1), []string{"P7.1c"}},
	{"calls recovered what is lost", instead("subscription_ack", `"recovered":false`, `"recovered":true`), []string{"P7.2e"}},
	{"does not name what is lost", instead("subscription_ack", `"lost":\["[^\]]*\]`, `"lost":[]`), []string{"P7.2b"}},
	{"does not say when a replay is complete", leaveOut("replay_complete"), []string{"P3.3d"}},
	{"says twice that a replay is complete", twiceOver("replay_complete"), []string{"P3.3d"}},
	{"counts one replayed too many", number("replay_complete", "replayed", 1), []string{"P7.1d"}},
	{"keeps a gap to itself", leaveOut("gap"), []string{"P8.1a"}},
	{"makes a gap one smaller", number("gap", "from", 1), []string{"P8.1c"}},

	// The end.
	{"shuts down without notice", leaveOut("notice"), []string{"P10.1b"}},
	{"sends all away for the same time", instead("notice", `"reconnect_in_ms":\d+`, `"reconnect_in_ms":500`), []string{"P10.1f"}},
	{"forgets the bye", lie{frame: func(_ *mouth, f wsFrame, say func(wsFrame)) {
		if f.kind() != "bye" {
			say(f)
		}
	}}, []string{"P10.2a"}},
	{"ends without a close frame", lie{frame: func(_ *mouth, f wsFrame, say func(wsFrame)) {
		if f.opcode != opClose {
			say(f)
		}
	}}, []string{"P10.5a"}},
	{"does not say why", lie{frame: func(_ *mouth, f wsFrame, say func(wsFrame)) {
		if f.opcode == opClose {
			f.payload = f.payload[:min(2, len(f.payload))]
		}
		say(f)
	}}, []string{"P10.4a"}},
	{"does not ping", lie{cut: patience, frame: func(m *mouth, f wsFrame, say func(wsFrame)) {
		if f.opcode == opPing {
			m.withheld = true
			return
		}
		say(f)
	}}, []string{"P9.3a"}},
	{"does not answer pings", lie{cut: patience, frame: func(m *mouth, f wsFrame, say func(wsFrame)) {
		if f.opcode == opPong {
			m.withheld = true
			return
		}
		say(f)
	}}, []string{"P2.1g"}},

	// Who comes in.
	{"selects no subprotocol", lie{answer: without("Sec-WebSocket-Protocol")}, []string{"P2.1c"}},
	{"selects a token", lie{answer: func(line string) string {
		if name, _, _ := strings.Cut(line, ":"); strings.EqualFold(name, "Sec-WebSocket-Protocol") {
			return name + ": bearer.e30.e30.e30\r\n"
		}
		return line
	}}, []string{"P13.2f"}},
	{"lets every origin in", lie{request: func(line string) string {
		if strings.HasPrefix(line, "Origin:") {
			return "Origin: https://app.example.com\r\n"
		}
		return line
	}}, []string{"P2.2a"}},
	{"does not say when to come again", lie{answer: without("Retry-After")}, []string{"P2.2a"}},
}

// rowLies tell another code in the place of each of the tables' codes, everywhere it stands; of all codes, some at random:
// they are many, and much alike.
func rowLies(t *testing.T) (all []falsehood) {
	// The client that is furthest behind does not read 4004: the metric tells.
	codes := slices.DeleteFunc(slices.Sorted(maps.Keys(rows)), func(row string) bool { return row == "P12 4004" })
	if !*allCodes {
		rand.Shuffle(len(codes), func(i, j int) { codes[i], codes[j] = codes[j], codes[i] })
		codes = codes[:8]
		t.Logf("lies about the codes %v; -codes has all of them", codes)
	}
	for _, row := range codes {
		cases := rows[row]
		_, code, _ := strings.Cut(row, " ")
		l := otherError(code)
		if n, err := strconv.ParseUint(code, 10, 16); err == nil {
			l = otherClose(uint16(n))
		}
		all = append(all, falsehood{"tells another code for " + code, l, cases})
	}
	return all
}

// A lie is found out by each case that is named for it, which passes without.
func TestLies(t *testing.T) {
	all, err := variant.All()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := variant.BinDir()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := all[0].Build(t.Context(), dir, false) // the faster one: it is the cases that are tried here
	if err != nil {
		t.Fatal(err)
	}
	site := NewProgram(all[0].Name, binary, brokers)
	type trial struct {
		name string
		lie  lie
		id   string
		fail bool
		got  Result
	}
	var trials []*trial
	honest := map[string]bool{}
	for _, l := range append(lies, rowLies(t)...) {
		for _, id := range l.caught {
			if !asked(id) {
				continue
			}
			trials = append(trials, &trial{name: l.name, lie: l.lie, id: id, fail: true})
			control := fmt.Sprint(id, l.lie.cut)
			if l.lie.cut > 0 {
				control += l.name // it is cut at another frame
			}
			if !honest[control] {
				honest[control] = true
				truth := lie{cut: l.lie.cut}
				if truth.cut > 0 {
					truth.frame = func(m *mouth, f wsFrame, say func(wsFrame)) {
						l.lie.frame(m, f, func(wsFrame) {})
						say(f)
					}
				}
				trials = append(trials, &trial{name: "the truth, beside " + l.name, lie: truth, id: id})
			}
		}
	}
	free := make(chan struct{}, 8)
	var running sync.WaitGroup
	for _, tr := range trials {
		running.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			i := slices.IndexFunc(Cases(), func(c Case) bool { return c.ID == tr.id })
			if i < 0 {
				tr.got = Result{NotRun: "there is no such case"}
				return
			}
			tr.got = RunOne(liar{site, tr.lie}, Cases()[i])
		})
	}
	running.Wait()
	for _, wrong := range site.Close() {
		t.Error(wrong)
	}
	for _, tr := range trials {
		t.Run(tr.name+"/"+tr.id, func(t *testing.T) {
			switch {
			case tr.got.NotRun != "":
				t.Errorf("not run: %s", tr.got.NotRun)
			case tr.fail && !tr.got.Failed():
				t.Error("the lie was not found out")
			case !tr.fail && tr.got.Failed():
				t.Errorf("the case fails by the proxy alone: %s", strings.Join(tr.got.Why, "\n"))
			default:
				t.Logf("in %v: %s", tr.got.Took.Round(time.Millisecond), strings.Join(tr.got.Why, "\n"))
			}
		})
	}
}

// asked says whether the flag -cases names the case, or nothing.
func asked(id string) bool {
	return len(names()) == 0 || slices.ContainsFunc(names(), func(name string) bool {
		_, err := Choose([]Case{{ID: id}}, name)
		return err == nil
	})
}
