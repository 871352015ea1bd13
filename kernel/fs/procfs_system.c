/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /proc says of the whole machine: memory, time, load, devices, network. Numbers come from the kernel when it has
 * them; what an enclave does not have (disks, interrupts, swap) is shown as Linux shows it when there is none.
 */
#include <linux/errno.h>
#include <linux/stat.h>

#include "abi/platform.h"
#include "kernel/fs/procfs_internal.h"
#include "kernel/fs/vfs.h"
#include "kernel/host.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/net/net.h"
#include "kernel/sys/uname.h"
#include "kernel/time/time.h"
#include "lib/base/fmt.h"
#include "lib/base/string.h"

#define TICK 10000000UL
#define SECOND 1000000000UL

static unsigned int cpus(void)
{
	return MAX(plat_info()->cpus, 1u);
}

/* --- processors ------------------------------------------------------------------------------------------------------ */

struct cpuid {
	uint32_t a, b, c, d;
};

static struct cpuid cpuid(uint32_t leaf, uint32_t sub)
{
	struct cpuid r;

	__asm__ volatile("cpuid"
			 : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
			 : "a"(leaf), "c"(sub));
	return r;
}

enum { LEAF1_D, LEAF1_C, LEAF7_B, LEAF7_C, LEAF7_D, EXTENDED_D, EXTENDED_C, XSAVE_A };

/* Features by register, in the order of the bits; NULL: reserved, or of the kernel's concern only. */
static const struct {
	uint8_t where, bit;
	const char name[18];
} features[] = {
	/* clang-format off */
	{ LEAF1_D, 0, "fpu" }, { LEAF1_D, 1, "vme" }, { LEAF1_D, 2, "de" }, { LEAF1_D, 3, "pse" }, { LEAF1_D, 4, "tsc" },
	{ LEAF1_D, 5, "msr" }, { LEAF1_D, 6, "pae" }, { LEAF1_D, 7, "mce" }, { LEAF1_D, 8, "cx8" }, { LEAF1_D, 9, "apic" },
	{ LEAF1_D, 11, "sep" }, { LEAF1_D, 12, "mtrr" }, { LEAF1_D, 13, "pge" }, { LEAF1_D, 14, "mca" },
	{ LEAF1_D, 15, "cmov" }, { LEAF1_D, 16, "pat" }, { LEAF1_D, 17, "pse36" }, { LEAF1_D, 19, "clflush" },
	{ LEAF1_D, 23, "mmx" }, { LEAF1_D, 24, "fxsr" }, { LEAF1_D, 25, "sse" }, { LEAF1_D, 26, "sse2" },
	{ LEAF1_D, 28, "ht" }, { EXTENDED_D, 11, "syscall" }, { EXTENDED_D, 20, "nx" }, { EXTENDED_D, 22, "mmxext" },
	{ EXTENDED_D, 25, "fxsr_opt" }, { EXTENDED_D, 26, "pdpe1gb" }, { EXTENDED_D, 27, "rdtscp" }, { EXTENDED_D, 29, "lm" },
	{ LEAF1_C, 0, "pni" }, { LEAF1_C, 1, "pclmulqdq" }, { LEAF1_C, 9, "ssse3" }, { LEAF1_C, 12, "fma" },
	{ LEAF1_C, 13, "cx16" }, { LEAF1_C, 17, "pcid" }, { LEAF1_C, 19, "sse4_1" }, { LEAF1_C, 20, "sse4_2" },
	{ LEAF1_C, 21, "x2apic" }, { LEAF1_C, 22, "movbe" }, { LEAF1_C, 23, "popcnt" }, { LEAF1_C, 25, "aes" },
	{ LEAF1_C, 26, "xsave" }, { LEAF1_C, 28, "avx" }, { LEAF1_C, 29, "f16c" }, { LEAF1_C, 30, "rdrand" },
	{ LEAF1_C, 31, "hypervisor" }, { EXTENDED_C, 0, "lahf_lm" }, { EXTENDED_C, 5, "abm" }, { EXTENDED_C, 6, "sse4a" },
	{ EXTENDED_C, 7, "misalignsse" }, { EXTENDED_C, 8, "3dnowprefetch" }, { LEAF7_B, 0, "fsgsbase" },
	{ LEAF7_B, 3, "bmi1" }, { LEAF7_B, 5, "avx2" }, { LEAF7_B, 7, "smep" }, { LEAF7_B, 8, "bmi2" }, { LEAF7_B, 9, "erms" },
	{ LEAF7_B, 10, "invpcid" }, { LEAF7_B, 16, "avx512f" }, { LEAF7_B, 17, "avx512dq" }, { LEAF7_B, 18, "rdseed" },
	{ LEAF7_B, 19, "adx" }, { LEAF7_B, 20, "smap" }, { LEAF7_B, 21, "avx512ifma" }, { LEAF7_B, 23, "clflushopt" },
	{ LEAF7_B, 24, "clwb" }, { LEAF7_B, 28, "avx512cd" }, { LEAF7_B, 29, "sha_ni" }, { LEAF7_B, 30, "avx512bw" },
	{ LEAF7_B, 31, "avx512vl" }, { XSAVE_A, 0, "xsaveopt" }, { XSAVE_A, 1, "xsavec" }, { XSAVE_A, 2, "xgetbv1" },
	{ XSAVE_A, 3, "xsaves" }, { LEAF7_C, 1, "avx512vbmi" }, { LEAF7_C, 2, "umip" }, { LEAF7_C, 6, "avx512_vbmi2" },
	{ LEAF7_C, 8, "gfni" }, { LEAF7_C, 9, "vaes" }, { LEAF7_C, 10, "vpclmulqdq" }, { LEAF7_C, 11, "avx512_vnni" },
	{ LEAF7_C, 12, "avx512_bitalg" }, { LEAF7_C, 14, "avx512_vpopcntdq" }, { LEAF7_C, 22, "rdpid" },
	{ LEAF7_D, 4, "fsrm" }, { LEAF7_D, 14, "serialize" },
	{ LEAF7_D, 22, "amx_bf16" }, { LEAF7_D, 24, "amx_tile" }, { LEAF7_D, 25, "amx_int8" },
	/* clang-format on */
};

