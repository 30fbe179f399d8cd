package wire_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/adred-codev/ws_poc/kit/wire"
)

var update = flag.Bool("update", false, "write the golden files from the Go types")

const goldenDir = "testdata/golden"

// live and resumed are the cursors of the examples.
var (
	live = wire.Cursor{
		"trade": {Log: "9f3c2b7a41d05e68", At: []int64{4715, 88, 912}},
	}
	resumed = wire.Cursor{
		"trade":     {Log: "9f3c2b7a41d05e68", At: []int64{4711, 88, 905}},
		"liquidity": {Log: "07be61d2c94fa835", At: []int64{-1, 20}},
	}
)

// commands are the goldens that a client sends, and what they parse to.
func commands() map[string]wire.Command {
	trade := wire.Pattern{Symbol: "BTC", Event: "trade"}
	return map[string]wire.Command{
		"client.subscribe": {
			Type: wire.TypeSubscribe, ID: wire.ID(`1`),
			Patterns: []wire.Pattern{trade}, Channels: []string{"BTC.trade"},
		},
		"client.subscribe_patterns": {
			Type: wire.TypeSubscribe, ID: wire.ID(`"prices"`),
			Patterns: []wire.Pattern{trade, {Symbol: "ETH", Event: "*"}, {Symbol: "*", Event: "liquidity"}},
			Channels: []string{"BTC.trade", "ETH.*", "*.liquidity"},
		},
		"client.subscribe_cursor": {
			Type: wire.TypeSubscribe, ID: wire.ID(`1`),
			Patterns: []wire.Pattern{trade, {Symbol: "*", Event: "liquidity"}},
			Channels: []string{"BTC.trade", "*.liquidity"}, Cursor: resumed,
		},
		"client.subscribe_last": {
			Type: wire.TypeSubscribe, ID: wire.ID(`1`),
			Patterns: []wire.Pattern{trade}, Channels: []string{"BTC.trade"}, Last: 20,
		},
		"client.unsubscribe": {
			Type: wire.TypeUnsubscribe, ID: wire.ID(`2`),
			Patterns: []wire.Pattern{trade}, Channels: []string{"BTC.trade"},
		},
		"client.unsubscribe_all": {Type: wire.TypeUnsubscribe, ID: wire.ID(`3`), All: true},
		"client.heartbeat":       {Type: wire.TypeHeartbeat, ID: wire.ID(`4`)},
		"client.auth":            {Type: wire.TypeAuth, ID: wire.ID(`5`), Token: "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2ln"},
	}
}

