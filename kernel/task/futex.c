/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Futexes: waiting for and waking sleepers on a user word.
 *
 * A waiter lives on the stack of its task and is queued in the bucket of its key's hash. The waiter counts itself, then
 * reads the word; a waker changes the word, then reads the count: with a full barrier in between on both sides one sees
 * the other, and a wake-up of nobody takes no lock.
 * A waker sets waiter.bucket to NULL under the bucket lock and from then on leaves the waiter alone; it holds a reference of
 * the task until it has woken it, after unlocking. Requeueing moves a waiter: its bucket changes under both locks.
 *
 * The user word is read with the bucket locked, without any repair of faults: a fault unlocks, touches the page (which may
 * take mm.lock) and starts again.
 * Locks: bucket.lock (two: by address) -> pi_lock. PI is in futex_pi.c, requeueing in futex_requeue.c, exit in robust.c.
 */
#include "kernel/task/futex.h"

#include <asm/errno.h>
#include <linux/futex.h>

#include "abi/platform.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/mm/mm.h"
#include "kernel/mm/usercopy.h"
#include "kernel/signal/signal.h"
#include "kernel/sys/syscall.h"
#include "kernel/task/futex_internal.h"
#include "kernel/time/time.h"
#include "lib/base/hash.h"

#define BUCKETS 256
#define TOUCHES_MAX 16

static struct futex_bucket buckets[BUCKETS];
static uint64_t hash_seed;

void futex_init(void)
{
	plat_random(&hash_seed, sizeof(hash_seed));
	for (unsigned int i = 0; i < BUCKETS; i++)
		list_init(&buckets[i].waiters);
}

struct futex_bucket *futex_bucket_of(const struct futex_key *key)
{
	return &buckets[hash_u64((key->object ^ hash_seed) + key->offset * 0x9e3779b97f4a7c15ULL) %
			BUCKETS];
}

int futex_key_make(uintptr_t at, bool private_, struct futex_key *ret)
{
	struct mm *mm = current_process()->mm;
	void *object;

	if (at % sizeof(uint32_t))
		return -EINVAL;
	if (!access_ok(UPTR(at), sizeof(uint32_t)))
		return -EFAULT;
	ret->object = (uintptr_t)mm;
	ret->offset = at;
	if (!private_ && mm_shared_key(mm, at, &object, &ret->offset))
		ret->object = (uintptr_t)object;
	return 0;
}

void futex_lock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	if (a > b) {
		struct futex_bucket *swap = a;

		a = b;
		b = swap;
	}
	mutex_lock(&a->lock);
	if (a != b)
		mutex_lock(&b->lock);
}

void futex_unlock_two(struct futex_bucket *a, struct futex_bucket *b)
{
	mutex_unlock(&a->lock);
	if (a != b)
		mutex_unlock(&b->lock);
}

/* --- the user word ------------------------------------------------------------------------------------------------ */

int futex_read(uintptr_t at, uint32_t *ret)
{
	return plat_copy_user(ret, (const void *)at, sizeof(*ret)) ? -EFAULT : 0;
}

int futex_cmpxchg(uintptr_t at, uint32_t expect, uint32_t value, uint32_t *ret_old)
{
	return plat_user_cmpxchg32((uint32_t *)at, expect, value, ret_old);
}

int futex_touch(uintptr_t at, bool write)
{
	uint32_t value, old;
	int sig, code;

	for (int i = 0; i < TOUCHES_MAX; i++) {
		if (get_user(value, UPTR(at)))
			return -EFAULT;
		if (!write || !futex_cmpxchg(at, value, value, &old))
			return 0;
		if (!mm_fault(at, PLAT_WRITE, &sig, &code))
			return -EFAULT;
	}
	return -EFAULT;
}

/* --- waiters ------------------------------------------------------------------------------------------------------ */

void futex_batch_wake(struct futex_batch *batch)
{
	for (unsigned int i = 0; i < batch->count; i++) {
		task_wake(batch->tasks[i]);
		task_put(batch->tasks[i]);
	}
	batch->count = 0;
}

