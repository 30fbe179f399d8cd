#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// An eventfd takes eight bytes, a number in the machine's order (eventfd(2)).
static const uint64_t ring = 1;

int client_version(void) {
	return rd_kafka_version ? rd_kafka_version() : 0;
}

// on_log runs on whichever of librdkafka's threads logs, with locks of
// librdkafka held.
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text) {
	client_t *c = rk ? rd_kafka_opaque(rk) : NULL;
	if (!c)
		return;
	int of_id = strstr(text, " changed id from ") != NULL;
	if (level > c->level && !of_id)
		return;
	size_t n = strlen(text);
	pthread_mutex_lock(&c->lock);
	if (n + 2 <= LOG_BYTES - c->length) {
		c->log[c->length] = (char)level;
		memcpy(c->log + c->length + 1, text, n + 1);
		c->length += n + 2;
	} else if (of_id) {
		c->missed = 1;
	}
	pthread_mutex_unlock(&c->lock);
	__atomic_store_n(&c->logged, 1, __ATOMIC_SEQ_CST);
	while (write(c->alarm, &ring, sizeof ring) < 0 && errno == EINTR)
		;
}

size_t client_log(client_t *c, char *log, int *missed) {
	__atomic_store_n(&c->logged, 0, __ATOMIC_SEQ_CST); // first, so that a line that comes now counts
	pthread_mutex_lock(&c->lock);
	size_t n = c->length;
	memcpy(log, c->log, n);
	*missed = c->missed;
	c->length = 0;
	c->missed = 0;
	pthread_mutex_unlock(&c->lock);
	return n;
}

client_t *client_new(const char **pairs, int count, int alarm, int level, char *text, size_t size) {
	client_t *c = calloc(1, sizeof *c);
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	c->alarm = alarm;
	c->level = level;
	pthread_mutex_init(&c->lock, NULL);
	for (int i = 0; i < count; i++)
		if (rd_kafka_conf_set(conf, pairs[2 * i], pairs[2 * i + 1], text, size) != RD_KAFKA_CONF_OK)
			goto refused;
	rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_ERROR);
	rd_kafka_conf_set_opaque(conf, c);
	rd_kafka_conf_set_log_cb(conf, on_log);
	c->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, size);
	if (!c->rk)
		goto refused;
	c->general = rd_kafka_queue_get_main(c->rk);
	c->fetched = rd_kafka_queue_get_consumer(c->rk);
	rd_kafka_queue_io_event_enable(c->general, alarm, &ring, sizeof ring);
	rd_kafka_queue_io_event_enable(c->fetched, alarm, &ring, sizeof ring);
	return c;

refused: // rd_kafka_new, too, leaves conf to us then
	rd_kafka_conf_destroy(conf);
	pthread_mutex_destroy(&c->lock);
	free(c);
	return NULL;
}

static void give_back(client_t *c) {
	for (int i = 0; i < c->count; i++) {
		if (c->events[i].place)
			rd_kafka_topic_partition_destroy(c->events[i].place);
		rd_kafka_event_destroy(c->events[i].holder);
	}
	c->count = 0;
	c->bytes = 0;
}

// read_record takes the record of a fetch event; protocol.md section 1 says what
// its symbol is.
static int read_record(event_t *e) {
	const rd_kafka_message_t *m = rd_kafka_event_message_next(e->holder);
	rd_kafka_headers_t *headers;
	if (!m)
		return 0;
	e->kind = IS_RECORD;
	e->handle = m->rkt;
	e->topic = rd_kafka_topic_name(m->rkt);
	e->partition = m->partition;
	e->offset = m->offset;
	e->timestamp = rd_kafka_message_timestamp(m, NULL);
	e->value = m->payload;
	e->value_bytes = m->len;
	if (rd_kafka_message_headers(m, &headers) != 0 || rd_kafka_header_get_last(headers, "symbol", &e->symbol, &e->symbol_bytes) != 0) {
		e->symbol = m->key;
		e->symbol_bytes = m->key_len;
	}
	return 1;
}

static int read_fault(event_t *e) {
	e->code = rd_kafka_event_error(e->holder);
	e->kind = e->code == RD_KAFKA_RESP_ERR__PARTITION_EOF ? IS_END : IS_FAULT;
	e->fatal = rd_kafka_event_error_is_fatal(e->holder);
	e->text = rd_kafka_event_error_string(e->holder);
	e->partition = -1;
	e->place = rd_kafka_event_topic_partition(e->holder);
	if (e->place) {
		e->topic = e->place->topic;
		e->partition = e->place->partition;
		e->offset = e->place->offset;
	}
	return 1;
}

static void take_from(client_t *c, rd_kafka_queue_t *queue, int max) {
	rd_kafka_event_t *holder;
	while (c->count < max && c->bytes < RUN_BYTES && (holder = rd_kafka_queue_poll(queue, 0))) {
		event_t *e = &c->events[c->count];
		int type = rd_kafka_event_type(holder);
		memset(e, 0, sizeof *e);
		e->holder = holder;
		if (type == RD_KAFKA_EVENT_FETCH ? read_record(e) : type == RD_KAFKA_EVENT_ERROR && read_fault(e))
			c->bytes += e->value_bytes, c->count++;
		else
			rd_kafka_event_destroy(holder);
	}
}

int client_take(client_t *c, int max, int records) {
	give_back(c);
	take_from(c, c->general, max);
	if (records)
		take_from(c, c->fetched, max);
	c->more = c->count >= max || c->bytes >= RUN_BYTES;
	return c->count;
}

char *client_move(client_t *c, int add, const char **topics, const int32_t *partitions, const int64_t *offsets, int count) {
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
	for (int i = 0; i < count; i++)
		rd_kafka_topic_partition_list_add(list, topics[i], partitions[i])->offset = offsets[i];
	rd_kafka_error_t *error = add ? rd_kafka_incremental_assign(c->rk, list) : rd_kafka_incremental_unassign(c->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	if (!error)
		return NULL;
	char *why = strdup(rd_kafka_error_string(error));
	rd_kafka_error_destroy(error);
	return why;
}

void client_destroy(client_t *c) {
	give_back(c);
	rd_kafka_queue_io_event_enable(c->general, -1, NULL, 0);
	rd_kafka_queue_io_event_enable(c->fetched, -1, NULL, 0);
	rd_kafka_queue_destroy(c->general);
	rd_kafka_queue_destroy(c->fetched);
	// There is no group to leave, so nothing to wait for.
	rd_kafka_destroy_flags(c->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	pthread_mutex_destroy(&c->lock); // lines came until now
	free(c);
}
