/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The evidence exchange against a host that answers in pieces, late, interrupted, or not by the rules. The host here has the bytes it
 * will send in one buffer; `piece` bounds each transfer, and a transfer may be interrupted before it moved anything.
 */
#include <linux/errno.h>

#include "kernel/fs/evidence.h"
#include "kernel/host.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/signal/signal.h"
#include "kernel/task/sync.h"
#include "kernel/task/task.h"
#include "lib/base/string.h"

/* Of libc, whose headers and Linux's do not go together. */
int printf(const char *format, ...), rand_r(unsigned int *seed);
noreturn_ void exit(int status), abort(void);
void *malloc(size_t size), *realloc(void *p, size_t size);
void free(void *p);

static unsigned int seed = 1;
#define CHECK(c)                                                                                 \
	do {                                                                                     \
		if (!(c)) {                                                                      \
			printf("%s:%d: not true: %s (seed %u)\n", __FILE__, __LINE__, #c, seed); \
			exit(1);                                                                 \
		}                                                                                \
	} while (0)

static uint8_t *reply;
static size_t reply_size, reply_at, piece, allocated;
static int interrupt_in; /* transfers until one is interrupted; negative: never */
static bool closed, signalled;
static struct evidence_request last;
static size_t request_at;
static void (*on_request)(void);

void panic(const char *format, ...)
{
	(void)format;
	abort();
}

void *kmalloc(size_t size)
{
	allocated++;
	return malloc(size);
}

void kfree(void *p)
{
	allocated -= p != NULL;
	free(p);
}

static bool interrupted(void)
{
	if (interrupt_in != 0) {
		interrupt_in -= interrupt_in > 0;
		return false;
	}
	interrupt_in = -1;
	signalled = true;
	return true;
}

static bool test_signal_pending(void)
{
	return signalled;
}

long host_write(int handle, const void *from, size_t size)
{
	CHECK(handle == 7 && !closed);
	if (interrupted())
		return -EINTR;
	size = MIN(size, piece);
	CHECK(request_at + size <= sizeof(last));
	memcpy((uint8_t *)&last + request_at, from, size);
	request_at += size;
	if (request_at == sizeof(last)) {
		request_at = 0;
		on_request();
	}
	return (long)size;
}

long host_read(int handle, void *to, size_t size)
{
	CHECK(handle == 7 && !closed);
	if (interrupted())
		return -EINTR;
	size = MIN(size, MIN(piece, reply_size - reply_at));
	memcpy(to, reply + reply_at, size);
	reply_at += size;
	return (long)size;
}

bool host_retry(long result)
{
	return result == -EINTR && !test_signal_pending();
}

void host_close(int handle)
{
	CHECK(handle == 7 && !closed);
	closed = true;
}

/* What sleeping needs is not under test: the exchange is always free here. */
#undef WAIT_EVENT
#define WAIT_EVENT(q, condition, deadline) ((condition) ? 0 : -EINTR)
#define signal_pending(t) test_signal_pending()
#define current() NULL
void wait_queue_init(struct wait_queue *q)
{
	(void)q;
}
void wake(struct wait_queue *q, unsigned int key)
{
	(void)q;
	(void)key;
}
#include "kernel/fs/evidence.c"

static void say(const void *data, size_t size)
{
	reply = realloc(reply, reply_size + size + 1);
	memcpy(reply + reply_size, data, size);
	reply_size += size;
}

static void answer(uint32_t sequence, int error, const char *body)
{
	struct evidence_answer head = { EVIDENCE_MAGIC, sequence, error, (uint32_t)strlen(body) };

	say(&head, sizeof(head));
	say(body, strlen(body));
}

static void honest(void)
{
	CHECK(last.magic == EVIDENCE_MAGIC && !last.reserved);
	if (last.operation == EVIDENCE_PROVIDER)
		answer(last.sequence, 0, "sim");
	else
		answer(last.sequence, 0, (char[]){ (char)last.report_data[0], 'e', 'v', 0 });
}

static void reset(void (*host)(void))
{
	kfree(exchange.body);
	memset(&exchange, 0, sizeof(exchange));
	evidence_init(7);
	reply_size = reply_at = request_at = 0;
	piece = 1 << 20;
	interrupt_in = -1;
	closed = signalled = false;
	on_request = host;
	CHECK(!allocated);
}

static int collect(char data, char *ret, size_t room)
{
	uint8_t in[EVIDENCE_DATA_SIZE] = { (uint8_t)data }, *out = NULL;
	size_t size = 0;
	int err = evidence_collect(in, &out, &size);

	if (!err) {
		CHECK(size < room);
		memcpy(ret, out, size);
		ret[size] = 0;
		kfree(out);
	}
	return err;
}

static void test_honest(void)
{
	char name[EVIDENCE_PROVIDER_MAX + 1], text[64];

	for (size_t p = 1; p < 100; p++) {
		reset(honest);
		piece = p;
		CHECK(!evidence_provider(name) && str_eq(name, "sim"));
		CHECK(!collect('a', text, sizeof(text)) && str_eq(text, "aev"));
		CHECK(!collect('b', text, sizeof(text)) && str_eq(text, "bev"));
		CHECK(!allocated);
	}
}

/* Interrupted after any number of transfers, the next call gets its own answer and not the one left over. */
static void test_interrupted(void)
{
	char text[64];

	for (int n = 0; n < 60; n++) {
		int err;

		reset(honest);
		piece = 3;
		interrupt_in = n;
		err = collect('a', text, sizeof(text));
		CHECK(!err || err == -ERESTARTSYS);
		CHECK(err || str_eq(text, "aev"));
		signalled = false;
		interrupt_in = -1;
		CHECK(!collect('b', text, sizeof(text)) && str_eq(text, "bev"));
		CHECK(!allocated && !closed);
	}
}

static struct evidence_answer bad_head;

static void send_bad(void)
{
	bad_head.sequence += last.sequence;
	say(&bad_head, sizeof(bad_head));
	say("xxxx", 4);
}

static void silent(void)
{
}

static void test_refused(void)
{
	static const struct evidence_answer heads[] = {
		{ 0, 0, 0, 4 },
		{ EVIDENCE_MAGIC, 1, 0, 4 },
		{ EVIDENCE_MAGIC, 0, 1, 0 },
		{ EVIDENCE_MAGIC, 0, -4096, 0 },
		{ EVIDENCE_MAGIC, 0, -5, 4 },
		{ EVIDENCE_MAGIC, 0, 0, EVIDENCE_MAX + 1 },
		{ EVIDENCE_MAGIC, 0, 0, 5 },
	};
	char text[64], name[EVIDENCE_PROVIDER_MAX + 1];

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		reset(send_bad);
		bad_head = heads[i];
		CHECK(collect('a', text, sizeof(text)) == -EIO && closed);
		CHECK(collect('a', text, sizeof(text)) == -ENXIO && !allocated); /* for good */
	}
	reset(silent);
	CHECK(collect('a', text, sizeof(text)) == -EIO && closed);
	reset(send_bad);
	bad_head = (struct evidence_answer){ EVIDENCE_MAGIC, 0, -13, 0 };
	CHECK(collect('a', text, sizeof(text)) == -13 && !closed);
	reset(send_bad);
	bad_head = (struct evidence_answer){ EVIDENCE_MAGIC, 0, 0, 0 };
	CHECK(collect('a', text, sizeof(text)) == -EIO && !allocated);
	reset(send_bad);
	bad_head = (struct evidence_answer){ EVIDENCE_MAGIC, 0, -13, 0 };
	CHECK(evidence_provider(name) == -ENXIO);
	reset(honest);
	evidence_init(-1);
	CHECK(evidence_provider(name) == -ENXIO && collect('a', text, sizeof(text)) == -ENXIO);
}

