/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks as host threads and processes. A thread is a host thread; a fork is a host fork that shares enclave memory and
 * the host's descriptor table; a clean start takes a process of the pool (pool.c). Host processes are all children
 * of the launcher (CLONE_PARENT), which sees every death, and die with it (PDEATHSIG).
 *
 * Parking: a task sleeps on its own `work` word with a host futex, so any setter of a bit in `work` that then looks
 * at `parked` wakes it: no wake-up can fall between. The same word cancels blocking host calls (entry.S).
 */
#include <linux/errno.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/signal.h>
#include <linux/time_types.h>

#include "kernel/mm/kmalloc.h"
#include "lib/base/string.h"
#include "platform/process/trusted/process.h"

#define HOST_THREAD                                                                         \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | \
	 CLONE_PARENT_SETTID)
#define HOST_FORK (CLONE_FILES | CLONE_PARENT | CLONE_PARENT_SETTID | SIGCHLD)

#define SAME_WAKES 2

static uint32_t running =
	1; /* tasks that are not parked: spinning beyond the processors is harmful */

uint32_t boot_host_pid;

/* First code of a host thread or process made for a task; %gs is the task. */
void host_thread_settled(struct task *t, bool new_process)
{
	struct plat_task *p = plat_task(t);

	traps_init_task(t);
	if (new_process) {
		HOST(prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0, 0);
		if ((uint32_t)HOST(getppid, 0, 0, 0, 0, 0, 0) != boot->launcher_pid)
			HOST(kill, p->host_pid, SIGKILL, 0, 0, 0, 0);
	}
	__atomic_fetch_add(&running, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&p->ready, 1, __ATOMIC_SEQ_CST);
	__asm__ volatile("wrfsbase %0" : : "r"(t->fs_base));
}

static void start_thread(void *arg)
{
	struct task *t = arg;

	host_thread_settled(t, false);
	task_first_run(t);
	plat_return_to_user();
}

static void start_process(void *arg)
{
	struct task *t = arg;

	plat_task(t)->host_pid = plat_task(t)->host_tid;
	host_thread_settled(t, true);
	task_first_run(t);
	plat_return_to_user();
}

static struct host_process *new_home(void)
{
	struct host_process *home = kzalloc(sizeof(*home));

	if (home)
		home->threads = 1;
	return home;
}

static int start_in_this_process(struct task *t)
{
	struct plat_task *p = plat_task(t), *me = plat_task(current());
	long ret;

	p->host_pid = me->host_pid;
	p->home = me->home;
	__atomic_fetch_add(&p->home->threads, 1, __ATOMIC_RELAXED);
	COUNT_CALL(clone);
	ret = host_clone(HOST_THREAD, (void *)(t->kstack - sizeof(struct regs)), &p->host_tid, t,
			 start_thread);
	/* From here on the child may be gone, and t with it. */
	if (ret >= 0)
		return 0;
	__atomic_fetch_sub(&me->home->threads, 1, __ATOMIC_RELAXED);
	return ret == -ENOMEM ? -ENOMEM : -EAGAIN;
}

int plat_task_reserve(struct task *t)
{
	plat_task(t)->home = new_home();
	return plat_task(t)->home ? 0 : -ENOMEM;
}

void plat_task_unreserve(struct task *t)
{
	kfree(plat_task(t)->home);
	plat_task(t)->home = NULL;
}

int plat_task_start(struct task *t, enum plat_start how)
{
	struct plat_task *p = plat_task(t);
	struct host_process *home;
	long ret;

	p->ready = 0;
	p->spin = 64;
	t->parked = PARK_RUNNING;
	t->entry = syscall_entry;
	if (how == PLAT_START_THREAD)
		return start_in_this_process(t);
	if (!p->home)
		p->home = new_home();
	home = p->home;
	if (!home)
		return -ENOMEM;
	/* The kernel's own host process has no user memory: a copy of it is clean. */
	if (how == PLAT_START_CLEAN && plat_task(current())->host_pid != boot_host_pid)
		return plat_start_clean(t);
	p->host_pid = 0;
	COUNT_CALL(clone);
	ret = host_clone(HOST_FORK, (void *)(t->kstack - sizeof(struct regs)), &p->host_tid, t,
			 start_process);
	if (ret >= 0)
		return 0;
	plat_task_unreserve(t);
	return ret == -ENOMEM ? -ENOMEM : -EAGAIN;
}

