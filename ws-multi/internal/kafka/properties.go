package kafka

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const (
	// QueueBytes bounds what librdkafka has fetched and the sink has not taken,
	// unless KAFKA_PROPERTIES says otherwise.
	QueueBytes = 64 << 20
	// answerBytes bounds one broker's answer, by which the queue may be more.
	answerBytes = 16 << 20
)

// connectionProperties are what every client of ours is made with.
func connectionProperties(cfg Config) map[string]string {
	m := map[string]string{
		"bootstrap.servers": strings.Join(cfg.Brokers, ","),
		"client.id":         "ws-multi",
		// librdkafka fetches nothing without the name of a group. None is joined.
		"group.id":                 "ws-multi-joins-no-group",
		"enable.auto.commit":       "false",
		"enable.auto.offset.store": "false",
		"enable.metrics.push":      "false",
		// What goes wrong comes as an event, and is logged as ours.
		"log_level": "0",
		// A broker that is back is noticed within a second.
		"reconnect.backoff.ms":               "100",
		"reconnect.backoff.max.ms":           "1000",
		"socket.connection.setup.timeout.ms": "10000",
		"socket.timeout.ms":                  "10000",
		"socket.keepalive.enable":            "true",
	}
	given := map[string]string{
		"security.protocol":        cfg.SecurityProtocol,
		"sasl.mechanism":           cfg.SASLMechanism,
		"sasl.username":            cfg.SASLUsername,
		"sasl.password":            cfg.SASLPassword,
		"ssl.ca.location":          cfg.SSLCALocation,
		"ssl.certificate.location": cfg.SSLCertificateLocation,
		"ssl.key.location":         cfg.SSLKeyLocation,
		"ssl.key.password":         cfg.SSLKeyPassword,
	}
	maps.DeleteFunc(given, func(_, value string) bool { return value == "" })
	maps.Copy(m, given)
	maps.Copy(m, cfg.Properties)
	return m
}

// readerProperties are those of the client that reads.
func readerProperties(cfg Config) map[string]string {
	m := map[string]string{
		"isolation.level":      "read_committed",
		"enable.partition.eof": "true",
		// A position outside the log is told as a gap, never jumped from.
		"auto.offset.reset": "error",
		// Held reading is no fault: there is no group to be thrown out of.
		"max.poll.interval.ms": "86400000",
		// With librdkafka's own defaults its queue is "full" of little, and then
		// it fetches nothing for a second: p50 was 343 ms. So the queue is
		// bounded by bytes, and what is full is looked at again soon.
		"fetch.queue.backoff.ms":     "5",
		"queued.min.messages":        "10000000",
		"queued.max.messages.kbytes": strconv.Itoa(QueueBytes >> 10),
		"fetch.max.bytes":            strconv.Itoa(answerBytes),
		"fetch.error.backoff.ms":     "100",
	}
	maps.Copy(m, connectionProperties(cfg))
	return m
}

// logLevel is up to where (syslog(3)) librdkafka's own log is wanted; -1: it is not.
func logLevel(cfg Config) int {
	given, byDefault := cfg.Properties["log_level"], -1
	if _, debug := cfg.Properties["debug"]; debug {
		byDefault = 7
	}
	if level, err := strconv.Atoi(given); err == nil {
		return level
	}
	return byDefault
}

// checkProperties refuses what would break a promise, and has librdkafka judge
// the rest by a client that has nobody to connect to.
func checkProperties(cfg Config) error {
	for _, name := range slices.Sorted(maps.Keys(cfg.Properties)) {
		if advice := reserved(name); advice != "" {
			return fmt.Errorf("KAFKA_PROPERTIES: %s cannot be set there: %s", name, advice)
		}
	}
	m := readerProperties(cfg)
	delete(m, "bootstrap.servers")
	alarm, err := newAlarm()
	if err != nil {
		return err
	}
	defer alarm.close()
	trial, err := newNative(m, nil, alarm.fd, -1, func(string) {})
	if err == nil {
		trial.close()
		return nil
	}
	setting := "KAFKA_PROPERTIES, KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_*, KAFKA_SSL_*"
	for name := range cfg.Properties {
		if strings.Contains(err.Error(), `"`+name+`"`) {
			setting = "KAFKA_PROPERTIES: " + name
		}
	}
	for _, property := range slices.Sorted(maps.Keys(settings)) {
		if strings.Contains(err.Error(), property) {
			setting = settings[property]
		}
	}
	return fmt.Errorf("%s: librdkafka refuses it: %w; all its properties: https://github.com/confluentinc/librdkafka/blob/v2.11.1/CONFIGURATION.md", setting, errors.New(oneLine(err.Error())))
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// settings are the properties that have a setting of their own.
var settings = map[string]string{
	"bootstrap.servers":        "KAFKA_BROKERS",
	"metadata.broker.list":     "KAFKA_BROKERS",
	"security.protocol":        "KAFKA_SECURITY_PROTOCOL",
	"sasl.mechanism":           "KAFKA_SASL_MECHANISM",
	"sasl.mechanisms":          "KAFKA_SASL_MECHANISM",
	"sasl.username":            "KAFKA_SASL_USERNAME",
	"sasl.password":            "KAFKA_SASL_PASSWORD",
	"ssl.ca.location":          "KAFKA_SSL_CA_LOCATION",
	"ssl.certificate.location": "KAFKA_SSL_CERTIFICATE_LOCATION",
	"ssl.key.location":         "KAFKA_SSL_KEY_LOCATION",
	"ssl.key.password":         "KAFKA_SSL_KEY_PASSWORD",
}

// reserved says what to do instead of setting a property; empty: it may be set.
func reserved(name string) string {
	if setting, ok := settings[name]; ok {
		return "use " + setting
	}
	for _, rule := range reservations {
		for pattern := range strings.FieldsSeq(rule.names) {
			beginning, open := strings.CutSuffix(pattern, "*")
			if name == pattern || open && strings.HasPrefix(name, beginning) {
				return rule.advice
			}
		}
	}
	return ""
}

// reservations are properties that would break a promise, or do nothing. A name
// that ends in * stands for all that begin so.
var reservations = []struct{ advice, names string }{
	{"a position outside the log is told to clients as a gap, so leave it out", "auto.offset.reset"},
	{"only committed records are served, so leave it out", "isolation.level"},
	{"the server rests on its own value, so leave it out", "enable.partition.eof max.poll.interval.ms log.queue log.thread.name statistics.interval.ms enabled_events log_cb opaque"},
	{"topics are chosen by KAFKA_TOPICS", "topic.blacklist"},
	{"a server that reads makes no topics, so leave it out", "allow.auto.create.topics"},
	{"each instance reads everything, in no consumer group, so leave it out", "group.* partition.assignment.* session.timeout.ms heartbeat.interval.ms coordinator.query.interval.ms"},
	{"nothing is committed, as clients bring their own positions, so leave it out", "enable.auto.commit enable.auto.offset.store auto.commit.* offset.store.*"},
	{"it is a producer's, and the server only reads, so leave it out", "acks request.required.acks request.timeout.ms enable.idempotence enable.gapless.guarantee linger.ms message.timeout.ms delivery.timeout.ms delivery.report.* partitioner msg_order_cmp retries message.send.* queue.buffering.* queuing.strategy produce.* transaction* batch.* compression.* sticky.partitioning.* dr_cb dr_msg_cb"},
	{"it is no property of librdkafka, so leave it out", "go.* {topic}* default.topic.config"},
}
