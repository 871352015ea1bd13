/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exchange with the launcher over one socket (abi/evidence.h). One task at a time has it (`busy`); others wait and can be
 * interrupted. A task that a signal interrupts in the middle leaves what was read so far: the next one reads
 * that answer to its end and throws it away, as its sequence number is not its own. All that comes is the host's: magic, size and
 * error are checked, a wrong one ends the exchange for good.
 */
#include "kernel/fs/evidence.h"

#include <linux/errno.h>

#include "kernel/host.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/signal/signal.h"
#include "kernel/task/sync.h"
#include "kernel/task/task.h"
#include "lib/base/string.h"

static struct {
	int handle;
	struct wait_queue waiters;
	uint32_t busy, sequence;
	/* of whoever is busy */
	struct evidence_request request;
	size_t request_sent; /* bytes */
	bool request_due;
	unsigned int answers_due;
	struct evidence_answer head;
	size_t head_read, body_read;
	uint8_t *body;
} exchange = { .handle = -1 };

void evidence_init(int handle)
{
	exchange.handle = handle;
	wait_queue_init(&exchange.waiters);
}

/* Nothing can be told apart any more: no evidence from now on. */
static int give_up(void)
{
	kfree(exchange.body);
	exchange.body = NULL;
	host_close(exchange.handle);
	exchange.handle = -1;
	return -EIO;
}

/* Moves bytes until all are there; *done remembers them over an interruption. */
static int transfer(bool write, void *data, size_t size, size_t *done)
{
	while (*done < size) {
		uint8_t *at = (uint8_t *)data + *done;
		long n = write ? host_write(exchange.handle, at, size - *done)
			       : host_read(exchange.handle, at, size - *done);

		if (host_retry(n))
			continue;
		if (n == -EINTR)
			return -ERESTARTSYS;
		if (n <= 0)
			return give_up();
		*done += (size_t)n;
	}
	return 0;
}

static int send_due(void)
{
	int err = 0;

	if (exchange.request_due)
		err = transfer(true, &exchange.request, sizeof(exchange.request),
			       &exchange.request_sent);
	if (!err && exchange.request_due) {
		exchange.request_due = false;
		exchange.answers_due++;
	}
	return err;
}

/* One whole answer; its body (or NULL) is the caller's. */
static int read_answer(struct evidence_answer *ret_head, uint8_t **ret_body)
{
	struct evidence_answer *head = &exchange.head;
	int err = transfer(false, head, sizeof(*head), &exchange.head_read);

	if (err)
		return err;
	if (!exchange.body) { /* first time behind the head */
		if (head->magic != EVIDENCE_MAGIC || head->size > EVIDENCE_MAX || head->error > 0 ||
		    head->error < -4095 || (head->error && head->size))
			return give_up();
		exchange.body_read = 0;
		exchange.body = kmalloc(head->size + 1UL);
		if (!exchange.body)
			return -ENOMEM;
	}
	err = transfer(false, exchange.body, head->size, &exchange.body_read);
	if (err)
		return err;
	*ret_head = *head;
	*ret_body = exchange.body;
	exchange.body = NULL;
	exchange.head_read = 0;
	exchange.answers_due--;
	return 0;
}

static int ask(uint32_t operation, const uint8_t *report_data, uint8_t **ret_body, size_t *ret_size)
{
	struct evidence_answer head;
	uint8_t *body;
	uint32_t mine;
	int err = send_due(); /* what is left of an interrupted one's request */

	if (err)
		return err;
	mine = ++exchange.sequence;
	exchange.request = (struct evidence_request){ .magic = EVIDENCE_MAGIC,
						      .sequence = mine,
						      .operation = operation };
	if (report_data)
		memcpy(exchange.request.report_data, report_data, EVIDENCE_DATA_SIZE);
	exchange.request_sent = 0;
	exchange.request_due = true;
	err = send_due();
	while (!err) {
		bool last = exchange.answers_due == 1;

		err = read_answer(&head, &body);
		if (err)
			break;
		if (last && head.sequence == mine && !head.error) {
			*ret_body = body;
			*ret_size = head.size;
			return 0;
		}
		kfree(body);
		if (last)
			return head.sequence == mine ? head.error : give_up();
	}
	return err;
}

static int ask_in_turn(uint32_t operation, const uint8_t *report_data, uint8_t **ret_body,
		       size_t *ret_size)
{
	int err = WAIT_EVENT(&exchange.waiters,
			     !__atomic_exchange_n(&exchange.busy, 1, __ATOMIC_ACQUIRE), NEVER);

	if (err)
		return -ERESTARTSYS;
	err = exchange.handle < 0 ? -ENXIO : ask(operation, report_data, ret_body, ret_size);
	__atomic_store_n(&exchange.busy, 0, __ATOMIC_SEQ_CST);
	wake(&exchange.waiters, ~0u);
	return err;
}

int evidence_provider(char ret_name[EVIDENCE_PROVIDER_MAX + 1])
{
	uint8_t *name;
	size_t size;
	int err;

	if (__atomic_load_n(&exchange.handle, __ATOMIC_RELAXED) < 0)
		return -ENXIO;
	err = ask_in_turn(EVIDENCE_PROVIDER, NULL, &name, &size);
	if (err)
		return err == -ERESTARTSYS || err == -ENOMEM ? err : -ENXIO;
	if (!size || size > EVIDENCE_PROVIDER_MAX)
		err = -EIO;
	for (size_t i = 0; i < size && !err; i++)
		if (name[i] <= ' ' || name[i] > '~')
			err = -EIO;
	if (!err) {
		memcpy(ret_name, name, size);
		ret_name[size] = 0;
	}
	kfree(name);
	return err;
}

int evidence_collect(const uint8_t report_data[EVIDENCE_DATA_SIZE], uint8_t **ret_evidence,
		     size_t *ret_size)
{
	uint8_t *body;
	size_t size;
	int err;

	if (__atomic_load_n(&exchange.handle, __ATOMIC_RELAXED) < 0)
		return -ENXIO;
	err = ask_in_turn(EVIDENCE_COLLECT, report_data, &body, &size);
	if (err)
		return err;
	if (!size) { /* nothing at all, and no error: not to be taken for evidence */
		kfree(body);
		return -EIO;
	}
	*ret_evidence = body;
	*ret_size = size;
	return 0;
}
