package shard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/adred-codev/ws_poc/ws-multi/internal/history"
)

// kafkaAt answers where logs end: always the same, after a second.
type kafkaAt struct {
	end   int64
	err   error
	asked []string
}

func (k *kafkaAt) ends(_ context.Context, event int, partitions []int32) ([]int64, error) {
	time.Sleep(time.Second)
	k.asked = append(k.asked, fmt.Sprint(event, partitions))
	return slices.Repeat([]int64{k.end}, len(partitions)), k.err
}

// withKafka is a test of a client whose cursor is ahead, in a bubble.
func withKafka(t *testing.T, k *kafkaAt, test func(t *testing.T, w *stepped, m *mate)) {
	synctest.Test(t, func(t *testing.T) {
		o := unpinged()
		o.Ends = k.ends
		w := newStepped(t, o, history.Options{})
		m := w.join(0)
		m.say(`{"type":"subscribe","id":1,"data":{"channels":["A.trade","A.book"],"cursor":{"trade":{"log":"log-trade","at":[2]}}}}`)
		m.quiet()
		test(t, w, m)
	})
}

// count is how many channels the client holds.
func (m *mate) count() int {
	m.w.Helper()
	m.say(`{"type":"unsubscribe","id":99,"data":{"channels":["NONE.book"]}}`)
	return m.expect("unsubscription_ack").Count
}

func TestACursorAheadWaitsUntilItIsRead(t *testing.T) {
	k := &kafkaAt{end: 10}
	withKafka(t, k, func(t *testing.T, w *stepped, m *mate) {
		w.elapse(2 * time.Second)
		if !slices.Equal(k.asked, []string{"0 [0]"}) {
			t.Errorf("Kafka was asked %q", k.asked)
		}
		w.record("A", 0, 0, "0")
		w.record("A", 0, 0, "1")
		w.elapse(time.Second)
		m.quiet()
		w.write("A", 0, 0, "2")
		w.record("A", 0, 0, "3")
		w.elapse(2 * aheadEvery * time.Millisecond)
		if f := m.expect("subscription_ack"); f.ID != 1 || !f.Recovered || f.Count != 2 || f.Cursor["trade"].Last(0) != 2 {
			t.Errorf("ack: %s", f.payload)
		}
		if f := m.expect("message"); string(f.Data) != "3" {
			t.Errorf("heard %s", f.payload)
		}
		if f := m.expect("replay_complete"); f.ID != 1 || f.Replayed != 1 || f.Cursor["trade"].Last(0) != 3 {
			t.Errorf("heard %s", f.payload)
		}
		w.record("A", 0, 0, "4")
		m.expect("message")
		if w.counts.Recovered != 1 || len(k.asked) != 1 {
			t.Errorf("%d recovered, Kafka was asked %q", w.counts.Recovered, k.asked)
		}
	})
}

func TestTheLastRecordOfABurstIsNotMissed(t *testing.T) {
	withKafka(t, &kafkaAt{end: 10}, func(t *testing.T, w *stepped, m *mate) {
		w.elapse(time.Second)
		w.record("A", 0, 0, "0") // those who wait are looked at
		time.Sleep(aheadEvery / 2 * time.Millisecond)
		w.record("A", 0, 0, "1") // too soon to look again
		w.record("A", 0, 0, "2")
		m.quiet()
		if at := w.sleepUntil(); time.Until(at) > aheadEvery*time.Millisecond {
			t.Errorf("the shard sleeps for %v", time.Until(at))
		}
		w.elapse(aheadEvery * time.Millisecond)
		m.expect("subscription_ack")
	})
}

func TestThousandsWhoseCursorIsAheadAreLookedAtInParts(t *testing.T) {
	withKafka(t, &kafkaAt{end: 10}, func(t *testing.T, w *stepped, m *mate) {
		others := make([]*mate, maxTries)
		for i := range others {
			others[i] = w.join(0)
			others[i].say(`{"type":"subscribe","id":1,"data":{"channels":["A.trade"],"cursor":{"trade":{"log":"log-trade","at":[2]}}}}`)
		}
		for i := range 3 {
			w.record("A", 0, 0, fmt.Sprint(i))
		}
		w.elapse(aheadEvery * time.Millisecond)
		if n := len(w.ahead); n != 1 {
			t.Errorf("%d wait after one look, out of %d", n, maxTries+1)
		}
		w.elapse(2 * aheadEvery * time.Millisecond)
		if n := len(w.ahead); n != 0 {
			t.Errorf("%d wait after two looks", n)
		}
		m.expect("subscription_ack")
	})
}

func TestACursorBeyondTheEndIsLost(t *testing.T) {
	withKafka(t, &kafkaAt{end: 2}, func(t *testing.T, w *stepped, m *mate) {
		w.elapse(time.Second + 2*askAfter*time.Millisecond)
		f := m.expect("subscription_ack")
		if f.Recovered || !slices.Equal(f.Lost, []string{"trade"}) || f.Count != 2 || f.Cursor["trade"].Last(0) != -1 {
			t.Errorf("ack: %s", f.payload)
		}
		if f := m.expect("replay_complete"); f.Replayed != 0 {
			t.Errorf("heard %s", f.payload)
		}
		w.record("A", 0, 0, "0")
		m.expect("message")
		if w.counts.LostResumes != 1 {
			t.Errorf("%d lost", w.counts.LostResumes)
		}
	})
}