void futex_dequeue(struct futex_bucket *b, struct futex_waiter *w)
{
	list_remove(&w->link);
	__atomic_sub_fetch(&b->count, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&w->bucket, NULL, __ATOMIC_RELEASE);
}

void futex_take(struct futex_bucket *b, struct futex_waiter *w, struct futex_batch *batch)
{
	if (batch->count == FUTEX_BATCH)
		futex_batch_wake(batch);
	task_get(w->task);
	batch->tasks[batch->count++] = w->task;
	futex_dequeue(b, w);
}

void futex_waiter_init(struct futex_waiter *w, const struct futex_key *key, uint32_t bitset)
{
	list_init(&w->link);
	w->bucket = NULL;
	w->task = current();
	w->key = *key;
	w->bitset = bitset;
	w->pi = NULL;
	w->requeue_pi = false;
	w->owner_died = false;
}

void futex_enqueue(struct futex_bucket *b, struct futex_waiter *w)
{
	__atomic_add_fetch(&b->count, 1, __ATOMIC_SEQ_CST);
	w->bucket = b;
	list_add_tail(&b->waiters, &w->link);
}

int futex_enqueue_if(uintptr_t at, struct futex_waiter *w, uint32_t expect)
{
	struct futex_bucket *b = futex_bucket_of(&w->key);
	uint32_t value;
	int err;

	for (int i = 0; i < TOUCHES_MAX; i++) {
		mutex_lock(&b->lock);
		futex_enqueue(b, w);
		err = futex_read(at, &value);
		if (!err && value == expect) {
			mutex_unlock(&b->lock);
			return 0;
		}
		futex_dequeue(b, w);
		mutex_unlock(&b->lock);
		if (!err)
			return -EAGAIN;
		err = futex_touch(at, false);
		if (err)
			return err;
	}
	return -EFAULT;
}

int futex_sleep(struct futex_waiter *w, uint64_t deadline)
{
	for (;;) {
		int err;

		task_sleep_prepare();
		if (!__atomic_load_n(&w->bucket, __ATOMIC_ACQUIRE))
			return 0;
		err = task_sleep(deadline);
		if (err)
			return err;
	}
}

bool futex_unqueue(struct futex_waiter *w)
{
	for (;;) {
		struct futex_bucket *b = __atomic_load_n(&w->bucket, __ATOMIC_ACQUIRE);

		if (!b)
			return false;
		mutex_lock(&b->lock);
		if (w->bucket == b) {
			futex_dequeue(b, w);
			mutex_unlock(&b->lock);
			return true;
		}
		mutex_unlock(&b->lock); /* requeued meanwhile */
	}
}

/* --- wait and wake ------------------------------------------------------------------------------------------------ */

static long wait_on(uintptr_t at, bool private_, uint32_t value, uint64_t deadline,
		    uint32_t bitset);

static long wait_restart(struct task *t)
{
	const unsigned long *args = t->restart_args;

	return wait_on(args[0], args[1] != 0, (uint32_t)args[2], args[3], (uint32_t)args[4]);
}

static long wait_on(uintptr_t at, bool private_, uint32_t value, uint64_t deadline, uint32_t bitset)
{
	struct task *t = current();
	struct futex_waiter w;
	struct futex_key key;
	int err;

	if (!bitset)
		return -EINVAL;
	err = futex_key_make(at, private_, &key);
	if (err)
		return err;
	futex_waiter_init(&w, &key, bitset);
	err = futex_enqueue_if(at, &w, value);
	if (err)
		return err;
	err = futex_sleep(&w, deadline);
	if (!err || !futex_unqueue(&w))
		return 0;
	if (err == -ETIMEDOUT)
		return err;
	if (deadline == NEVER)
		return -ERESTARTSYS;
	t->restart = wait_restart;
	t->restart_args[0] = at;
	t->restart_args[1] = private_;
	t->restart_args[2] = value;
	t->restart_args[3] = deadline;
	t->restart_args[4] = bitset;
	return -ERESTART_RESTARTBLOCK;
}