void plat_task_exit(struct task *t)
{
	static const uint64_t all = ~0ULL;
	struct plat_task *p = plat_task(t);
	bool last = __atomic_sub_fetch(&p->home->threads, 1, __ATOMIC_ACQ_REL) == 0;

	__atomic_fetch_sub(&running, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&p->ready, 0, __ATOMIC_SEQ_CST);
	if (last) {
		kfree(p->home);
		if (p->host_pid == p->host_tid)
			pool_recycle(t);
	}
	COUNT_CALL(exit);
	/* A kick that is still on its way must not use the signal stack once another task has it. */
	HOST(rt_sigprocmask, 2 /* SIG_SETMASK */, &all, 0, sizeof(all), 0, 0);
	host_exit(&t->gone);
}

static bool spin(struct task *t)
{
	struct plat_task *p = plat_task(t);

	if (boot->cpus < 2)
		return false;
	for (uint32_t i = 0; i < p->spin; i++) {
		for (int k = 0; k < 8; k++) {
			if (__atomic_load_n(&t->work, __ATOMIC_RELAXED)) {
				if (p->spin < 1024)
					p->spin = (uint16_t)(p->spin + p->spin / 4 + 1);
				return true;
			}
			__builtin_ia32_pause();
		}
		uint32_t others = __atomic_load_n(&running, __ATOMIC_RELAXED);
		if (others < 2 || others > boot->cpus)
			break;
	}
	if (p->spin > 16)
		p->spin = (uint16_t)(p->spin - p->spin / 8);
	return false;
}

/*
 * Partners that share a processor: the other one can only run once this task stops. Giving way costs both together one
 * host call and one switch, where sleeping costs the sleeper a wait and the other a wake. But a scheduler owes a quick
 * return to a sleeper and not to one who gave way: where a third one wants the processor, sleeping is what keeps our share.
 * So giving way is rationed by what came of it: the next try is 2^misses parks away; an answer halves the misses, no answer
 * adds one. A processor that was away for long makes it 10, as happens once while partners start; and 14 if it was so the
 * time before (about 80 ms of ping-pong until the next try).
 */
#define YIELD_LONG (1ULL << 18) /* cycles: about 80 us */
#define YIELD_MISSES_MAX 10
#define YIELD_MISSES_LONG 14

static bool give_way(struct task *t)
{
	struct plat_task *p = plat_task(t);
	uint64_t start;
	bool answered = false, away = false;

	if (p->yield_pause) {
		p->yield_pause--;
		return false;
	}
	start = __builtin_ia32_rdtsc();
	for (int i = 0; i < 2 && !answered && !away; i++) {
		HOST(sched_yield, 0, 0, 0, 0, 0, 0);
		away = __builtin_ia32_rdtsc() - start > YIELD_LONG;
		answered = __atomic_load_n(&t->work, __ATOMIC_RELAXED);
	}
	if (away)
		p->yield_misses = p->yield_misses < YIELD_MISSES_MAX ? YIELD_MISSES_MAX
								     : YIELD_MISSES_LONG;
	else if (answered)
		p->yield_misses /= 2;
	else if (p->yield_misses < YIELD_MISSES_MAX)
		p->yield_misses++;
	p->yield_pause = (uint16_t)(p->yield_misses ? 1 << p->yield_misses : 0);
	return answered;
}

/* Whether work came before a sleep was needed. */
static bool wait_awake(struct task *t)
{
	if (boot->flags & BOOT_NO_SPIN)
		return false;
	/* What worked last time comes first. */
	if (!plat_task(t)->yield_misses)
		return give_way(t) || spin(t);
	return spin(t) || give_way(t);
}

int plat_park(struct task *t, uint64_t deadline)
{
	struct __kernel_timespec until;
	bool private = plat_task(t)->same_wakes >= SAME_WAKES;
	int flag = private ? FUTEX_PRIVATE_FLAG : 0;
	long ret;

	if (wait_awake(t))
		return 0;
	__atomic_fetch_sub(&running, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&t->parked, private ? PARK_FUTEX_PRIVATE : PARK_FUTEX, __ATOMIC_SEQ_CST);
	if (deadline == UINT64_MAX) {
		ret = HOST(futex, &t->work, FUTEX_WAIT | flag, 0, 0, 0, 0);
	} else {
		until.tv_sec = (long long)(deadline / 1000000000);
		until.tv_nsec = (long long)(deadline % 1000000000);
		ret = HOST(futex, &t->work, FUTEX_WAIT_BITSET | flag, 0, &until, 0, -1);
	}
	__atomic_store_n(&t->parked, PARK_RUNNING, __ATOMIC_RELEASE);
	__atomic_fetch_add(&running, 1, __ATOMIC_RELAXED);
	return ret == -ETIMEDOUT ? -ETIMEDOUT : 0;
}