struct processor {
	char vendor[13], model_name[49];
	unsigned int family, model, stepping, levels, clflush;
	uint32_t words[8];
};

static void identify(struct processor *p)
{
	struct cpuid r = cpuid(0, 0), extended = cpuid(0x80000000, 0);
	uint32_t max = r.a;
	const char *from;
	char *to;

	memset(p, 0, sizeof(*p));
	p->levels = max;
	memcpy(p->vendor, &r.b, 4);
	memcpy(p->vendor + 4, &r.d, 4);
	memcpy(p->vendor + 8, &r.c, 4);
	r = cpuid(1, 0);
	p->stepping = r.a & 15;
	p->model = r.a >> 4 & 15;
	p->family = r.a >> 8 & 15;
	if (p->family == 15)
		p->family += r.a >> 20 & 0xff;
	if (p->family == 6 || p->family >= 15)
		p->model |= (r.a >> 16 & 15) << 4;
	p->clflush = (r.b >> 8 & 0xff) * 8;
	p->words[LEAF1_C] = r.c;
	p->words[LEAF1_D] = r.d;
	if (max >= 7) {
		r = cpuid(7, 0);
		p->words[LEAF7_B] = r.b;
		p->words[LEAF7_C] = r.c;
		p->words[LEAF7_D] = r.d;
	}
	if (max >= 13)
		p->words[XSAVE_A] = cpuid(13, 1).a;
	if (extended.a >= 0x80000001) {
		r = cpuid(0x80000001, 0);
		p->words[EXTENDED_C] = r.c;
		p->words[EXTENDED_D] = r.d;
	}
	for (unsigned int i = 0; i < 3 && extended.a >= 0x80000004; i++) {
		r = cpuid(0x80000002 + i, 0);
		memcpy(p->model_name + 16 * i, &r, 16);
	}
	for (from = p->model_name; *from == ' '; from++)
		;
	for (to = p->model_name; *from;)
		*to++ = *from++;
	*to = 0;
}