/* Bucket lock held. At least one is woken if there is one, as on Linux. -EINVAL: a waiter of a PI lock. */
static long wake_locked(struct futex_bucket *b, const struct futex_key *key, int n, uint32_t bitset,
			struct futex_batch *batch)
{
	struct futex_waiter *w, *next;
	long woken = 0;

	list_for_each_safe(w, next, &b->waiters, link) {
		if (!futex_key_equal(&w->key, key))
			continue;
		if (w->pi || w->requeue_pi)
			return -EINVAL;
		if (!(w->bitset & bitset))
			continue;
		futex_take(b, w, batch);
		if (++woken >= n)
			break;
	}
	return woken;
}

static long wake_on(uintptr_t at, bool private_, int n, uint32_t bitset)
{
	struct futex_batch batch;
	struct futex_bucket *b;
	struct futex_key key;
	long ret;
	int err;

	if (!bitset)
		return -EINVAL;
	err = futex_key_make(at, private_, &key);
	if (err)
		return err;
	b = futex_bucket_of(&key);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&b->count, __ATOMIC_RELAXED))
		return 0;
	batch.count = 0;
	mutex_lock(&b->lock);
	ret = wake_locked(b, &key, n, bitset, &batch);
	mutex_unlock(&b->lock);
	futex_batch_wake(&batch);
	return ret;
}

long futex_wake_user(struct uptr word, int n, bool private_)
{
	return wake_on(word.v, private_, n, FUTEX_BITSET_MATCH_ANY);
}

/* The twelve-bit fields of FUTEX_WAKE_OP are signed. */
static int32_t signed12(uint32_t v)
{
	return (int32_t)(v << 20) >> 20;
}

static int apply(uint32_t encoded, uint32_t old, uint32_t *ret_value, bool *ret_wake)
{
	uint32_t op = encoded >> 28 & 7, compare = encoded >> 24 & 15;
	int32_t argument = signed12(encoded >> 12 & 0xfff), with = signed12(encoded & 0xfff),
		before = (int32_t)old;
	uint32_t operand = (uint32_t)argument;

	if (encoded >> 31)
		operand = 1u << (operand & 31);
	switch (op) {
	case FUTEX_OP_SET:
		*ret_value = operand;
		break;
	case FUTEX_OP_ADD:
		*ret_value = old + operand;
		break;
	case FUTEX_OP_OR:
		*ret_value = old | operand;
		break;
	case FUTEX_OP_ANDN:
		*ret_value = old & ~operand;
		break;
	case FUTEX_OP_XOR:
		*ret_value = old ^ operand;
		break;
	default:
		return -ENOSYS;
	}
	switch (compare) {
	case FUTEX_OP_CMP_EQ:
		*ret_wake = before == with;
		return 0;
	case FUTEX_OP_CMP_NE:
		*ret_wake = before != with;
		return 0;
	case FUTEX_OP_CMP_LT:
		*ret_wake = before < with;
		return 0;
	case FUTEX_OP_CMP_GE:
		*ret_wake = before >= with;
		return 0;
	case FUTEX_OP_CMP_LE:
		*ret_wake = before <= with;
		return 0;
	case FUTEX_OP_CMP_GT:
		*ret_wake = before > with;
		return 0;
	default:
		return -ENOSYS;
	}
}

