package kafka

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"
)

// librdkafka.h and the header of the version that is linked agree: the compiler
// sees both.
func TestHeader(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/confluentinc/confluent-kafka-go/v2").Output()
	if err != nil {
		t.Fatal(err)
	}
	real := filepath.Join(strings.TrimSpace(string(out)), "kafka", "librdkafka_vendor", "rdkafka.h")
	ours, err := os.ReadFile("librdkafka.h")
	if err != nil {
		t.Fatal(err)
	}
	compile := func(declarations string) (string, error) {
		dir := t.TempDir()
		alone, both := filepath.Join(dir, "alone.h"), filepath.Join(dir, "both.c")
		// Alone, ours has names of its own, so that layouts can be compared.
		renamed := strings.NewReplacer("rd_kafka_", "our_", "RD_KAFKA_", "OUR_", "LIBRDKAFKA_H", "ALONE_H").Replace(declarations)
		source := `
#include <stddef.h>
#include "` + real + `"
#include "ours.h"
#include "alone.h"
#define SAME(type, member) _Static_assert(offsetof(rd_kafka_##type, member) == offsetof(our_##type, member), #member)
_Static_assert(sizeof(rd_kafka_message_t) == sizeof(our_message_t), "size");
SAME(message_t, err); SAME(message_t, rkt); SAME(message_t, partition); SAME(message_t, payload); SAME(message_t, len);
SAME(message_t, key); SAME(message_t, key_len); SAME(message_t, offset);
_Static_assert(sizeof(rd_kafka_topic_partition_t) == sizeof(our_topic_partition_t), "size");
SAME(topic_partition_t, topic); SAME(topic_partition_t, partition); SAME(topic_partition_t, offset); SAME(topic_partition_t, err);
_Static_assert(sizeof(rd_kafka_resp_err_t) == sizeof(our_resp_err_t) && sizeof(rd_kafka_conf_res_t) == sizeof(our_conf_res_t) &&
	sizeof(rd_kafka_type_t) == sizeof(our_type_t) && sizeof(rd_kafka_timestamp_type_t) == sizeof(our_timestamp_type_t), "enums");
_Static_assert((int)RD_KAFKA_CONSUMER == OUR_CONSUMER && (int)RD_KAFKA_CONF_OK == OUR_CONF_OK, "enums");
_Static_assert(RD_KAFKA_EVENT_FETCH == OUR_EVENT_FETCH && RD_KAFKA_EVENT_ERROR == OUR_EVENT_ERROR, "events");
_Static_assert(RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE == OUR_DESTROY_F_NO_CONSUMER_CLOSE, "flags");
_Static_assert((int)RD_KAFKA_RESP_ERR__PARTITION_EOF == OUR_RESP_ERR__PARTITION_EOF, "errors");
_Static_assert(RD_KAFKA_VERSION == LIBRDKAFKA_VERSION, "version");
`
		for file, text := range map[string]string{alone: strings.Replace(renamed, "#ifndef _RDKAFKA_H_", "#if 1", 1), both: source, filepath.Join(dir, "ours.h"): declarations} {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		said, err := exec.Command("cc", "-std=gnu11", "-fsyntax-only", "-Werror", both).CombinedOutput()
		return string(said), err
	}
	if said, err := compile(string(ours)); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
	for _, wrong := range []struct{ from, to string }{
		{"rd_kafka_queue_poll(rd_kafka_queue_t *rkqu, int timeout_ms)", "rd_kafka_queue_poll(rd_kafka_queue_t *rkqu, int64_t timeout_ms)"},
		{"\tint32_t partition;\n\tvoid *payload;", "\tvoid *payload;\n\tint32_t partition;"},
		{"EVENT_ERROR 0x8", "EVENT_ERROR 0x10"},
		{"0x020b01ff", "0x020c00ff"},
	} {
		changed := strings.Replace(string(ours), wrong.from, wrong.to, 1)
		if changed == string(ours) {
			t.Fatalf("librdkafka.h has no %q", wrong.from)
		}
		if _, err := compile(changed); err == nil {
			t.Errorf("%q instead of %q is not noticed", wrong.to, wrong.from)
		}
	}
}

// A record costs no allocation between librdkafka and the sink.
func TestNothingIsAllocatedForARecord(t *testing.T) {
	k := realCluster(t)
	topic := k.topic("allocs", 1)
	const runs, each = 20, 100
	k.count(topic, 0, 0, (runs+1)*each-1)
	alarm, err := newAlarm()
	if err != nil {
		t.Fatal(err)
	}
	defer alarm.close()
	r := newReader(t.Context(), made(t, configOf(k.address, topic)), alarm, arrivals{record: func(*Record) {}})
	r.open()
	defer r.reopen()
	top := r.topics[0]
	r.find(finding{news: []news{{topic: top, log: "one", parts: []*partition{newPartition(top, 0, 0, 0)}}}})
	r.atOnce = each
	p := top.parts[0]
	perRun := testing.AllocsPerRun(runs, func() {
		for until := p.next.Load() + each; p.next.Load() < until; r.atOnce = int(max(1, until-p.next.Load())) {
			if _, more := r.pump(); !more {
				r.alarm.sleep(noTime)
			}
		}
		r.atOnce = each
	})
	if perRun > 5 { // by the sleeps, if any
		t.Errorf("%v allocations for %d records", perRun, each)
	}
}

// A topic's handle may go with its last partition, and the next be another topic's.
func TestADroppedTopicIsLookedUpAgain(t *testing.T) {
	t.Parallel()
	alarm, err := newAlarm()
	if err != nil {
		t.Fatal(err)
	}
	defer alarm.close()
	top := &topic{name: "t"}
	p := newPartition(top, 0, 0, 0)
	n, err := newNative(readerProperties(configOf("127.0.0.1:1", "t")), map[string]*topic{"t": top}, alarm.fd, -1, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	defer n.close()
	if err := n.add([]*partition{p}); err != nil {
		t.Fatal(err)
	}
	n.handle, n.known = unsafe.Pointer(top), top
	if err := n.drop([]*partition{p}); err != nil || n.handle != nil {
		t.Errorf("%v; it holds for %v what may be another's", err, n.known)
	}
}

func TestParseIdentity(t *testing.T) {
	t.Parallel()
	const line = "[thrd:main]: Topic odin.trades changed id from AAAAAAAAAAAAAAAAAAAAAA to /+7dzLuqmYh3ZlVEMyIRAA"
	name, id, ok := parseIdentity(line)
	if !ok || name != "odin.trades" || id != [16]byte{0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0} {
		t.Errorf("%s %x %v", name, id, ok)
	}
	for _, other := range []string{
		"", line + " ", line + "A", line[:len(line)-1], strings.Replace(line, "odin.trades", "", 1),
		strings.Replace(line, "Topic", "Subtopic", 1), strings.Replace(line, " to ", " of ", 1),
	} {
		if _, _, ok := parseIdentity(other); ok {
			t.Errorf("%q is taken for news of an ID", other)
		}
	}
}

func FuzzParseIdentity(f *testing.F) {
	f.Add("[thrd:main]: Topic a changed id from AAAAAAAAAAAAAAAAAAAAAA to /+7dzLuqmYh3ZlVEMyIRAA")
	f.Add("Topic  changed id from  to ")
	f.Fuzz(func(t *testing.T, line string) {
		if name, _, ok := parseIdentity(line); ok && (name == "" || !strings.Contains(line, name)) {
			t.Errorf("%q: %q", line, name)
		}
	})
}