static int show_cpuinfo(struct pseudo_text *t, struct inode *inode)
{
	struct processor p;

	(void)inode;
	identify(&p);
	for (unsigned int cpu = 0; cpu < cpus(); cpu++) {
		text_printf(
			t,
			"processor\t: %u\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\nmodel name\t: %s\nstepping\t: %u\n",
			cpu, p.vendor, p.family, p.model,
			p.model_name[0] ? p.model_name : "unknown", p.stepping);
		text_printf(
			t,
			"cpu MHz\t\t: 2000.000\ncache size\t: 1024 KB\nphysical id\t: 0\nsiblings\t: %u\ncore id\t\t: %u\n",
			cpus(), cpu);
		text_printf(
			t,
			"cpu cores\t: %u\napicid\t\t: %u\ninitial apicid\t: %u\nfpu\t\t: yes\nfpu_exception\t: yes\n",
			cpus(), cpu, cpu);
		text_printf(t, "cpuid level\t: %u\nwp\t\t: yes\nflags\t\t:", p.levels);
		for (unsigned int i = 0; i < ARRAY_SIZE(features); i++)
			if (p.words[features[i].where] >> features[i].bit & 1)
				text_printf(t, " %s", features[i].name);
		text_printf(
			t,
			"\nbugs\t\t:\nbogomips\t: 4000.00\nclflush size\t: %u\ncache_alignment\t: 64\n",
			p.clflush);
		text_string(
			t,
			"address sizes\t: 48 bits physical, 48 bits virtual\npower management:\n\n");
	}
	return 0;
}

/* --- memory ------------------------------------------------------------------------------------------------------------ */

static int show_meminfo(struct pseudo_text *t, struct inode *inode)
{
	struct memory_usage m;
	uint64_t total, used, cached, slab, anon, free, available;

	(void)inode;
	memory_usage(&m);
	total = m.limit >> 10;
	used = MIN((uint64_t)m.pages_used * 4, total);
	cached = MIN((uint64_t)m.cache_pages * 4, used);
	slab = MIN((uint64_t)m.slab_bytes >> 10, used - cached);
	anon = used - cached - slab;
	free = total - used;
	available = free;
	text_printf(t,
		    "MemTotal:       %8lu kB\nMemFree:        %8lu kB\nMemAvailable:   %8lu kB\n",
		    total, free, available);
	text_printf(
		t,
		"Buffers:               0 kB\nCached:         %8lu kB\nSwapCached:            0 kB\n",
		cached);
	text_printf(
		t,
		"Active:         %8lu kB\nInactive:       %8lu kB\nActive(anon):   %8lu kB\nInactive(anon):        0 kB\n",
		anon, cached, anon);
	text_printf(
		t,
		"Active(file):          0 kB\nInactive(file): %8lu kB\nUnevictable:           0 kB\nMlocked:               0 kB\n",
		cached);
	text_string(
		t,
		"SwapTotal:             0 kB\nSwapFree:              0 kB\nDirty:                 0 kB\nWriteback:             0 kB\n");
	text_printf(
		t,
		"AnonPages:      %8lu kB\nMapped:         %8lu kB\nShmem:                 0 kB\nKReclaimable:          0 kB\n",
		anon, cached);
	text_printf(
		t,
		"Slab:           %8lu kB\nSReclaimable:          0 kB\nSUnreclaim:     %8lu kB\nKernelStack:    %8u kB\n",
		slab, slab,
		__atomic_load_n(&task_count, __ATOMIC_RELAXED) *
			(unsigned int)(KERNEL_STACK_SIZE >> 10));
	text_string(
		t,
		"PageTables:            0 kB\nSecPageTables:         0 kB\nNFS_Unstable:          0 kB\nBounce:                0 kB\n"
		"WritebackTmp:          0 kB\n");
	text_printf(t, "CommitLimit:    %8lu kB\nCommitted_AS:   %8lu kB\n", total, used);
	text_string(
		t,
		"VmallocTotal:   34359738367 kB\nVmallocUsed:           0 kB\nVmallocChunk:          0 kB\nPercpu:                0 kB\n"
		"AnonHugePages:         0 kB\nShmemHugePages:        0 kB\nShmemPmdMapped:        0 kB\n"
		"FileHugePages:         0 kB\nFilePmdMapped:         0 kB\nHugePages_Total:       0\nHugePages_Free:        0\n"
		"HugePages_Rsvd:        0\nHugePages_Surp:        0\nHugepagesize:       2048 kB\nHugetlb:               0 kB\n");
	return 0;
}