func TestACursorAtTheEndIsNotLost(t *testing.T) {
	withKafka(t, &kafkaAt{end: 3}, func(t *testing.T, w *stepped, m *mate) {
		w.elapse(2 * time.Second)
		m.quiet()
		for i := range 3 {
			w.record("A", 0, 0, fmt.Sprint(i))
		}
		w.elapse(100 * time.Millisecond)
		if f := m.expect("subscription_ack"); !f.Recovered {
			t.Errorf("ack: %s", f.payload)
		}
	})
}

func TestACursorAheadForTooLong(t *testing.T) {
	for name, k := range map[string]*kafkaAt{"not read": {end: 10}, "Kafka does not answer": {err: errors.New("down")}} {
		t.Run(name, func(t *testing.T) {
			withKafka(t, k, func(t *testing.T, w *stepped, m *mate) {
				w.elapse(4900 * time.Millisecond)
				w.record("A", 0, 0, "0")
				m.quiet()
				w.elapse(400 * time.Millisecond)
				if f := m.refused("UNAVAILABLE"); f.ID != 1 {
					t.Errorf("heard %s", f.payload)
				}
				if n := m.count(); n != 0 {
					t.Errorf("%d channels are held", n)
				}
				w.record("A", 0, 0, "1")
				m.quiet()
				m.say(`{"type":"subscribe","id":2,"data":{"channels":["A.trade"],"cursor":{"trade":{"log":"log-trade","at":[1]}}}}`)
				m.expect("subscription_ack")
				m.expect("replay_complete")
			})
		})
	}
}

func TestWhileACursorIsAhead(t *testing.T) {
	const again = `{"type":"subscribe","id":2,"data":{"channels":["A.%s"],%s}}`
	t.Run("another replay is refused", func(t *testing.T) {
		withKafka(t, &kafkaAt{end: 10}, func(t *testing.T, w *stepped, m *mate) {
			m.say(again, "trade", `"cursor":{"trade":{"log":"log-trade","at":[1]}}`)
			m.refused("BUSY")
			m.say(again, "book", `"last":3`)
			m.refused("BUSY")
			w.elapse(6 * time.Second)
			m.refused("UNAVAILABLE")
			m.say(again, "book", `"last":3`)
			m.expect("subscription_ack")
			m.expect("replay_complete")
		})
	})
	t.Run("other channels go on", func(t *testing.T) {
		withKafka(t, &kafkaAt{end: 10}, func(t *testing.T, w *stepped, m *mate) {
			m.say(again, "book", `"a":1`)
			m.expect("subscription_ack")
			w.record("A", 1, 0, "5")
			m.expect("message")
			m.say(`{"type":"unsubscribe","id":3}`)
			if f := m.expect("unsubscription_ack"); f.Count != 0 {
				t.Errorf("heard %s", f.payload)
			}
			for i := range 3 {
				w.record("A", 0, 0, fmt.Sprint(i))
			}
			w.elapse(100 * time.Millisecond)
			if f := m.expect("subscription_ack"); f.Count != 2 || f.ID != 1 {
				t.Errorf("heard %s", f.payload)
			}
			m.expect("replay_complete")
		})
	})
	t.Run("a channel of the event is taken", func(t *testing.T) {
		withKafka(t, &kafkaAt{end: 10}, func(t *testing.T, w *stepped, m *mate) {
			m.say(again, "trade", `"a":1`)
			m.expect("subscription_ack")
			w.record("A", 0, 0, "0")
			m.expect("message")
			w.elapse(2 * askAfter * time.Millisecond) // before Kafka is asked it is looked at
			if f := m.refused("BAD_REQUEST"); f.ID != 1 {
				t.Errorf("heard %s", f.payload)
			}
			w.record("A", 0, 0, "1")
			m.expect("message")
			m.quiet()
			if n := m.count(); n != 1 {
				t.Errorf("%d channels are held", n)
			}
		})
	})
	t.Run("the client goes", func(t *testing.T) {
		withKafka(t, &kafkaAt{end: 10}, func(t *testing.T, w *stepped, m *mate) {
			m.hangUp()
			w.released(0)
			other := w.join(0) // in the same slot
			for i := range 4 {
				w.record("A", 0, 0, fmt.Sprint(i))
			}
			w.elapse(10 * time.Second)
			other.quiet()
			if len(w.ahead) != 0 {
				t.Errorf("%d are still waited for", len(w.ahead))
			}
		})
	})
	t.Run("the connection closes", func(t *testing.T) {
		withKafka(t, &kafkaAt{end: 10}, func(t *testing.T, w *stepped, m *mate) {
			m.raw(masked(nil, 2, nil))
			m.closes(4500, true)
			for i := range 4 {
				w.record("A", 0, 0, fmt.Sprint(i))
			}
			w.elapse(10 * time.Second)
			w.released(0)
		})
	})
}

func TestACursorOfATopicThatIsNotFoundYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := withoutTopic(t, unpinged())
		m := w.join(0)
		m.say(`{"type":"subscribe","id":1,"data":{"channels":["A.trade"],"cursor":{"trade":{"log":"log-trade","at":[0]}}}}`)
		w.elapse(time.Second)
		m.quiet()
		w.source.log.Opened(0, "log-trade")
		w.source.log.Started(0, 0, 0)
		w.write("A", 0, 0, "0")
		w.record("A", 0, 0, "1")
		w.elapse(50 * time.Millisecond)
		if f := m.expect("subscription_ack"); !f.Recovered {
			t.Errorf("heard %s", f.payload)
		}
		if f := m.expect("message"); string(f.Data) != "1" {
			t.Errorf("heard %s", f.payload)
		}
		m.expect("replay_complete")
	})
}
