package metric

// A Kind is how a metric behaves, in Prometheus' terms.
type Kind string

// The kinds.
const (
	Counter   Kind = "counter"
	Gauge     Kind = "gauge"
	Histogram Kind = "histogram"
)

// A Def describes a metric. It is not to be changed.
type Def struct {
	Name string
	// Help says what is counted or measured, and in which unit.
	Help string
	Kind Kind
	// Labels are in the order in which a variant gives their values.
	Labels []string
	// Buckets are a histogram's upper bounds, ascending, without +Inf.
	Buckets []float64
}

var (
	// BuildInfo is constant 1; its labels tell the variants apart.
	BuildInfo = Def{Name: "ws_build_info", Kind: Gauge, Labels: []string{"architecture", "version", "commit"},
		Help: "Constant 1; the labels say which architecture, version and commit is running."}

	// Connections are open now.
	Connections = Def{Name: "ws_connections", Kind: Gauge,
		Help: "Number of WebSocket connections open now."}
	// ConnectionsBehind are those of Connections that are not live.
	ConnectionsBehind = Def{Name: "ws_connections_behind", Kind: Gauge,
		Help: "Number of open connections that are not at the end of the history: their sockets were full, or they replay."}
	// ConnectionsOpened counts completed upgrades.
	ConnectionsOpened = Def{Name: "ws_connections_total", Kind: Counter,
		Help: "Number of WebSocket connections opened since the start."}
	// ConnectionsClosed counts by close code, as a decimal number.
	ConnectionsClosed = Def{Name: "ws_connections_closed_total", Kind: Counter, Labels: []string{"code"},
		Help: "Number of connections closed since the start, by close code; 1006 when the connection ended without a close frame."}
	// ConnectionsRejected counts refusals before a connection is served.
	ConnectionsRejected = Def{Name: "ws_connections_rejected_total", Kind: Counter, Labels: []string{"reason"},
		Help: "Number of connections refused since the start, by reason."}

	// MessagesSent counts data messages, once for each connection.
	MessagesSent = Def{Name: "ws_messages_sent_total", Kind: Counter,
		Help: "Number of data messages handed to the kernel since the start, once for each connection."}
	// BytesSent counts everything written to clients.
	BytesSent = Def{Name: "ws_bytes_sent_total", Kind: Counter,
		Help: "Bytes handed to the kernel for clients since the start, frame headers and control frames included."}
	// MessagesMerged counts messages passed over by conflation.
	MessagesMerged = Def{Name: "ws_messages_merged_total", Kind: Counter,
		Help: "Number of data messages passed over since the start because their channel had a newer one (conflation)."}
	// MessagesReplayed counts the part of MessagesSent that replays brought.
	MessagesReplayed = Def{Name: "ws_messages_replayed_total", Kind: Counter,
		Help: "Number of data messages sent since the start by a resume or by last; contained in ws_messages_sent_total."}
	// DeliveryLatency is one sample a sweep.
	DeliveryLatency = Def{Name: "ws_delivery_latency_seconds", Kind: Histogram,
		Buckets: []float64{0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10},
		Help:    "Seconds from a record's timestamp to the kernel's taking its message, for live connections, one sample a sweep."}

	// Commands counts by type and result.
	Commands = Def{Name: "ws_commands_total", Kind: Counter, Labels: []string{"type", "result"},
		Help: "Number of client commands since the start, by type (other when unknown) and result: ok, or the error code sent."}
	// Resumes counts events of subscribes with a cursor.
	Resumes = Def{Name: "ws_resumes_total", Kind: Counter, Labels: []string{"result"},
		Help: "Number of subscribes with a cursor since the start: recovered, or lost when at least one event was not recoverable."}

	// KafkaRecords counts records read, by event.
	KafkaRecords = Def{Name: "ws_kafka_records_total", Kind: Counter, Labels: []string{"event"},
		Help: "Number of Kafka records read since the start, by event, skipped ones included."}
	// KafkaRecordsSkipped counts records that have no channel to go to.
	KafkaRecordsSkipped = Def{Name: "ws_kafka_records_skipped_total", Kind: Counter, Labels: []string{"reason"},
		Help: "Number of Kafka records without a usable symbol since the start, by what is wrong with it."}
	// KafkaGapRecords counts offsets that the log lost before they were read.
	KafkaGapRecords = Def{Name: "ws_kafka_gap_records_total", Kind: Counter, Labels: []string{"event"},
		Help: "Number of offsets since the start that the log lost before they were read (retention, truncation), by event."}
	// KafkaLag is high watermark less position, over all partitions.
	KafkaLag = Def{Name: "ws_kafka_lag_records", Kind: Gauge, Labels: []string{"event"},
		Help: "Number of offsets between the position read and the log's high watermark, over all partitions, by event."}
	// KafkaUp is 1 while a broker answers.
	KafkaUp = Def{Name: "ws_kafka_up", Kind: Gauge,
		Help: "1 while at least one Kafka broker is connected, else 0."}
	// KafkaPaused is 1 while the guard holds reading back.
	KafkaPaused = Def{Name: "ws_kafka_paused", Kind: Gauge,
		Help: "1 while reading from Kafka is paused by a resource guard, else 0; nothing is dropped."}
	// Ready is what /readyz says.
	Ready = Def{Name: "ws_ready", Kind: Gauge,
		Help: "1 when the server is ready for clients, else 0; as /readyz."}
	// Draining is 1 from SIGTERM or POST /drain.
	Draining = Def{Name: "ws_draining", Kind: Gauge,
		Help: "1 while the server drains, else 0."}

	// HistoryBytes is what the history holds in memory.
	HistoryBytes = Def{Name: "ws_history_bytes", Kind: Gauge,
		Help: "Bytes of memory that the history of recent messages takes."}
	// HistoryRecords is how many messages the history holds.
	HistoryRecords = Def{Name: "ws_history_records", Kind: Gauge,
		Help: "Number of messages in the history."}
	// HistoryAge is the reach of resumes in time.
	HistoryAge = Def{Name: "ws_history_age_seconds", Kind: Gauge,
		Help: "Seconds since the oldest message in the history was read: how far back a client can resume."}

	// LoopBusy is the share of time that a loop works.
	LoopBusy = Def{Name: "ws_loop_busy_ratio", Kind: Gauge, Labels: []string{"shard"},
		Help: "Share of the last second, 0 to 1, that a loop was working rather than waiting, by shard."}
	// LoopTurn is the length of one turn of a loop.
	LoopTurn = Def{Name: "ws_loop_turn_seconds", Kind: Histogram, Labels: []string{"shard"},
		Buckets: []float64{0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1},
		Help:    "Seconds that one turn of a loop took, by shard."}
	// LoopLag is what a loop has not swept yet.
	LoopLag = Def{Name: "ws_loop_lag_records", Kind: Gauge, Labels: []string{"shard"},
		Help: "Number of records in the history that a loop has not yet offered to its connections, by shard."}
	// ShardConnections are Connections by shard.
	ShardConnections = Def{Name: "ws_shard_connections", Kind: Gauge, Labels: []string{"shard"},
		Help: "Number of connections open now, by shard."}

	// CPU is the process' use of the cores that the variant uses.
	CPU = Def{Name: "ws_cpu_ratio", Kind: Gauge,
		Help: "CPU time of the process in the last interval as a share, 0 to 1, of the cores that it may use."}
	// CPUThrottled is cpu.stat's throttled time.
	CPUThrottled = Def{Name: "ws_cpu_throttled_seconds_total", Kind: Counter,
		Help: "Seconds that the cgroup's CPU quota has held the process up (cpu.stat)."}
	// Memory is what the process and its sockets take.
	Memory = Def{Name: "ws_memory_bytes", Kind: Gauge, Labels: []string{"kind"},
		Help: "Bytes of memory in use: go is the Go runtime's, native librdkafka's and other C memory, kernel the sockets' buffers."}
	// MemoryLimit is what the guard measures Memory against.
	MemoryLimit = Def{Name: "ws_memory_limit_bytes", Kind: Gauge,
		Help: "Bytes of memory that the guard allows in all; 0 when there is no limit."}

	// LogLinesLost is what a full disk or a broken pipe cost the log: a log cannot tell it itself.
	LogLinesLost = Def{Name: "ws_log_lines_lost_total", Kind: Counter,
		Help: "Number of log lines that could not be written since the start, for want of room on the disk or the like."}
)

// All lists every metric, in the order of this package.
func All() []Def {
	return []Def{
		BuildInfo,
		Connections, ConnectionsBehind, ConnectionsOpened, ConnectionsClosed, ConnectionsRejected,
		MessagesSent, BytesSent, MessagesMerged, MessagesReplayed, DeliveryLatency,
		Commands, Resumes,
		KafkaRecords, KafkaRecordsSkipped, KafkaGapRecords, KafkaLag,
		KafkaUp, KafkaPaused, Ready, Draining,
		HistoryBytes, HistoryRecords, HistoryAge,
		LoopBusy, LoopTurn, LoopLag, ShardConnections,
		CPU, CPUThrottled, Memory, MemoryLimit,
		LogLinesLost,
	}
}