static int show_vmstat(struct pseudo_text *t, struct inode *inode)
{
	struct memory_usage m;

	(void)inode;
	memory_usage(&m);
	text_printf(
		t,
		"nr_free_pages %lu\nnr_anon_pages %lu\nnr_file_pages %lu\nnr_dirty 0\nnr_writeback 0\n",
		m.limit / PAGE_SIZE > m.pages_used ? m.limit / PAGE_SIZE - m.pages_used : 0,
		m.pages_used - MIN(m.cache_pages, m.pages_used), m.cache_pages);
	text_string(
		t,
		"pgpgin 0\npgpgout 0\npswpin 0\npswpout 0\npgfault 0\npgmajfault 0\noom_kill 0\n");
	return 0;
}

/* --- time and load ------------------------------------------------------------------------------------------------------- */

struct totals {
	uint64_t user, system;
	unsigned int running, blocked;
	uint64_t switches;
	int last_pid;
};

static int add_process(struct process *p, void *arg)
{
	struct totals *sum = arg;
	uint64_t user, system;
	struct task *t;

	proc_cputime(p, NULL, &user, &system);
	sum->user += user + p->children_sum.user_ns;
	sum->system += system + p->children_sum.system_ns;
	if (p->kernel_task)
		return 0;
	sum->last_pid = MAX(sum->last_pid, p->pid);
	mutex_lock(&p->lock);
	list_for_each(t, &p->tasks, link) {
		sum->running += t->state == TASK_RUNNING;
		sum->switches += t->calls_slept;
	}
	mutex_unlock(&p->lock);
	return 0;
}

static void add_all(struct totals *sum)
{
	memset(sum, 0, sizeof(*sum));
	(void)process_for_each(add_process, sum);
}

static int show_stat(struct pseudo_text *t, struct inode *inode)
{
	uint64_t up = clock_monotonic(), user, system, idle;
	struct totals sum;

	(void)inode;
	add_all(&sum);
	user = sum.user / TICK;
	system = sum.system / TICK;
	idle = up / TICK * cpus();
	idle = idle > user + system ? idle - user - system : 0;
	text_printf(t, "cpu  %lu 0 %lu %lu 0 0 0 0 0 0\n", user, system, idle);
	for (unsigned int i = 0; i < cpus(); i++)
		text_printf(t, "cpu%u %lu 0 %lu %lu 0 0 0 0 0 0\n", i, user / cpus(),
			    system / cpus(), idle / cpus());
	text_printf(
		t,
		"intr 0\nctxt %lu\nbtime %lu\nprocesses %d\nprocs_running %u\nprocs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n",
		sum.switches, (clock_realtime() - up) / SECOND, sum.last_pid, MAX(sum.running, 1u));
	return 0;
}

static int show_uptime(struct pseudo_text *t, struct inode *inode)
{
	uint64_t up = clock_monotonic() / TICK, busy, idle;
	struct totals sum;

	(void)inode;
	add_all(&sum);
	busy = (sum.user + sum.system) / TICK;
	idle = up * cpus() > busy ? up * cpus() - busy : 0;
	text_printf(t, "%lu.%02lu %lu.%02lu\n", up / 100, up % 100, idle / 100, idle % 100);
	return 0;
}

/* The kernel keeps no averages over time: how many run now is the best it can say. */
static int show_loadavg(struct pseudo_text *t, struct inode *inode)
{
	struct totals sum;
	unsigned int running;

	(void)inode;
	add_all(&sum);
	running = MAX(sum.running, 1u);
	text_printf(t, "%u.00 %u.00 %u.00 %u/%u %d\n", running - 1, running - 1, running - 1,
		    running, __atomic_load_n(&task_count, __ATOMIC_RELAXED), sum.last_pid);
	return 0;
}

static int show_version(struct pseudo_text *t, struct inode *inode)
{
	(void)inode;
	text_printf(t, "Linux version %s (cloister@enclave) %s\n", uname_release(),
		    uname_version());
	return 0;
}

static int show_self(struct pseudo_text *t, struct inode *inode)
{
	(void)inode;
	text_printf(t, "%d", current_process()->pid);
	return 0;
}

