package baseline

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRead(t *testing.T) {
	for _, e := range []struct {
		name string
		env  map[string]string
		want Settings
		err  string
	}{
		{"a server's", map[string]string{
			"WS_ADDR": "127.0.0.1:1", "WS_ADMIN_ADDR": "127.0.0.1:2", "KAFKA_BROKERS": "a:9092, b:9092",
			"KAFKA_TOPICS": "odin.trades=trade, x.y.z", "WS_MAX_CONNECTIONS": "what",
		}, Settings{
			Addr: "127.0.0.1:1", AdminAddr: "127.0.0.1:2", Brokers: []string{"a:9092", "b:9092"},
			Topics: []Topic{{"odin.trades", "trade"}, {"x.y.z", "z"}},
		}, ""},
		{"a topic", map[string]string{"KAFKA_TOPICS": "trade"}, Settings{
			Addr: ":3002", AdminAddr: "127.0.0.1:3902", Brokers: []string{"localhost:9092"}, Topics: []Topic{{"trade", "trade"}},
		}, ""},
		{"no event", map[string]string{"KAFKA_TOPICS": "a="}, Settings{}, `"a=" is no topic`},
		{"no topic", map[string]string{"KAFKA_TOPICS": "a,,b"}, Settings{}, `"" is no topic`},
		{"one event twice", map[string]string{"KAFKA_TOPICS": "a=x,b=x"}, Settings{}, "a and b have one event, x"},
		{"no broker", map[string]string{"KAFKA_BROKERS": " , "}, Settings{}, "KAFKA_BROKERS: no broker"},
	} {
		got, err := Read(func(name string) string { return e.env[name] })
		got.Getenv = nil
		if !reflect.DeepEqual(got, e.want) || (err == nil) != (e.err == "") || err != nil && !strings.Contains(err.Error(), e.err) {
			t.Errorf("%s: %+v, %v; want %+v, %s", e.name, got, err, e.want, e.err)
		}
	}
	s, err := Read(func(string) string { return "" })
	if err != nil || len(s.Topics) != 8 || s.Topics[0] != (Topic{"odin.trades", "trade"}) {
		t.Errorf("without an environment: %v, %v", s.Topics, err)
	}
}

func TestTogether(t *testing.T) {
	fault := errors.New("it broke")
	waits := func(ctx context.Context) error { <-ctx.Done(); return nil }
	if err := Together(t.Context(), waits, func(context.Context) error { return fault }, waits); !errors.Is(err, fault) {
		t.Errorf("got %v, want %v", err, fault)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Together(ctx, waits, waits); err != nil {
		t.Error(err)
	}
}
