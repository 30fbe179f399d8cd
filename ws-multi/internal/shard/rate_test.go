package shard

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
	"github.com/adred-codev/ws_poc/ws-multi/internal/socket"
)

// atRate is a test of a client that may send so many commands a second, in a
// bubble and without pings.
func atRate(t *testing.T, perSecond int, test func(t *testing.T, w *stepped, m *mate)) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions()
		o.Limits.CommandsPerSecond, o.PingInterval = perSecond, 0
		w := newStepped(t, o, history.Options{})
		test(t, w, w.join(0))
	})
}

func TestTenErrorsClose(t *testing.T) {
	atRate(t, 1000, func(t *testing.T, w *stepped, m *mate) {
		for range maxErrors {
			m.quiet()
			m.say(`{"type":"dance"}`)
			m.refused("UNKNOWN_TYPE")
		}
		m.closes(4506, true)
	})
}

func TestTenErrorsInMoreThanAMinuteDoNotClose(t *testing.T) {
	atRate(t, 1000, func(t *testing.T, w *stepped, m *mate) {
		for range 3 * maxErrors {
			m.say(`{"type":"subscribe","data":{"channels":["A.nothing"]}}`)
			m.refused("CHANNEL_INVALID")
			w.elapse(6700 * time.Millisecond)
		}
		m.quiet()
	})
}

func TestTheCommandRate(t *testing.T) {
	const command = `{"type":"unsubscribe"}`
	atRate(t, 5, func(t *testing.T, w *stepped, m *mate) {
		for range 5 {
			m.say(command)
			m.expect("unsubscription_ack")
		}
		for range 3 * maxErrors { // these do not add up to 4506
			m.say(command)
			m.refused("RATE_LIMIT_EXCEEDED")
		}
		w.elapse(200 * time.Millisecond)
		m.say(command)
		m.expect("unsubscription_ack")
		m.say(command)
		m.refused("RATE_LIMIT_EXCEEDED")
	})
}

func TestTwiceTheCommandRateCloses(t *testing.T) {
	const rate = 5
	atRate(t, rate, func(t *testing.T, w *stepped, m *mate) {
		for range 20 { // less than twice, for long
			for range 2*rate - 1 {
				m.say(`{"type":"unsubscribe"}`)
				m.hear()
			}
			w.elapse(time.Second)
		}
		var b []byte
		for range 2 * 2 * rate * 10 {
			b = saying(b, `{"type":"unsubscribe"}`)
		}
		m.raw(b)
		for f := m.hear(); f.Type != "bye"; f = m.hear() {
			if f.Type != "unsubscription_ack" && f.Type != "error" {
				t.Fatalf("heard %s", f.payload)
			}
		}
		m.closes(4006, false)
	})
}

func TestHeartbeatsAreFree(t *testing.T) {
	atRate(t, 1, func(t *testing.T, w *stepped, m *mate) {
		m.say(`{"type":"unsubscribe"}`)
		m.expect("unsubscription_ack")
		m.say(`{"type":"heartbeat"}`)
		m.expect("pong")
		m.say(`{"type":"heartbeat"}`) // one in five seconds is
		m.refused("RATE_LIMIT_EXCEEDED")
		w.elapse(4900 * time.Millisecond)
		m.say(`{"type":"unsubscribe"}`)
		m.expect("unsubscription_ack")
		w.elapse(150 * time.Millisecond)
		m.say(`{"type":"heartbeat"}`)
		m.expect("pong")
		m.say(`{"type":"unsubscribe"}`)
		m.refused("RATE_LIMIT_EXCEEDED")
	})
}

func TestNoCommandRate(t *testing.T) {
	atRate(t, 0, func(t *testing.T, w *stepped, m *mate) {
		for range 500 {
			m.say(`{"type":"unsubscribe"}`)
			m.expect("unsubscription_ack")
		}
	})
}

func TestControlFramesHaveARate(t *testing.T) {
	for name, op := range map[string]socket.Opcode{"pings": socket.OpPing, "pongs": socket.OpPong} {
		t.Run(name, func(t *testing.T) {
			atRate(t, 1, func(t *testing.T, w *stepped, m *mate) {
				for range 30 {
					for range controlsPerSecond {
						m.raw(masked(nil, op, nil))
					}
					w.elapse(time.Second)
				}
				if w.open != 1 {
					t.Fatal("ten a second are too many")
				}
				var b []byte
				for range 10*controlsPerSecond + 1 {
					b = masked(b, op, nil)
				}
				m.raw(b)
				f := m.hear()
				for f != nil && f.op == socket.OpPong {
					f = m.hear()
				}
				if f == nil || f.Type != "bye" {
					t.Fatalf("heard %+v", f)
				}
				m.closes(4006, false)
			})
		})
	}
}

// What a client sent within its rate while the process was stopped is read all at
// once, and is within its rate.
func TestAStopOfTheProcessTakesNobodyBeyondTheRate(t *testing.T) {
	const rate, stopped = 10, 30
	atRate(t, rate, func(t *testing.T, w *stepped, m *mate) {
		var b []byte
		for range (rate - 1) * stopped {
			b = saying(b, `{"type":"unsubscribe"}`)
		}
		for range (controlsPerSecond - 1) * stopped {
			b = masked(b, socket.OpPong, nil)
		}
		if m.write(b) != len(b) {
			t.Fatal("the socket takes less than the test needs")
		}
		time.Sleep(stopped * time.Second)
		w.run()
		for range (rate - 1) * stopped {
			m.expect("unsubscription_ack")
		}
		m.quiet()
		// It owes nothing for that, and has no more than others from here on.
		w.elapse(time.Second)
		for range rate {
			m.say(`{"type":"unsubscribe"}`)
			m.expect("unsubscription_ack")
		}
		m.say(`{"type":"unsubscribe"}`)
		m.refused("RATE_LIMIT_EXCEEDED")
	})
}