static int show_thread_self(struct pseudo_text *t, struct inode *inode)
{
	(void)inode;
	text_printf(t, "%d/task/%d", current_process()->pid, current()->tid);
	return 0;
}

/* What is alive in the kernel, for leak tests: the same work done twice leaves the same numbers. */
static int show_cloister(struct pseudo_text *t, struct inode *inode)
{
	struct memory_usage m;
	uint64_t calls = 0;

	(void)inode;
	memory_usage(&m);
	for (unsigned int i = 0; i < HC_COUNT; i++)
		calls += __atomic_load_n(&host_calls[i], __ATOMIC_RELAXED);
	text_printf(t,
		    "pages %lu\ncache_pages %lu\nobjects %lu\ninodes %u\nfiles %u\ndentries %u\n",
		    m.pages_used, m.cache_pages, m.objects,
		    __atomic_load_n(&inode_count, __ATOMIC_RELAXED),
		    __atomic_load_n(&file_count, __ATOMIC_RELAXED),
		    __atomic_load_n(&dentry_count, __ATOMIC_RELAXED));
	text_printf(t, "processes %u\ntasks %u\nsockets %u\nhost_calls %lu\nlies %lu\n",
		    __atomic_load_n(&process_count, __ATOMIC_RELAXED),
		    __atomic_load_n(&task_count, __ATOMIC_RELAXED),
		    __atomic_load_n(&socket_count, __ATOMIC_RELAXED), calls,
		    __atomic_load_n(&host_lies, __ATOMIC_RELAXED));
	return 0;
}

/* --- the table ---------------------------------------------------------------------------------------------------------- */

#define TCP_HEAD \
	"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
#define TCP6_HEAD \
	"  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
#define UDP_HEAD \
	"   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops             \n"

pseudo_show proc_sys_pid_max, proc_sys_threads_max, proc_sys_boot_id, proc_sys_uuid,
	proc_sys_file_nr, proc_sys_domainname;
pseudo_store proc_sys_store_hostname, proc_sys_store_ignored;

#define TEXT(path, text)                     \
	{                                    \
		path, 0444, NULL, text, NULL \
	}
#define SETTING(path, text)                                    \
	{                                                      \
		path, 0644, NULL, text, proc_sys_store_ignored \
	}
#define SHOW(path, show)                     \
	{                                    \
		path, 0444, show, NULL, NULL \
	}
#define LINK(path, to)                               \
	{                                            \
		path, S_IFLNK | 0777, NULL, to, NULL \
	}

