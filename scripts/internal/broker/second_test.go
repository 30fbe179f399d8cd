package broker

import (
	"net"
	"strconv"
	"testing"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// Each listener sends its clients to where it is told to.
func TestSecond(t *testing.T) {
	const elsewhere = "127.0.0.1:9"
	b, err := Start(t.Context(), Options{Second: &Second{Advertised: elsewhere}})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Stop() //nolint:errcheck // what counts is asserted below
	sends := func(from, to string) {
		t.Helper()
		err := withAdmin(from, func(admin *kafka.AdminClient) error {
			m, err := admin.GetMetadata(nil, true, int(answerTimeout.Milliseconds()))
			if err == nil {
				if got := net.JoinHostPort(m.Brokers[0].Host, strconv.Itoa(m.Brokers[0].Port)); got != to {
					t.Errorf("%s sends to %s, want %s", from, got, to)
				}
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	sends(b.Addr(), b.Addr())
	sends(b.SecondAddr(), elsewhere)
	if found, err := Find(b.Dir()); err != nil || found.node != b.node {
		t.Errorf("found %+v, %v, want %+v", found, err, b.node)
	}
}