static long wake_op(unsigned long *a, bool private_)
{
	uintptr_t at = a[0], at2 = a[4];
	uint32_t encoded = (uint32_t)a[5], old, value, found;
	struct futex_key key, key2;
	struct futex_bucket *b, *b2;
	struct futex_batch batch;
	bool wake_second;
	long ret, more;
	int err;

	err = futex_key_make(at, private_, &key);
	if (!err)
		err = futex_key_make(at2, private_, &key2);
	if (err)
		return err;
	b = futex_bucket_of(&key);
	b2 = futex_bucket_of(&key2);
	batch.count = 0;
	for (;;) {
		futex_lock_two(b, b2);
		err = futex_read(at2, &old);
		if (!err) {
			err = apply(encoded, old, &value, &wake_second);
			if (err) {
				futex_unlock_two(b, b2);
				return err;
			}
			err = futex_cmpxchg(at2, old, value, &found);
		}
		if (!err && found == old)
			break;
		futex_unlock_two(b, b2);
		if (err && futex_touch(at2, true))
			return -EFAULT;
	}
	ret = wake_locked(b, &key, (int)a[2], FUTEX_BITSET_MATCH_ANY, &batch);
	if (ret >= 0 && wake_second) {
		more = wake_locked(b2, &key2, (int)a[3], FUTEX_BITSET_MATCH_ANY, &batch);
		ret = more < 0 ? more : ret + more;
	}
	futex_unlock_two(b, b2);
	futex_batch_wake(&batch);
	return ret;
}

/* --- futex_waitv -------------------------------------------------------------------------------------------------- */

/* Takes all off their queues: the index of one that was woken, or -1. */
static long unqueue_all(struct futex_waiter *w, unsigned int count)
{
	long woken = -1;

	for (unsigned int i = 0; i < count; i++)
		if (!futex_unqueue(&w[i]))
			woken = i;
	return woken;
}

static int sleep_any(struct futex_waiter *w, unsigned int count, uint64_t deadline)
{
	for (;;) {
		int err;

		task_sleep_prepare();
		for (unsigned int i = 0; i < count; i++)
			if (!__atomic_load_n(&w[i].bucket, __ATOMIC_ACQUIRE))
				return 0;
		err = task_sleep(deadline);
		if (err)
			return err;
	}
}

static int enqueue_vector(const struct futex_waitv *v, unsigned int count, struct futex_waiter *w,
			  long *ret_woken)
{
	for (unsigned int i = 0; i < count; i++) {
		struct futex_key key;
		int err = futex_key_make(v[i].uaddr, v[i].flags & FUTEX_PRIVATE_FLAG, &key);

		if (!err) {
			futex_waiter_init(&w[i], &key, FUTEX_BITSET_MATCH_ANY);
			err = futex_enqueue_if(v[i].uaddr, &w[i], (uint32_t)v[i].val);
		}
		if (err) {
			*ret_woken = unqueue_all(w, i);
			return err;
		}
	}
	return 0;
}

static int deadline_absolute(struct uptr at, bool realtime, uint64_t *ret);

long sys_futex_waitv(unsigned long *a)
{
	unsigned int count = (unsigned int)a[1];
	uint64_t deadline = NEVER;
	struct futex_waiter *w;
	struct futex_waitv *v;
	long woken = -1, ret;
	int err;

	if (a[2])
		return -EINVAL;
	if (!count || count > FUTEX_WAITV_MAX || !a[0])
		return -EINVAL;
	if (a[3]) {
		if (a[4] != 0 /* CLOCK_REALTIME */ && a[4] != 1 /* CLOCK_MONOTONIC */)
			return -EINVAL;
		err = deadline_absolute(UPTR(a[3]), a[4] == 0, &deadline);
		if (err)
			return err;
	}
	v = kmalloc(count * (sizeof(*v) + sizeof(*w)));
	if (!v)
		return -ENOMEM;
	w = (struct futex_waiter *)(void *)(v + count);
	ret = -EFAULT;
	if (copy_in(v, UPTR(a[0]), count * sizeof(*v)))
		goto out;
	ret = -EINVAL;
	for (unsigned int i = 0; i < count; i++)
		if ((v[i].flags & ~(uint32_t)(FUTEX_32 | FUTEX_PRIVATE_FLAG)) || v[i].__reserved ||
		    !(v[i].flags & FUTEX_32))
			goto out;
	ret = enqueue_vector(v, count, w, &woken);
	if (!ret) {
		ret = sleep_any(w, count, deadline);
		woken = unqueue_all(w, count);
	}
	if (woken >= 0)
		ret = woken;
	else if (ret == -EINTR)
		ret = -ERESTARTSYS;
out:
	kfree(v);
	return ret;
}

