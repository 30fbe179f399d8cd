// What this package uses of librdkafka's public interface (its rdkafka.h, version
// 2.11.1). The library itself comes with confluent-kafka-go, which does not put
// its header where cgo finds it. TestHeader compiles this file together with the
// real one, so a declaration that differs fails the test.
//
// Weak, because cgo links this package once alone to see what it imports. All of
// it is there in a program: confluent-kafka-go calls the same parts.

#ifndef LIBRDKAFKA_H
#define LIBRDKAFKA_H

#include <stddef.h>
#include <stdint.h>

#define LIBRDKAFKA_VERSION 0x020b01ff

#ifndef _RDKAFKA_H_ // the real one

typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_conf_s rd_kafka_conf_t;
typedef struct rd_kafka_queue_s rd_kafka_queue_t;
typedef struct rd_kafka_op_s rd_kafka_event_t;
typedef struct rd_kafka_topic_s rd_kafka_topic_t;
typedef struct rd_kafka_error_s rd_kafka_error_t;
typedef struct rd_kafka_headers_s rd_kafka_headers_t;
typedef struct rd_kafka_topic_partition_list_s rd_kafka_topic_partition_list_t;
typedef int rd_kafka_resp_err_t; // an enum there
typedef int rd_kafka_conf_res_t;
typedef int rd_kafka_type_t;
typedef int rd_kafka_timestamp_type_t;

typedef struct rd_kafka_message_s {
	rd_kafka_resp_err_t err;
	rd_kafka_topic_t *rkt;
	int32_t partition;
	void *payload;
	size_t len;
	void *key;
	size_t key_len;
	int64_t offset;
	void *_private;
} rd_kafka_message_t;

typedef struct rd_kafka_topic_partition_s {
	char *topic;
	int32_t partition;
	int64_t offset;
	void *metadata;
	size_t metadata_size;
	void *opaque;
	rd_kafka_resp_err_t err;
	void *_private;
} rd_kafka_topic_partition_t;

#define RD_KAFKA_CONSUMER 1
#define RD_KAFKA_CONF_OK 0
#define RD_KAFKA_EVENT_FETCH 0x2
#define RD_KAFKA_EVENT_ERROR 0x8
#define RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE 0x8
#define RD_KAFKA_RESP_ERR__PARTITION_EOF -191

#endif

#pragma weak rd_kafka_version
#pragma weak rd_kafka_err2name
#pragma weak rd_kafka_conf_new
#pragma weak rd_kafka_conf_set
#pragma weak rd_kafka_conf_set_events
#pragma weak rd_kafka_conf_set_log_cb
#pragma weak rd_kafka_conf_set_opaque
#pragma weak rd_kafka_conf_destroy
#pragma weak rd_kafka_new
#pragma weak rd_kafka_opaque
#pragma weak rd_kafka_destroy_flags
#pragma weak rd_kafka_queue_get_main
#pragma weak rd_kafka_queue_get_consumer
#pragma weak rd_kafka_queue_destroy
#pragma weak rd_kafka_queue_poll
#pragma weak rd_kafka_queue_io_event_enable
#pragma weak rd_kafka_event_type
#pragma weak rd_kafka_event_message_next
#pragma weak rd_kafka_event_error
#pragma weak rd_kafka_event_error_string
#pragma weak rd_kafka_event_error_is_fatal
#pragma weak rd_kafka_event_topic_partition
#pragma weak rd_kafka_event_destroy
#pragma weak rd_kafka_message_timestamp
#pragma weak rd_kafka_message_headers
#pragma weak rd_kafka_header_get_last
#pragma weak rd_kafka_topic_name
#pragma weak rd_kafka_topic_partition_destroy
#pragma weak rd_kafka_topic_partition_list_new
#pragma weak rd_kafka_topic_partition_list_add
#pragma weak rd_kafka_topic_partition_list_destroy
#pragma weak rd_kafka_incremental_assign
#pragma weak rd_kafka_incremental_unassign
#pragma weak rd_kafka_error_string
#pragma weak rd_kafka_error_destroy

int rd_kafka_version(void);
const char *rd_kafka_err2name(rd_kafka_resp_err_t err);

rd_kafka_conf_t *rd_kafka_conf_new(void);
rd_kafka_conf_res_t rd_kafka_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, char *errstr, size_t errstr_size);
void rd_kafka_conf_set_events(rd_kafka_conf_t *conf, int events);
void rd_kafka_conf_set_log_cb(rd_kafka_conf_t *conf, void (*log_cb)(const rd_kafka_t *rk, int level, const char *fac, const char *buf));
void rd_kafka_conf_set_opaque(rd_kafka_conf_t *conf, void *opaque);
void rd_kafka_conf_destroy(rd_kafka_conf_t *conf);

rd_kafka_t *rd_kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, char *errstr, size_t errstr_size);
void *rd_kafka_opaque(const rd_kafka_t *rk);
void rd_kafka_destroy_flags(rd_kafka_t *rk, int flags);

rd_kafka_queue_t *rd_kafka_queue_get_main(rd_kafka_t *rk);
rd_kafka_queue_t *rd_kafka_queue_get_consumer(rd_kafka_t *rk);
void rd_kafka_queue_destroy(rd_kafka_queue_t *rkqu);
rd_kafka_event_t *rd_kafka_queue_poll(rd_kafka_queue_t *rkqu, int timeout_ms);
void rd_kafka_queue_io_event_enable(rd_kafka_queue_t *rkqu, int fd, const void *payload, size_t size);

int rd_kafka_event_type(const rd_kafka_event_t *rkev);
const rd_kafka_message_t *rd_kafka_event_message_next(rd_kafka_event_t *rkev);
rd_kafka_resp_err_t rd_kafka_event_error(rd_kafka_event_t *rkev);
const char *rd_kafka_event_error_string(rd_kafka_event_t *rkev);
int rd_kafka_event_error_is_fatal(rd_kafka_event_t *rkev);
rd_kafka_topic_partition_t *rd_kafka_event_topic_partition(rd_kafka_event_t *rkev);
void rd_kafka_event_destroy(rd_kafka_event_t *rkev);

int64_t rd_kafka_message_timestamp(const rd_kafka_message_t *rkmessage, rd_kafka_timestamp_type_t *tstype);
rd_kafka_resp_err_t rd_kafka_message_headers(const rd_kafka_message_t *rkmessage, rd_kafka_headers_t **hdrsp);
rd_kafka_resp_err_t rd_kafka_header_get_last(const rd_kafka_headers_t *hdrs, const char *name, const void **valuep, size_t *sizep);
const char *rd_kafka_topic_name(const rd_kafka_topic_t *rkt);

void rd_kafka_topic_partition_destroy(rd_kafka_topic_partition_t *rktpar);
rd_kafka_topic_partition_list_t *rd_kafka_topic_partition_list_new(int size);
rd_kafka_topic_partition_t *rd_kafka_topic_partition_list_add(rd_kafka_topic_partition_list_t *rktparlist, const char *topic, int32_t partition);
void rd_kafka_topic_partition_list_destroy(rd_kafka_topic_partition_list_t *rkparlist);
rd_kafka_error_t *rd_kafka_incremental_assign(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *partitions);
rd_kafka_error_t *rd_kafka_incremental_unassign(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *partitions);
const char *rd_kafka_error_string(const rd_kafka_error_t *error);
void rd_kafka_error_destroy(rd_kafka_error_t *error);

#endif
