package kafka

import (
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"golang.org/x/sys/unix"
)

// How late Stats.Up may be.
const (
	downWithin = 15 * time.Second
	upWithin   = 5 * time.Second
)

// door is an address that refuses connections until it is opened, and from then on
// passes them on to another.
func door(t *testing.T, to string) (address string, open func()) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	// Bound but not listened to, the port is nobody else's.
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	must(err)
	file := os.NewFile(uintptr(fd), "door")
	t.Cleanup(func() { _ = file.Close() })
	must(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	bound, err := unix.Getsockname(fd)
	must(err)
	address = fmt.Sprintf("127.0.0.1:%d", bound.(*unix.SockaddrInet4).Port)
	pass := func(in net.Conn) {
		defer in.Close()
		out, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		var back sync.WaitGroup
		back.Go(func() { _, _ = io.Copy(in, out); _ = in.Close() })
		_, _ = io.Copy(out, in)
		_ = out.Close()
		back.Wait()
	}
	return address, func() {
		t.Helper()
		must(unix.Listen(fd, 16))
		l, err := net.FileListener(file)
		must(err)
		var work sync.WaitGroup
		work.Go(func() {
			for {
				in, err := l.Accept()
				if err != nil {
					return
				}
				work.Go(func() { pass(in) })
			}
		})
		// The connections end with the clients that made them, which a test stops first.
		t.Cleanup(func() { _ = l.Close(); work.Wait() })
	}
}

// Down at the start, a broker is served from when it is there.
func TestABrokerThatComesLater(t *testing.T) {
	t.Parallel()
	k := realCluster(t)
	topic := k.topic("later", 1)
	k.count(topic, 0, 0, 9)
	address, open := door(t, k.address)
	r := reading(t, configOf(address, topic))
	time.Sleep(greetEvery)
	if r.Stats().Up || len(r.of("Opened")) > 0 {
		t.Error("up, and there is no broker")
	}
	open()
	defer r.stop() // before the door is shut
	r.within(upWithin, "up", func() bool { return r.Stats().Up })
	r.await("Loaded", 1)
	if n := len(r.of("Record")); n != 10 {
		t.Errorf("%d records", n)
	}
}

// Killed, frozen and back: reading goes on where it was.
func TestABrokerComesAndGoes(t *testing.T) {
	t.Parallel()
	k, keeper := ownCluster(t)
	const topic = "faults"
	k.create(topic, 2)
	sent := 0
	feed := func() {
		t.Helper()
		k.count(topic, 0, sent, sent+49)
		k.count(topic, 1, sent, sent+49)
		sent += 50
	}
	feed()
	r := reading(t, configOf(k.address, topic))
	up := func(want bool) func() bool { return func() bool { return r.Stats().Up == want } }
	r.await("Loaded", 1)
	for _, fault := range [][2]string{{"kill", "restart"}, {"freeze", "thaw"}} {
		keeper.order(t, fault[0])
		r.within(downWithin, "down by "+fault[0], up(false))
		keeper.order(t, fault[1])
		r.within(upWithin, "up by "+fault[1], up(true))
		feed()
		r.await("Record", 2*sent)
	}
	if len(r.of("Record")) != 2*sent || len(r.of("Loaded")) != 1 || len(r.of("Lost")) != 0 || len(r.of("Remade")) != 0 {
		t.Errorf("%d records of %d, %v %v", len(r.of("Record")), 2*sent, r.of("Lost"), r.of("Remade"))
	}
}

func TestRunEndsSoonWithoutABroker(t *testing.T) {
	t.Parallel()
	r := reading(t, configOf("127.0.0.1:1", "any"))
	time.Sleep(200 * time.Millisecond)
	began := time.Now()
	r.stop()
	if took := time.Since(began); took > greeting+2*time.Second {
		t.Errorf("it took %v", took)
	}
}

// breaking fails for good after so many records.
type breaking struct {
	client
	left int
}

func (b *breaking) take(most int, records bool) ([]event, bool) {
	events, more := b.client.take(most, records)
	for i, e := range events {
		if e.kind != isRecord {
			continue
		}
		if b.left--; b.left < 0 {
			events[i] = event{kind: isFault, code: kafka.ErrFatal, fatal: true, text: "made up by a test"}
			break
		}
	}
	return events, more
}

// After a fatal error another client goes on at the same positions, here on
// librdkafka's mock cluster.
func TestAFatalErrorReopens(t *testing.T) {
	t.Parallel()
	k := mockedCluster(t, "fatal", 2)
	k.count("fatal", 0, 0, 499)
	k.count("fatal", 1, 0, 499)
	c := made(t, configOf(k.address, "fatal"))
	opened := 0
	c.dial = func(r *reader) (client, error) {
		native, err := dialNative(r)
		if opened++; err == nil && opened <= 2 {
			return &breaking{native, 150}, nil
		}
		return native, err
	}
	r := start(t, c, newPushes(t))
	r.await("Record", 1000)
	r.await("Loaded", 1)
	k.count("fatal", 0, 500, 509)
	r.await("Record", 1010)
	r.stop()
	if opened != 3 || len(r.of("Started")) != 2 {
		t.Errorf("%d clients; %v", opened, r.of("Started"))
	}
}

// The mock cluster has no topic IDs and no offsets by time.
func TestTheMockCluster(t *testing.T) {
	t.Parallel()
	k := mockedCluster(t, "mocked", 2)
	k.count("mocked", 0, 0, 1499)
	began := time.Now()
	r := reading(t, configOf(k.address, "mocked", "missing"))
	r.await("Loaded", 1)
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("Loaded took %v", took)
	}
	if n := len(r.of("Record")); n != atLeast {
		t.Errorf("%d records, want the last %d", n, atLeast)
	}
	again := reading(t, configOf(k.address, "mocked"))
	again.await("Loaded", 1)
	if one, two := r.of("Opened"), again.of("Opened"); len(one) != 1 || len(one[0].log) != 16 || one[0].log != two[0].log {
		t.Errorf("the log is called %v and %v", one, two)
	}
	if ends, err := r.Ends(t.Context(), 0, []int32{1, 0}); err != nil || ends[0] != 0 || ends[1] != 1500 {
		t.Errorf("ends %v, %v", ends, err)
	}
}