/* --- futex -------------------------------------------------------------------------------------------------------- */

#define NS 1000000000ULL

static int read_timespec(struct uptr at, uint64_t *ret_ns)
{
	struct timespec64_user ts;
	uint64_t ns;

	if (get_user(ts, at))
		return -EFAULT;
	if (ts.sec < 0 || ts.nsec < 0 || ts.nsec >= (int64_t)NS)
		return -EINVAL;
	if (__builtin_mul_overflow((uint64_t)ts.sec, NS, &ns) ||
	    __builtin_add_overflow(ns, (uint64_t)ts.nsec, &ns))
		ns = NEVER - 1;
	*ret_ns = ns;
	return 0;
}

static int deadline_absolute(struct uptr at, bool realtime, uint64_t *ret)
{
	uint64_t ns, now;
	int err = read_timespec(at, &ns);

	if (err)
		return err;
	if (!realtime) {
		*ret = ns;
		return 0;
	}
	now = clock_realtime();
	*ret = deadline_after(ns > now ? ns - now : 0);
	return 0;
}

static int deadline_of(unsigned int command, bool realtime, struct uptr at, uint64_t *ret)
{
	uint64_t ns;
	int err;

	*ret = NEVER;
	if (!at.v)
		return 0;
	switch (command) {
	case FUTEX_WAIT:
		err = read_timespec(at, &ns);
		if (!err)
			*ret = deadline_after(ns);
		return err;
	case FUTEX_LOCK_PI:
		return deadline_absolute(at, true, ret);
	case FUTEX_WAIT_BITSET:
	case FUTEX_LOCK_PI2:
	case FUTEX_WAIT_REQUEUE_PI:
		return deadline_absolute(at, realtime, ret);
	default:
		return 0; /* the argument is a count */
	}
}

long sys_futex(unsigned long *a)
{
	uintptr_t at = a[0];
	unsigned int op = (unsigned int)a[1], command = op & FUTEX_CMD_MASK;
	uint32_t value = (uint32_t)a[2], value3 = (uint32_t)a[5];
	bool private_ = op & FUTEX_PRIVATE_FLAG, realtime = op & FUTEX_CLOCK_REALTIME;
	uint64_t deadline;
	int err;

	if (command == FUTEX_WAKE && !realtime)
		return wake_on(at, private_, (int)value, FUTEX_BITSET_MATCH_ANY);
	if (realtime && command != FUTEX_WAIT_BITSET && command != FUTEX_WAIT_REQUEUE_PI &&
	    command != FUTEX_LOCK_PI2)
		return -ENOSYS;
	err = deadline_of(command, realtime, UPTR(a[3]), &deadline);
	if (err)
		return err;
	switch (command) {
	case FUTEX_WAIT:
		return wait_on(at, private_, value, deadline, FUTEX_BITSET_MATCH_ANY);
	case FUTEX_WAIT_BITSET:
		return wait_on(at, private_, value, deadline, value3);
	case FUTEX_WAKE_BITSET:
		return wake_on(at, private_, (int)value, value3);
	case FUTEX_WAKE_OP:
		return wake_op(a, private_);
	case FUTEX_REQUEUE:
		return futex_requeue(a, private_, NULL, false);
	case FUTEX_CMP_REQUEUE:
		return futex_requeue(a, private_, &value3, false);
	case FUTEX_CMP_REQUEUE_PI:
		return futex_requeue(a, private_, &value3, true);
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
		return futex_lock_pi(at, private_, deadline, false);
	case FUTEX_TRYLOCK_PI:
		return futex_lock_pi(at, private_, NEVER, true);
	case FUTEX_UNLOCK_PI:
		return futex_unlock_pi(at, private_);
	case FUTEX_WAIT_REQUEUE_PI:
		return futex_wait_requeue_pi(at, private_, value, deadline, FUTEX_BITSET_MATCH_ANY,
					     a[4]);
	default:
		return -ENOSYS;
	}
}
