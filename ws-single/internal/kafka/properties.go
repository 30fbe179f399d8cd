package kafka

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

const (
	// QueueBytes bounds what librdkafka has fetched and we have not read.
	QueueBytes = 64 << 20
	// fetchBytes bounds one answer of a broker, by which the queue may overshoot.
	fetchBytes = 16 << 20

	statisticsInterval = 5 * time.Second
)

// clientProperties are those of every connection.
func clientProperties(cfg Config) kafka.ConfigMap {
	m := kafka.ConfigMap{
		"bootstrap.servers": strings.Join(cfg.Brokers, ","),
		"client.id":         "ws-single",
		// librdkafka fetches for a group only, member or not; we join none.
		"group.id":           "ws-single-no-group",
		"enable.auto.commit": false,
		// What goes wrong arrives as events, and those are logged.
		"log_level": 0,
		// A broker that is back is found within a second.
		"reconnect.backoff.ms":               100,
		"reconnect.backoff.max.ms":           1000,
		"socket.timeout.ms":                  10_000,
		"socket.connection.setup.timeout.ms": 10_000,
		"socket.keepalive.enable":            true,
		"enable.metrics.push":                false,
	}
	for name, value := range map[string]string{
		"security.protocol":        cfg.SecurityProtocol,
		"sasl.mechanism":           cfg.SASLMechanism,
		"sasl.username":            cfg.SASLUsername,
		"sasl.password":            cfg.SASLPassword,
		"ssl.ca.location":          cfg.SSLCALocation,
		"ssl.certificate.location": cfg.SSLCertificateLocation,
		"ssl.key.location":         cfg.SSLKeyLocation,
		"ssl.key.password":         cfg.SSLKeyPassword,
	} {
		if value != "" {
			m[name] = value
		}
	}
	for name, value := range cfg.Properties {
		m[name] = value
	}
	return m
}

// readerProperties are those of the client that reads records.
func readerProperties(cfg Config) kafka.ConfigMap {
	m := kafka.ConfigMap{
		"isolation.level":      "read_committed",
		"auto.offset.reset":    "error", // a position outside the log is a gap to tell, not to jump over
		"enable.partition.eof": true,
		// No member of a group, nobody to leave: a long pause is no fault.
		"max.poll.interval.ms": 86_400_000,
		// With its defaults librdkafka takes its queue for full all the time
		// and then looks away for a second: p50 was 343 ms, this way 0.4 ms.
		"fetch.queue.backoff.ms":     5,
		"queued.min.messages":        10_000_000,
		"queued.max.messages.kbytes": QueueBytes >> 10,
		"fetch.max.bytes":            fetchBytes,
		"fetch.error.backoff.ms":     100,
		"statistics.interval.ms":     int(statisticsInterval.Milliseconds()),
	}
	maps.Copy(m, clientProperties(cfg))
	return m
}

// printLevel is up to which level (syslog(3)) the operator wants to see
// librdkafka's own log; -1: not at all.
func printLevel(cfg Config) int {
	if level, err := strconv.Atoi(cfg.Properties["log_level"]); err == nil {
		return level
	}
	if cfg.Properties["debug"] != "" {
		return 7
	}
	return -1
}

// checkProperties refuses what would break a promise, and lets librdkafka
// judge the rest on a client that has nobody to connect to.
func checkProperties(cfg Config) error {
	for _, name := range slices.Sorted(maps.Keys(cfg.Properties)) {
		if why := refused(name); why != "" {
			return fmt.Errorf("KAFKA_PROPERTIES: %s %s", name, why)
		}
	}
	m := readerProperties(cfg)
	delete(m, "bootstrap.servers")
	client, err := kafka.NewConsumer(&m)
	if err != nil {
		var kerr kafka.Error
		if errors.As(err, &kerr) {
			// Without the code, which only says "invalid argument".
			err = errors.New(strings.TrimSpace(kerr.String()))
		}
		return fmt.Errorf("%s: %w (its names and values: https://github.com/confluentinc/librdkafka/blob/v2.11.1/CONFIGURATION.md)", culprit(cfg, err.Error()), err)
	}
	if err := client.Close(); err != nil {
		return fmt.Errorf("close librdkafka's trial client: %w", err)
	}
	return nil
}

