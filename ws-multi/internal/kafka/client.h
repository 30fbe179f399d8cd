// One librdkafka consumer as this package uses it: what it fetched is taken in
// runs, one call from Go for up to MAX_RUN events, and its log is looked through
// for what the application is told in no other way.

#ifndef CLIENT_H
#define CLIENT_H

#include <pthread.h>

#include "librdkafka.h"

#define MAX_RUN 256
#define RUN_BYTES (1 << 20) // of values; librdkafka's own bound counts only what was not taken
#define LOG_BYTES (64 << 10)

enum { IS_RECORD = 1, IS_END, IS_FAULT };

// event_t is one event. What its pointers lead to lasts until the next
// client_take or client_destroy.
typedef struct {
	int kind;
	int code;  // IS_FAULT: librdkafka's
	int fatal; // IS_FAULT
	int32_t partition;
	int64_t offset;
	int64_t timestamp; // Unix milliseconds, -1: none
	const void *handle; // the same for all records of a topic; NULL: see topic
	const char *topic;  // NULL: of no topic
	const void *symbol; // NULL: there is none
	size_t symbol_bytes;
	const void *value; // NULL: a tombstone
	size_t value_bytes;
	const char *text; // IS_FAULT
	rd_kafka_event_t *holder;
	rd_kafka_topic_partition_t *place;
} event_t;

typedef struct {
	rd_kafka_t *rk;
	rd_kafka_queue_t *general; // errors that are of no partition
	rd_kafka_queue_t *fetched; // records, and what goes wrong with a partition
	int alarm;                 // eventfd, written to when there is something to take
	int more; // the last run was full
	int count;
	size_t bytes;
	event_t events[MAX_RUN];

	uint32_t logged; // not zero: log has something
	pthread_mutex_t lock; // over the rest, which librdkafka's threads fill
	int level;            // lines up to here are kept, and those of topic IDs
	int missed;           // a line of a topic ID found no room
	size_t length;
	char log[LOG_BYTES]; // for each line a byte of its level, its text, a zero
} client_t;

// client_new makes a client from count pairs of names and values. NULL: text
// says what librdkafka has against it.
client_t *client_new(const char **pairs, int count, int alarm, int level, char *text, size_t size);

// client_take frees what the last call gave, takes up to max events and little
// more than RUN_BYTES, records only where they are wanted, and returns how many.
// Unless more is set then there are no more, and the next one rings the alarm.
int client_take(client_t *c, int max, int records);

// client_move adds partitions to those being fetched, each from its offset on, or
// removes them. NULL: done; else why not, to be freed.
char *client_move(client_t *c, int add, const char **topics, const int32_t *partitions, const int64_t *offsets, int count);

// client_log copies the kept lines to log, of LOG_BYTES, and forgets them.
size_t client_log(client_t *c, char *log, int *missed);

// client_destroy ends the client with everything it has fetched.
void client_destroy(client_t *c);

// client_version is that of the librdkafka in this program, 0 if there is none.
int client_version(void);

#endif
