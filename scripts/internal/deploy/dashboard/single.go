package dashboard

import "github.com/adred-codev/ws_poc/kit/metric"

// of selects the instances that are chosen.
const of = `{variant="$variant",instance=~"$instance"}`

// single shows the instances of a variant.
func single() Dashboard {
	m := func(d metric.Def) string { return d.Name + of }
	each := func(by, legend string, d metric.Def) Query { return Query{sum(by, m(d)), legend} }
	rated := func(by, legend string, d metric.Def) Query { return Query{sum(by, rate(m(d))), legend} }
	bucket := metric.DeliveryLatency.Name + "_bucket" + of
	turn := metric.LoopTurn.Name + "_bucket" + of
	return Dashboard{
		UID: "server", Title: "WebSocket server", About: "The instances of one variant: clients, delivery, Kafka, the machine.",
		Variables: []Variable{
			{Name: "variant", Title: "Variant", Query: "label_values(" + metric.BuildInfo.Name + ", variant)"},
			{Name: "instance", Title: "Instance", Query: "label_values(" + metric.BuildInfo.Name + `{variant="$variant"}, instance)`, All: true},
		},
		Rows: []Row{
			panels("At a glance",
				number("Version", "short", "What runs. More than one: a rollout is under way.", sum("version", m(metric.BuildInfo)), "{{version}}"),
				number("Ready", "short", "Instances that let clients in; as /readyz.", "sum("+m(metric.Ready)+")", "ready"),
				number("Connections", "short", "Open now.", "sum("+m(metric.Connections)+")", "connections"),
				number("Messages/s", "short", "Handed to the kernel, once for each connection.", "sum("+rate(m(metric.MessagesSent))+")", "messages/s"),
				number("p99", "s", "From a record's timestamp to the kernel's taking its message: 99 of 100 are faster.",
					"histogram_quantile(0.99, sum by (le) ("+rate(bucket)+"))", "p99"),
				number("Resume reach", "s", "How far back a client can come back and miss nothing; of the instance where it is shortest.",
					"min("+m(metric.HistoryAge)+")", "reach"),
			),
			panels("Clients",
				chart("Connections", "short", "Open, and of them those that are behind: their sockets were full, or they replay.",
					each("instance", "{{instance}}", metric.Connections), each("instance", "{{instance}} behind", metric.ConnectionsBehind)),
				chart("Opened and closed a second", "short",
					"Closed by code; 1006: without a close frame, 4000: drained, 4001: too slow, 4005: moved by a rebalance (PROTOCOL.md, P12).",
					Query{"sum(" + rate(m(metric.ConnectionsOpened)) + ")", "opened"}, rated("code", "closed {{code}}", metric.ConnectionsClosed)),
				chart("Refused a second", "short", "Before a client was let in, by reason.", rated("reason", "{{reason}}", metric.ConnectionsRejected)),
			),
			panels("What clients ask for",
				chart("Commands a second", "short", "By type and result: ok, or the error's code.", rated("type, result", "{{type}} {{result}}", metric.Commands)),
				chart("Resumes a second", "short", "Clients that came back with a cursor. lost: the history did not reach back so far for at least one event.",
					rated("result", "{{result}}", metric.Resumes)),
				chart("Messages for those who came back", "short", "Replayed: sent by a resume or by last. Merged: passed over by conflation, because the channel had a newer one.",
					Query{"sum(" + rate(m(metric.MessagesReplayed)) + ")", "replayed/s"}, Query{"sum(" + rate(m(metric.MessagesMerged)) + ")", "merged/s"}),
			),
			panels("Delivery",
				chart("Messages a second", "short", "Handed to the kernel, once for each connection; replays are in it.", rated("instance", "{{instance}}", metric.MessagesSent)),
				chart("Bytes a second", "Bps", "Everything written to clients, frame headers and control frames included.", rated("instance", "{{instance}}", metric.BytesSent)),
				chart("Latency", "s",
					"From a record's timestamp to the kernel's taking its message, of live connections. It has Kafka in it, and the publisher's clock.",
					Query{"histogram_quantile(0.5, sum by (le) (" + rate(bucket) + "))", "p50"},
					Query{"histogram_quantile(0.99, sum by (le) (" + rate(bucket) + "))", "p99"},
					Query{"histogram_quantile(0.999, sum by (le) (" + rate(bucket) + "))", "p99.9"}),
			),
			panels("Kafka",
				chart("Records a second", "short", "Read, by event.", rated("event", "{{event}}", metric.KafkaRecords)),
				chart("Lag", "short", "Records between what was read and the log's end, by event.", each("event", "{{event}}", metric.KafkaLag)),
				chart("Lost and skipped a second", "short",
					"Lost: offsets that the log had lost before they were read. Skipped: records without a usable symbol, by what is wrong with it.",
					rated("event", "lost {{event}}", metric.KafkaGapRecords), rated("reason", "skipped: {{reason}}", metric.KafkaRecordsSkipped)),
				chart("State", "short", "1: so it is. Paused: the guard holds reading back; nothing is dropped.",
					Query{"min(" + m(metric.KafkaUp) + ")", "Kafka answers"}, Query{"max(" + m(metric.KafkaPaused) + ")", "paused"},
					Query{"min(" + m(metric.Ready) + ")", "ready"}, Query{"max(" + m(metric.Draining) + ")", "draining"}).share(),
			),
			panels("History",
				chart("Reach", "s", "How far back a client can resume.", each("instance", "{{instance}}", metric.HistoryAge)),
				chart("Size", "bytes", "What it takes in memory; at WS_HISTORY_BYTES it gets shorter.", each("instance", "{{instance}}", metric.HistoryBytes)),
				chart("Messages", "short", "How many it holds.", each("instance", "{{instance}}", metric.HistoryRecords)),
			),
			panels("Loops",
				chart("Busy", "percentunit", "Share of the time that a loop works rather than waits.",
					Query{"max by (instance, shard) (" + m(metric.LoopBusy) + ")", "{{instance}} shard {{shard}}"}).share(),
				chart("A turn, p99", "s", "What comes during a turn waits for the next.", Query{quantile(0.99, "shard", turn), "shard {{shard}}"}),
				chart("Not yet offered", "short", "Records in the history that a loop has not offered to its clients yet.",
					each("instance, shard", "{{instance}} shard {{shard}}", metric.LoopLag)),
				chart("Connections of a shard", "short", "They should be nearly even.", each("instance, shard", "{{instance}} shard {{shard}}", metric.ShardConnections)),
			),
			panels("Machine",
				chart("CPU", "percentunit", "Of the cores it may use; and the time that the cgroup's quota held it up.",
					each("instance", "{{instance}}", metric.CPU), rated("instance", "{{instance}} throttled", metric.CPUThrottled)).share(),
				chart("Memory", "bytes", "go: the runtime's. native: librdkafka's. kernel: the sockets' buffers, which slow clients fill.",
					each("kind", "{{kind}}", metric.Memory)).stacked(),
				chart("Memory of what is allowed", "percentunit", "0 where there is no limit.",
					Query{sum("instance", m(metric.Memory)) + " / (" + sum("instance", m(metric.MemoryLimit)) + " > 0) or " +
						sum("instance", m(metric.Memory)) + " * 0", "{{instance}}"}).share(),
				chart("Open files", "short", "A connection takes one.", Query{sum("instance", procFiles+of), "{{instance}}"}, Query{"min(" + maxFiles + of + ")", "most allowed"}),
				chart("Starts, and log lines lost, within an hour", "short", "Both should be 0.",
					Query{"sum by (instance) (changes(" + procStart + of + "[1h]))", "{{instance}} starts"},
					Query{sum("instance", "increase("+m(metric.LogLinesLost)+"[1h])"), "{{instance}} lines lost"}),
			),
		},
	}
}