// culprit is the setting that librdkafka complains of, as far as the complaint
// names a property, and what is said of it.
func culprit(cfg Config, complaint string) string {
	for _, name := range slices.Sorted(maps.Keys(cfg.Properties)) {
		if strings.Contains(complaint, strconv.Quote(name)) {
			return "KAFKA_PROPERTIES: librdkafka does not take " + name
		}
	}
	for _, name := range []string{
		"security.protocol", "sasl.mechanism", "sasl.username", "sasl.password",
		"ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.key.password",
	} {
		if strings.Contains(complaint, name) {
			return "KAFKA_" + strings.ToUpper(strings.ReplaceAll(name, ".", "_")) + ": librdkafka does not take it"
		}
	}
	return "librdkafka refuses the KAFKA_* settings"
}

// refused says why a property must not be set, and what to do instead. "": it may.
func refused(name string) string {
	if why, ok := refusedProperties[name]; ok {
		return why
	}
	for _, r := range refusedPrefixes {
		if strings.HasPrefix(name, r.prefix) {
			return r.why
		}
	}
	return ""
}

const (
	whyOwn      = "is not to be set: the server depends on its own value; leave it out"
	whyGroup    = "is not to be set: every instance reads every partition, without a consumer group; leave it out"
	whyCommit   = "is not to be set: nothing is committed, clients bring their own position; leave it out"
	whyProducer = "is not to be set: it is a producer's, and the server only reads; leave it out"
	whyGo       = "is no property of librdkafka; leave it out"
)

var refusedProperties = map[string]string{
	"bootstrap.servers":    "is not to be set: use KAFKA_BROKERS",
	"metadata.broker.list": "is not to be set: use KAFKA_BROKERS",

	"security.protocol":        "is not to be set: use KAFKA_SECURITY_PROTOCOL",
	"sasl.mechanism":           "is not to be set: use KAFKA_SASL_MECHANISM",
	"sasl.mechanisms":          "is not to be set: use KAFKA_SASL_MECHANISM",
	"sasl.username":            "is not to be set: use KAFKA_SASL_USERNAME",
	"sasl.password":            "is not to be set: use KAFKA_SASL_PASSWORD",
	"ssl.ca.location":          "is not to be set: use KAFKA_SSL_CA_LOCATION",
	"ssl.certificate.location": "is not to be set: use KAFKA_SSL_CERTIFICATE_LOCATION",
	"ssl.key.location":         "is not to be set: use KAFKA_SSL_KEY_LOCATION",
	"ssl.key.password":         "is not to be set: use KAFKA_SSL_KEY_PASSWORD",

	"auto.offset.reset":        "is not to be set: a position outside the log is told to clients as a gap; leave it out",
	"isolation.level":          "is not to be set: only committed records are served; leave it out",
	"enable.partition.eof":     whyOwn,
	"statistics.interval.ms":   whyOwn,
	"log.queue":                whyOwn,
	"max.poll.interval.ms":     whyOwn,
	"topic.blacklist":          "is not to be set: choose topics by KAFKA_TOPICS",
	"allow.auto.create.topics": "is not to be set: a server that reads makes no topics; leave it out",

	"session.timeout.ms":            whyGroup,
	"heartbeat.interval.ms":         whyGroup,
	"coordinator.query.interval.ms": whyGroup,
	"enable.auto.commit":            whyCommit,
	"enable.auto.offset.store":      whyCommit,
	"auto.commit.enable":            whyCommit,
	"auto.commit.interval.ms":       whyCommit,

	"acks":                  whyProducer,
	"request.required.acks": whyProducer,
	"request.timeout.ms":    whyProducer,
	"enable.idempotence":    whyProducer,
	"linger.ms":             whyProducer,
	"message.timeout.ms":    whyProducer,
	"delivery.timeout.ms":   whyProducer,
	"partitioner":           whyProducer,
	"retries":               whyProducer,
}

var refusedPrefixes = []struct{ prefix, why string }{
	{"group.", whyGroup},
	{"partition.assignment.", whyGroup},
	{"offset.store.", whyCommit},
	{"queue.buffering.", whyProducer},
	{"transaction", whyProducer},
	{"batch.", whyProducer},
	{"compression.", whyProducer},
	{"message.send.", whyProducer},
	{"sticky.partitioning.", whyProducer},
	{"go.", whyGo},
	{"{topic}", whyGo},
	{"default.topic.config", whyGo},
}