/* Any bytes at all: an error or evidence, never more than asked for, nothing lost. */
static void random_host(void)
{
	uint8_t bytes[80];

	bad_head = (struct evidence_answer){ EVIDENCE_MAGIC, last.sequence, 0,
					     (uint32_t)rand_r(&seed) % 64 };
	if (rand_r(&seed) % 4 == 0)
		((uint8_t *)&bad_head)[rand_r(&seed) % sizeof(bad_head)] ^= (uint8_t)rand_r(&seed);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)rand_r(&seed);
	say(&bad_head, sizeof(bad_head));
	say(bytes, (size_t)rand_r(&seed) % sizeof(bytes));
}

static void test_random(void)
{
	char text[4096], name[EVIDENCE_PROVIDER_MAX + 1];

	for (seed = 1; seed < 20000; seed += 7) {
		reset(random_host);
		piece = 1 + (size_t)rand_r(&seed) % 40;
		for (int i = 0; i < 6 && !closed; i++) {
			interrupt_in = rand_r(&seed) % 3 ? -1 : rand_r(&seed) % 20;
			if (rand_r(&seed) % 2)
				(void)!evidence_provider(name);
			else
				(void)!collect('r', text, sizeof(text));
			signalled = false;
		}
	}
	reset(honest);
}

int main(void)
{
	test_honest();
	test_interrupted();
	test_refused();
	test_random();
	free(reply);
	printf("evidence exchange: ok\n");
	return 0;
}