static void interrupt(struct plat_task *p)
{
	if (!__atomic_load_n(&p->ready, __ATOMIC_SEQ_CST))
		return; /* it looks at work before it first leaves the kernel */
	__atomic_fetch_add(&boot->kicks, 1, __ATOMIC_RELAXED);
	HOST(tgkill, p->host_pid, p->host_tid, 64, 0, 0, 0);
}

static void learn_waker(struct plat_task *p, bool same)
{
	if (!same)
		p->same_wakes = 0;
	else if (p->same_wakes < SAME_WAKES)
		p->same_wakes++;
}

/*
 * A host futex private to one host process saves the host a look at the page. A task waits so if it was woken from inside
 * its host process twice in a row (a parent of vfork is woken from inside and outside by turns); a waker elsewhere
 * then interrupts it, and it waits on the shared futex from then on.
 */
void plat_kick(struct task *t, bool user)
{
	struct plat_task *p = plat_task(t);
	struct task *me = current();
	bool same = plat_task(me)->host_pid == p->host_pid;

	switch (__atomic_load_n(&t->parked, __ATOMIC_SEQ_CST)) {
	case PARK_FUTEX:
		learn_waker(p, same);
		HOST(futex, &t->work, FUTEX_WAKE, 1, 0, 0, 0);
		break;
	case PARK_FUTEX_PRIVATE:
		learn_waker(p, same);
		if (same)
			HOST(futex, &t->work, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, 0, 0, 0);
		else
			interrupt(p);
		break;
	case PARK_HOST:
		if (t != me)
			interrupt(p);
		break;
	default:
		if (user && t != me)
			interrupt(p);
	}
}

void plat_wait_word(uint32_t *word, uint32_t value)
{
	__atomic_fetch_sub(&running, 1, __ATOMIC_RELAXED);
	HOST(futex, word, FUTEX_WAIT, value, 0, 0, 0);
	__atomic_fetch_add(&running, 1, __ATOMIC_RELAXED);
}

void plat_wake_word(uint32_t *word, int n)
{
	HOST(futex, word, FUTEX_WAKE, n, 0, 0, 0);
}

void plat_yield(void)
{
	HOST(sched_yield, 0, 0, 0, 0, 0, 0);
}

/* An XSAVE area whose header names no component: all of them go to their initial state. */
void plat_fpu_reset(void)
{
	static const struct {
		uint16_t fcw;
		uint8_t rest[22];
		uint32_t mxcsr;
		uint8_t registers[512 - 28];
		uint64_t header[8];
	} initial __attribute__((aligned(64))) = { .fcw = 0x37f, .mxcsr = 0x1f80 };

	__asm__ volatile("xrstor64 %0" : : "m"(initial), "a"(-1), "d"(-1));
}

void plat_set_fs(uintptr_t base)
{
	__asm__ volatile("wrfsbase %0" : : "r"(base));
}

uintptr_t plat_get_fs(void)
{
	uintptr_t base;

	__asm__ volatile("rdfsbase %0" : "=r"(base));
	return base;
}

unsigned int plat_cpu(void)
{
	uint64_t limit;

	/* The host keeps processor and node numbers in the limit of this segment, as its vDSO knows. */
	__asm__ volatile("lsl %1, %0" : "=r"(limit) : "r"((uint64_t)0x7b));
	return (unsigned int)limit & 0xfff;
}