static const struct pseudo_node nodes[] = {
	{ "self", S_IFLNK | 0777, show_self, NULL, NULL },
	{ "thread-self", S_IFLNK | 0777, show_thread_self, NULL, NULL },
	LINK("mounts", "self/mounts"),
	SHOW("cpuinfo", show_cpuinfo),
	SHOW("meminfo", show_meminfo),
	SHOW("stat", show_stat),
	SHOW("uptime", show_uptime),
	SHOW("loadavg", show_loadavg),
	SHOW("version", show_version),
	SHOW("vmstat", show_vmstat),
	SHOW("cloister", show_cloister),
	TEXT("cmdline", "cloister\n"),
	TEXT("filesystems",
	     "nodev\tproc\nnodev\tsysfs\nnodev\ttmpfs\nnodev\tdevpts\nnodev\tcgroup2\nnodev\tconfigfs\nnodev\tmqueue\nnodev\toverlay\n\terofs\n"),
	TEXT("swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"),
	TEXT("diskstats", ""),
	TEXT("partitions", "major minor  #blocks  name\n\n"),
	TEXT("devices",
	     "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n 10 misc\n128 ptm\n136 pts\n\nBlock devices:\n"),
	TEXT("modules", ""),
	TEXT("misc", ""),
	TEXT("interrupts", ""),
	TEXT("locks", ""),
	TEXT("crypto", ""),
	TEXT("cgroups",
	     "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t0\t1\t1\nmemory\t0\t1\t1\npids\t0\t1\t1\n"),
	TEXT("sysvipc/msg",
	     "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime\n"),
	TEXT("sysvipc/sem",
	     "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n"),
	TEXT("net/dev",
	     "Inter-|   Receive                                                |  Transmit\n"
	     " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n"
	     "    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0\n"),
	TEXT("net/tcp", TCP_HEAD "                                                     \n"),
	TEXT("net/tcp6", TCP6_HEAD),
	TEXT("net/udp", UDP_HEAD),
	TEXT("net/udp6",
	     "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"),
	TEXT("net/raw", UDP_HEAD),
	TEXT("net/unix", "Num       RefCount Protocol Flags    Type St Inode Path\n"),
	TEXT("net/netlink",
	     "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n"),
	TEXT("net/packet", "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n"),
	TEXT("net/arp",
	     "IP address       HW type     Flags       HW address            Mask     Device\n"),
	TEXT("net/route",
	     "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT                                                       \n"),
	TEXT("net/ipv6_route",
	     "00000000000000000000000000000001 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000001 00000000 80200001       lo\n"),
	TEXT("net/if_inet6", "00000000000000000000000000000001 01 80 10 80       lo\n"),
	TEXT("net/sockstat",
	     "sockets: used 0\nTCP: inuse 0 orphan 0 tw 0 alloc 0 mem 0\nUDP: inuse 0 mem 0\n"),
	TEXT("net/snmp", ""),
	TEXT("net/netstat", ""),
	TEXT("pressure/cpu",
	     "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"),
	TEXT("pressure/io",
	     "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"),
	TEXT("pressure/memory",
	     "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"),

	{ "sys/kernel/hostname", 0644, proc_sys_hostname, NULL, proc_sys_store_hostname },
	SHOW("sys/kernel/domainname", proc_sys_domainname),
	TEXT("sys/kernel/ostype", "Linux\n"),
	SHOW("sys/kernel/osrelease", proc_sys_osrelease),
	SHOW("sys/kernel/version", proc_sys_version),
	SHOW("sys/kernel/pid_max", proc_sys_pid_max),
	SHOW("sys/kernel/threads-max", proc_sys_threads_max),
	SHOW("sys/kernel/random/boot_id", proc_sys_boot_id),
	SHOW("sys/kernel/random/uuid", proc_sys_uuid),
	TEXT("sys/kernel/random/entropy_avail", "256\n"),
	TEXT("sys/kernel/random/poolsize", "256\n"),
	TEXT("sys/kernel/ngroups_max", "65536\n"),
	TEXT("sys/kernel/cap_last_cap", "40\n"),
	TEXT("sys/kernel/overflowgid", "65534\n"),
	TEXT("sys/kernel/overflowuid", "65534\n"),
	TEXT("sys/kernel/shmmax", "18446744073692774399\n"),
	TEXT("sys/kernel/shmall", "18446744073692774399\n"),
	TEXT("sys/kernel/shmmni", "4096\n"),
	TEXT("sys/kernel/sem", "32000\t1024000000\t500\t32000\n"),
	TEXT("sys/kernel/msgmax", "8192\n"),
	TEXT("sys/kernel/msgmnb", "16384\n"),
	TEXT("sys/kernel/msgmni", "32000\n"),
	SETTING("sys/kernel/core_pattern", "core\n"),
	TEXT("sys/kernel/core_uses_pid", "0\n"),
	TEXT("sys/kernel/randomize_va_space", "2\n"),
	TEXT("sys/kernel/tainted", "0\n"),
	TEXT("sys/kernel/panic", "0\n"),
	TEXT("sys/kernel/printk", "4\t4\t1\t7\n"),
	TEXT("sys/kernel/sched_rt_runtime_us", "950000\n"),
	TEXT("sys/kernel/sched_rt_period_us", "1000000\n"),
	TEXT("sys/kernel/sched_autogroup_enabled", "0\n"),
	TEXT("sys/kernel/perf_event_paranoid", "4\n"),
	TEXT("sys/kernel/kptr_restrict", "1\n"),
	TEXT("sys/kernel/dmesg_restrict", "1\n"),
	TEXT("sys/kernel/unprivileged_bpf_disabled", "2\n"),
	TEXT("sys/kernel/pty/max", "4096\n"),
	TEXT("sys/kernel/seccomp/actions_avail", "\n"),
	TEXT("sys/kernel/keys/maxkeys", "200\n"),
	SETTING("sys/vm/overcommit_memory", "1\n"),
	TEXT("sys/vm/overcommit_ratio", "50\n"),
	TEXT("sys/vm/max_map_count", "65000\n"),
	TEXT("sys/vm/mmap_min_addr", "65536\n"),
	SETTING("sys/vm/swappiness", "60\n"),
	TEXT("sys/vm/nr_hugepages", "0\n"),
	TEXT("sys/vm/min_free_kbytes", "1024\n"),
	TEXT("sys/vm/legacy_va_layout", "0\n"),
	SETTING("sys/vm/drop_caches", "0\n"),
	SETTING("sys/fs/file-max", "9223372036854775807\n"),
	SHOW("sys/fs/file-nr", proc_sys_file_nr),
	TEXT("sys/fs/nr_open", "1048576\n"),
	TEXT("sys/fs/pipe-max-size", "1048576\n"),
	TEXT("sys/fs/pipe-user-pages-soft", "16384\n"),
	TEXT("sys/fs/pipe-user-pages-hard", "0\n"),
	TEXT("sys/fs/lease-break-time", "45\n"),
	TEXT("sys/fs/overflowuid", "65534\n"),
	TEXT("sys/fs/overflowgid", "65534\n"),
	TEXT("sys/fs/protected_symlinks", "0\n"),
	TEXT("sys/fs/protected_hardlinks", "0\n"),
	TEXT("sys/fs/suid_dumpable", "0\n"),
	TEXT("sys/fs/aio-max-nr", "65536\n"),
	TEXT("sys/fs/inotify/max_queued_events", "16384\n"),
	TEXT("sys/fs/inotify/max_user_instances", "128\n"),
	TEXT("sys/fs/inotify/max_user_watches", "65536\n"),
	TEXT("sys/fs/epoll/max_user_watches", "1048576\n"),
	TEXT("sys/fs/mqueue/msg_default", "10\n"),
	TEXT("sys/fs/mqueue/msg_max", "10\n"),
	TEXT("sys/fs/mqueue/msgsize_default", "8192\n"),
	TEXT("sys/fs/mqueue/msgsize_max", "8192\n"),
	TEXT("sys/fs/mqueue/queues_max", "256\n"),
	SETTING("sys/net/core/somaxconn", "4096\n"),
	TEXT("sys/net/core/rmem_max", "212992\n"),
	TEXT("sys/net/core/wmem_max", "212992\n"),
	TEXT("sys/net/core/rmem_default", "212992\n"),
	TEXT("sys/net/core/wmem_default", "212992\n"),
	TEXT("sys/net/ipv4/ip_local_port_range", "32768\t60999\n"),
	TEXT("sys/net/ipv4/ip_unprivileged_port_start", "1024\n"),
	TEXT("sys/net/ipv4/ip_forward", "0\n"),
	TEXT("sys/net/ipv4/tcp_rmem", "4096\t131072\t6291456\n"),
	TEXT("sys/net/ipv4/tcp_wmem", "4096\t16384\t4194304\n"),
	TEXT("sys/net/ipv4/tcp_fin_timeout", "60\n"),
	TEXT("sys/net/ipv4/tcp_fastopen", "0\n"),
	TEXT("sys/net/ipv4/tcp_keepalive_time", "7200\n"),
	TEXT("sys/net/ipv4/tcp_keepalive_intvl", "75\n"),
	TEXT("sys/net/ipv4/tcp_keepalive_probes", "9\n"),
	TEXT("sys/net/ipv4/tcp_max_syn_backlog", "4096\n"),
	TEXT("sys/net/ipv4/tcp_syncookies", "1\n"),
	TEXT("sys/net/ipv4/tcp_congestion_control", "cubic\n"),
	TEXT("sys/net/ipv6/conf/all/disable_ipv6", "0\n"),
	TEXT("sys/net/ipv6/bindv6only", "0\n"),
	TEXT("tty/drivers", "/dev/tty             /dev/tty        5       0 system:/dev/tty\n"
			    "/dev/ptmx            /dev/ptmx       5       2 system\n"
			    "pty_slave            /dev/pts      136 0-1048575 pty:slave\n"),
};

const struct pseudo_tree procfs_tree = { nodes, ARRAY_SIZE(nodes), NULL };