// messages are the goldens that a server sends, and the values they render.
func messages() map[string]interface{ Append([]byte) []byte } {
	return map[string]interface{ Append([]byte) []byte }{
		"server.welcome": wire.Welcome{
			Conn: "01J9Z3K8V5Q2W7", Server: "ws-single", Version: "1.0.0", HeartbeatMS: 25000,
			Limits: wire.Limits{MessageBytes: 65536, Channels: 256, CommandsPerSecond: 10},
		},
		"server.welcome_no_limits": wire.Welcome{
			Conn: "01J9Z3K8V5Q2W7", Server: "ws-multi", Version: "1.0.0", HeartbeatMS: 25000,
		},
		"server.subscription_ack": wire.SubscriptionAck{
			ID: wire.ID(`1`), Subscribed: []string{"BTC.trade"}, Count: 1, Cursor: live,
		},
		"server.subscription_ack_no_topic": wire.SubscriptionAck{
			ID: wire.ID(`1`), Subscribed: []string{"BTC.social"}, Count: 1, Cursor: wire.Cursor{"social": {}},
		},
		"server.subscription_ack_recovered": wire.SubscriptionAck{
			ID: wire.ID(`1`), Subscribed: []string{"BTC.trade", "*.liquidity"}, Count: 2, Cursor: resumed, Resumed: true,
		},
		"server.subscription_ack_lost": wire.SubscriptionAck{
			ID: wire.ID(`1`), Subscribed: []string{"BTC.trade", "*.liquidity"}, Count: 2, Resumed: true,
			Lost: []string{"liquidity"},
			Cursor: wire.Cursor{
				"trade":     resumed["trade"],
				"liquidity": {Log: "5d10c3e8f7926ab4", At: []int64{310, 297}},
			},
		},
		"server.replay_complete": wire.ReplayComplete{ID: wire.ID(`1`), Replayed: 12, Cursor: live},
		"server.unsubscription_ack": wire.UnsubscriptionAck{
			ID: wire.ID(`2`), Unsubscribed: []string{"BTC.trade"}, Count: 0,
		},
		"server.unsubscription_ack_nothing": wire.UnsubscriptionAck{ID: wire.ID(`2`), Count: 3},
		"server.pong": wire.Pong{
			ID: wire.ID(`4`), TS: 1700000000000, Cursor: live, Totals: wire.Totals{Sent: 42, Replayed: 12},
		},
		"server.pong_no_id": wire.Pong{TS: 1700000000000},
		"server.auth_ack":   wire.AuthAck{ID: wire.ID(`5`), Expires: 1700003600000},
		"server.error": wire.Error{
			ID: wire.ID(`6`), Code: wire.ChannelInvalid,
			Message: `channel "BTC" has no event: write symbol.event, such as BTC.trade`,
		},
		"server.error_temporary": wire.Error{
			ID: wire.ID(`"resume-2"`), Code: wire.Busy,
			Message: "an earlier replay is not complete: wait for its replay_complete",
		},
		"server.error_no_id": wire.Error{
			Code: wire.BadRequest, Message: "type is missing: send it as a string",
		},
		"server.notice_drain":     wire.Notice{Code: wire.NoticeDrain, ReconnectInMS: 417},
		"server.notice_rebalance": wire.Notice{Code: wire.NoticeRebalance, ReconnectInMS: 80},
		"server.gap": wire.Gap{
			Event: "trade", Partition: 3, From: 4712, To: 4890,
			Cursor: wire.Cursor{"trade": {Log: "9f3c2b7a41d05e68", At: []int64{4715, 88, 912, 4890}}},
		},
		"server.gap_log": wire.Gap{
			Event: "trade", Log: "c41e9a6f02b7d358",
			Cursor: wire.Cursor{"trade": {Log: "c41e9a6f02b7d358"}},
		},
		"server.bye": wire.Bye{
			Code: wire.CloseDrain, Cursor: live, Totals: wire.Totals{Sent: 42, Merged: 3, Replayed: 12},
		},
		"server.message": frame{42, wire.Record{
			Symbol: []byte("BTC"), Event: "trade", Partition: 3, Offset: 4711, Timestamp: 1700000000000,
			Value: []byte(`{"price":"43250.10","size":"0.5","side":"buy"}`),
		}},
		"server.message_tombstone": frame{43, wire.Record{
			Symbol: []byte("BTC"), Event: "metadata", Partition: 0, Offset: 17, Timestamp: 1700000000001,
		}},
		"server.message_base64": frame{44, wire.Record{
			Symbol: []byte("BTC"), Event: "analytics", Partition: 11, Offset: 9007199254740991, Timestamp: 1700000000002,
			Value: []byte{0x00, 0xff, '{'},
		}},
		"server.message_empty": frame{45, wire.Record{
			Symbol: []byte("BTC"), Event: "analytics", Partition: 11, Offset: 0, Timestamp: -1, Value: []byte{},
		}},
		"server.message_escaped": frame{46, wire.Record{
			Symbol: []byte(`"β\`), Event: "social", Partition: 0, Offset: 5, Timestamp: 1700000000003, Value: []byte(` [1 , null]`),
		}},
	}
}

// A frame is a data message as a server sends it: the connection's seq, then
// the body that all subscribers share.
type frame struct {
	seq    uint64
	record wire.Record
}

func (f frame) Append(dst []byte) []byte {
	dst = append(dst, make([]byte, wire.SeqLen)...)
	wire.PutSeq(dst[len(dst)-wire.SeqLen:], f.seq)
	return wire.AppendBody(dst, f.record)
}

func TestMessagesAreTheGoldens(t *testing.T) {
	for name, message := range messages() {
		t.Run(name, func(t *testing.T) {
			got := message.Append(nil)
			if *update {
				writeGolden(t, name, got)
			}
			if want := golden(t, name); !bytes.Equal(got, want) {
				t.Errorf("rendered\n%s\nwant\n%s", got, want)
			}
			if !json.Valid(got) {
				t.Errorf("not JSON: %s", got)
			}
			if prefixed := message.Append([]byte("before")); string(prefixed) != "before"+string(got) {
				t.Errorf("Append does not append: %s", prefixed)
			}
		})
	}
}

func TestCommandGoldensParse(t *testing.T) {
	for name, want := range commands() {
		t.Run(name, func(t *testing.T) {
			got, err := wire.ParseCommand(golden(t, name))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("parsed %+v, want %+v", got, want)
			}
		})
	}
}

func TestEveryGoldenIsListed(t *testing.T) {
	var want []string
	for name := range commands() {
		want = append(want, name)
	}
	for name := range messages() {
		want = append(want, name)
	}
	slices.Sort(want)
	if got := goldenNames(t); !slices.Equal(got, want) {
		t.Errorf("files\n%s\nlisted\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func goldenNames(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(goldenDir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(files))
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".json"))
	}
	slices.Sort(names)
	return names
}

// golden is the golden's text without the newline that ends the file.
func golden(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(goldenDir, name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSuffix(b, []byte("\n"))
}

func writeGolden(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(goldenDir, name+".json"), append(b, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}