uint64_t plat_clock(int id)
{
	struct __kernel_timespec ts = { 0, 0 };
	long (*clock)(long, struct __kernel_timespec *) =
		(long (*)(long, struct __kernel_timespec *))boot->host_clock_gettime;

	if (clock && clock(id, &ts) == 0)
		return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
	if (HOST(clock_gettime, id, &ts, 0, 0, 0, 0))
		return 0;
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

struct host_timeval {
	int64_t sec, usec;
};
struct host_rusage {
	struct host_timeval user, system;
	int64_t rest[14];
};

static uint64_t nanoseconds(struct host_timeval t)
{
	return (uint64_t)t.sec * 1000000000 + (uint64_t)t.usec * 1000;
}

static void host_usage(int who, uint64_t *ret_user, uint64_t *ret_system)
{
	struct host_rusage usage;

	memset(&usage, 0, sizeof(usage));
	HOST(getrusage, who, &usage, 0, 0, 0, 0);
	*ret_user = nanoseconds(usage.user);
	*ret_system = nanoseconds(usage.system);
}

void host_usage_mark(struct task *t)
{
	struct host_process *home = plat_task(t)->home;

	host_usage(0 /* RUSAGE_SELF */, &home->user, &home->system);
	host_usage(1 /* RUSAGE_THREAD */, &home->leader_user, &home->leader_system);
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

void plat_cputime(struct task *t, bool whole_process, uint64_t *ret_user, uint64_t *ret_system)
{
	static const struct host_process none;
	struct __kernel_timespec ts = { 0, 0 };
	struct plat_task *p = plat_task(t);
	const struct host_process *home = p->home ? p->home : &none;
	bool leader = p->host_tid == p->host_pid;
	uint64_t user_before = whole_process ? home->user : leader ? home->leader_user : 0;
	uint64_t system_before = whole_process ? home->system : leader ? home->leader_system : 0;
	uint64_t user, system = 0;

	if (plat_task(current())->host_pid == p->host_pid && (whole_process || t == current())) {
		host_usage(whole_process ? 0 : 1, &user, &system);
		user = less(user, user_before);
		system = less(system, system_before);
	} else {
		/* Clock id of another process or thread: see the host's posix-timers: ~pid << 3 | CPUCLOCK_SCHED (| thread). */
		int32_t id = whole_process ? (int32_t)(~p->host_pid << 3 | 2)
					   : (int32_t)(~p->host_tid << 3 | 6);

		HOST(clock_gettime, id, &ts, 0, 0, 0, 0);
		user = less((uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec,
			    user_before + system_before);
	}
	*ret_user = ret_system ? user : user + system;
	if (ret_system)
		*ret_system = system;
}

void plat_random(void *to, size_t size)
{
	unsigned char *p = to;

	while (size) {
		long n = HOST(getrandom, p, MIN(size, 256UL), 0, 0, 0, 0);

		if (n == -EINTR)
			continue;
		if (n <= 0 || (size_t)n > size)
			panic("the host gives no random numbers: error %ld", -n);
		p += n;
		size -= (size_t)n;
	}
}

void plat_log(const char *text, size_t size)
{
	HOST(write, boot->log_handle, text, size, 0, 0, 0);
}

/* The launcher watches `stopped`, prints the reason and ends every host process. */
void plat_panic(const char *text)
{
	if (!__atomic_exchange_n(&boot->stopped, 1, __ATOMIC_SEQ_CST)) {
		str_copy(boot->reason, text, sizeof(boot->reason));
		stats_publish(false);
		__atomic_store_n(&boot->exited, 1, __ATOMIC_SEQ_CST);
		HOST(futex, &boot->exited, FUTEX_WAKE, 1, 0, 0, 0);
		HOST(kill, boot->launcher_pid, SIGCHLD, 0, 0, 0, 0);
	}
	for (;;)
		HOST(futex, &boot->stopped, FUTEX_WAIT, 1, 0, 0, 0);
}

void plat_shutdown(int status)
{
	stats_publish(true);
	boot->exit_status = status;
	__atomic_store_n(&boot->exited, 1, __ATOMIC_SEQ_CST);
	HOST(futex, &boot->exited, FUTEX_WAKE, 1, 0, 0, 0);
	HOST(kill, boot->launcher_pid, SIGCHLD, 0, 0, 0, 0);
	for (;;)
		HOST(futex, &boot->exited, FUTEX_WAIT, 1, 0, 0, 0);
}

int plat_report(const uint8_t report_data[64], void *ret_report, size_t *size)
{
	(void)report_data;
	(void)ret_report;
	(void)size;
	return -ENOSYS; /* nothing to report: evidence of type sim comes with the attestation issue */
}

/* --- hostcalls -------------------------------------------------------------------------------------------------- */

static const struct {
	int16_t linux_number;
	bool blocking;
} hostcalls[] = {
#define HOSTCALL(name, linux_name, may_block) { __NR_##linux_name, may_block },
#include "abi/hostcall.h"
};

long plat_hostcall(unsigned int number, long a, long b, long c, long d, long e, long f)
{
	struct task *t = current();
	long ret;

	assert(number < ARRAY_SIZE(hostcalls));
	if (!hostcalls[number].blocking)
		return host_call(hostcalls[number].linux_number, a, b, c, d, e, f);
	__atomic_fetch_sub(&running, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&t->parked, PARK_HOST, __ATOMIC_SEQ_CST);
	ret = host_call_intr(hostcalls[number].linux_number, a, b, c, d, e, f);
	__atomic_store_n(&t->parked, PARK_RUNNING, __ATOMIC_RELEASE);
	__atomic_fetch_add(&running, 1, __ATOMIC_RELAXED);
	return ret;
}
