/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sysfs: the few files that language runtimes and tools look for, to learn about processors and limits. Each
 * processor is a core of its own in one package; the enclave's memory limit is that of the one control group.
 * No state, no locks: every file is printed from what the kernel knows when it is read.
 */
#include <linux/errno.h>
#include <linux/magic.h>
#include <linux/stat.h>

#include "abi/platform.h"
#include "kernel/fs/pseudo.h"
#include "kernel/mm/kmalloc.h"
#include "kernel/task/task.h"
#include "kernel/time/time.h"
#include "lib/base/string.h"

static unsigned int cpus(void)
{
	return MAX(plat_info()->cpus, 1u);
}

static int show_cpu_list(struct pseudo_text *t, struct inode *inode)
{
	(void)inode;
	if (cpus() == 1)
		text_string(t, "0\n");
	else
		text_printf(t, "0-%u\n", cpus() - 1);
	return 0;
}

static void text_cpu_mask(struct pseudo_text *t, unsigned int only)
{
	unsigned int words = (cpus() + 31) / 32;

	while (words--) {
		uint32_t word = 0;

		for (unsigned int bit = 0; bit < 32; bit++) {
			unsigned int cpu = words * 32 + bit;

			if (cpu < cpus() && (only == cpu || only == ~0u))
				word |= 1u << bit;
		}
		text_printf(t, "%0*x%s", (int)(cpus() >= 32 ? 8 : (cpus() + 3) / 4), word,
			    words ? "," : "\n");
	}
}

static int show_cpu_map(struct pseudo_text *t, struct inode *inode)
{
	(void)inode;
	text_cpu_mask(t, ~0u);
	return 0;
}

static int show_own_map(struct pseudo_text *t, struct inode *inode)
{
	text_cpu_mask(t, pseudo_number(inode));
	return 0;
}

static int show_own_number(struct pseudo_text *t, struct inode *inode)
{
	text_printf(t, "%u\n", pseudo_number(inode));
	return 0;
}

static int show_node_meminfo(struct pseudo_text *t, struct inode *inode)
{
	struct memory_usage m;
	uint64_t total, used;

	(void)inode;
	memory_usage(&m);
	total = m.limit / 1024;
	used = MIN(m.pages_used * (PAGE_SIZE / 1024), total);
	text_printf(
		t,
		"Node 0 MemTotal:       %8lu kB\nNode 0 MemFree:        %8lu kB\nNode 0 MemUsed:        %8lu kB\n",
		total, total - used, used);
	text_printf(
		t,
		"Node 0 FilePages:      %8lu kB\nNode 0 HugePages_Total:     0\nNode 0 HugePages_Free:      0\n",
		m.cache_pages * (PAGE_SIZE / 1024));
	return 0;
}

static int show_memory_max(struct pseudo_text *t, struct inode *inode)
{
	struct memory_usage m;

	(void)inode;
	memory_usage(&m);
	text_printf(t, "%lu\n", m.limit);
	return 0;
}

static int show_memory_current(struct pseudo_text *t, struct inode *inode)
{
	struct memory_usage m;

	(void)inode;
	memory_usage(&m);
	text_printf(t, "%lu\n", m.pages_used * PAGE_SIZE);
	return 0;
}

static int show_memory_stat(struct pseudo_text *t, struct inode *inode)
{
	struct memory_usage m;
	size_t file;

	(void)inode;
	memory_usage(&m);
	file = MIN(m.cache_pages, m.pages_used);
	text_printf(t, "anon %lu\nfile %lu\nkernel %lu\nslab %lu\n",
		    (m.pages_used - file) * PAGE_SIZE, file * PAGE_SIZE, m.slab_bytes,
		    m.slab_bytes);
	text_printf(
		t,
		"inactive_anon 0\nactive_anon %lu\ninactive_file %lu\nactive_file 0\nunevictable 0\n",
		(m.pages_used - file) * PAGE_SIZE, file * PAGE_SIZE);
	return 0;
}

static int one_pid(struct process *p, void *arg)
{
	if (!p->kernel_task && !p->zombie)
		text_printf(arg, "%d\n", p->pid);
	return 0;
}

static int show_cgroup_procs(struct pseudo_text *t, struct inode *inode)
{
	(void)inode;
	return process_for_each(one_pid, t);
}

static int show_pids_current(struct pseudo_text *t, struct inode *inode)
{
	(void)inode;
	text_printf(t, "%u\n", __atomic_load_n(&task_count, __ATOMIC_RELAXED));
	return 0;
}

#define CPU "devices/system/cpu/"
#define TOPOLOGY "devices/system/cpu/cpu#/topology/"

/* The one control group, version 2: part of sysfs, and a file system of its own for who looks for its mount. */
#define CGROUP(prefix)                                                               \
	{ prefix "cgroup.controllers", 0444, NULL, "cpu memory pids\n", NULL },      \
		{ prefix "cgroup.procs", 0644, show_cgroup_procs, NULL, NULL },      \
		{ prefix "cgroup.subtree_control", 0644, NULL, "\n", NULL },         \
		{ prefix "cgroup.type", 0644, NULL, "domain\n", NULL },              \
		{ prefix "cgroup.max.depth", 0644, NULL, "max\n", NULL },            \
		{ prefix "cpu.max", 0644, NULL, "max 100000\n", NULL },              \
		{ prefix "cpu.weight", 0644, NULL, "100\n", NULL },                  \
		{ prefix "cpuset.cpus.effective", 0444, show_cpu_list, NULL, NULL }, \
		{ prefix "memory.current", 0444, show_memory_current, NULL, NULL },  \
		{ prefix "memory.high", 0644, NULL, "max\n", NULL },                 \
		{ prefix "memory.low", 0644, NULL, "0\n", NULL },                    \
		{ prefix "memory.max", 0644, show_memory_max, NULL, NULL },          \
		{ prefix "memory.min", 0644, NULL, "0\n", NULL },                    \
		{ prefix "memory.stat", 0444, show_memory_stat, NULL, NULL },        \
		{ prefix "memory.swap.current", 0444, NULL, "0\n", NULL },           \
		{ prefix "memory.swap.max", 0644, NULL, "0\n", NULL },               \
		{ prefix "pids.current", 0444, show_pids_current, NULL, NULL },      \
		{ prefix "pids.max", 0644, NULL, "max\n", NULL },

static const struct pseudo_node nodes[] = {
	{ CPU "online", 0444, show_cpu_list, NULL, NULL },
	{ CPU "possible", 0444, show_cpu_list, NULL, NULL },
	{ CPU "present", 0444, show_cpu_list, NULL, NULL },
	{ CPU "offline", 0444, NULL, "\n", NULL },
	{ CPU "isolated", 0444, NULL, "\n", NULL },
	{ CPU "kernel_max", 0444, NULL, "8191\n", NULL },
	{ TOPOLOGY "core_id", 0444, show_own_number, NULL, NULL },
	{ TOPOLOGY "physical_package_id", 0444, NULL, "0\n", NULL },
	{ TOPOLOGY "die_id", 0444, NULL, "0\n", NULL },
	{ TOPOLOGY "thread_siblings", 0444, show_own_map, NULL, NULL },
	{ TOPOLOGY "thread_siblings_list", 0444, show_own_number, NULL, NULL },
	{ TOPOLOGY "core_cpus", 0444, show_own_map, NULL, NULL },
	{ TOPOLOGY "core_cpus_list", 0444, show_own_number, NULL, NULL },
	{ TOPOLOGY "core_siblings", 0444, show_cpu_map, NULL, NULL },
	{ TOPOLOGY "core_siblings_list", 0444, show_cpu_list, NULL, NULL },
	{ TOPOLOGY "package_cpus", 0444, show_cpu_map, NULL, NULL },
	{ TOPOLOGY "package_cpus_list", 0444, show_cpu_list, NULL, NULL },
	{ "devices/system/node/online", 0444, NULL, "0\n", NULL },
	{ "devices/system/node/possible", 0444, NULL, "0\n", NULL },
	{ "devices/system/node/has_cpu", 0444, NULL, "0\n", NULL },
	{ "devices/system/node/node0/cpulist", 0444, show_cpu_list, NULL, NULL },
	{ "devices/system/node/node0/cpumap", 0444, show_cpu_map, NULL, NULL },
	{ "devices/system/node/node0/distance", 0444, NULL, "10\n", NULL },
	{ "devices/system/node/node0/meminfo", 0444, show_node_meminfo, NULL, NULL },
	{ "devices/virtual/net/lo/address", 0444, NULL, "00:00:00:00:00:00\n", NULL },
	{ "devices/virtual/net/lo/flags", 0444, NULL, "0x9\n", NULL },
	{ "devices/virtual/net/lo/ifindex", 0444, NULL, "1\n", NULL },
	{ "devices/virtual/net/lo/mtu", 0444, NULL, "65536\n", NULL },
	{ "devices/virtual/net/lo/operstate", 0444, NULL, "unknown\n", NULL },
	{ "devices/virtual/net/lo/type", 0444, NULL, "772\n", NULL },
	{ "class/net/lo", S_IFLNK | 0777, NULL, "../../devices/virtual/net/lo", NULL },
	{ "block/", 0, NULL, NULL, NULL },
	{ "bus/", 0, NULL, NULL, NULL },
	{ "dev/block/", 0, NULL, NULL, NULL },
	{ "dev/char/", 0, NULL, NULL, NULL },
	{ "firmware/", 0, NULL, NULL, NULL },
	CGROUP("fs/cgroup/"){ "kernel/config/", 0, NULL, NULL, NULL },
	{ "kernel/debug/", 0, NULL, NULL, NULL },
	{ "kernel/security/", 0, NULL, NULL, NULL },
	{ "kernel/tracing/", 0, NULL, NULL, NULL },
	{ "kernel/mm/hugepages/hugepages-2048kB/free_hugepages", 0444, NULL, "0\n", NULL },
	{ "kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", 0644, NULL, "0\n", NULL },
	{ "kernel/mm/transparent_hugepage/defrag", 0644, NULL,
	  "always defer defer+madvise [madvise] never\n", NULL },
	{ "kernel/mm/transparent_hugepage/enabled", 0644, NULL, "always [madvise] never\n", NULL },
	{ "kernel/mm/transparent_hugepage/hpage_pmd_size", 0444, NULL, "2097152\n", NULL },
	{ "kernel/mm/transparent_hugepage/shmem_enabled", 0644, NULL,
	  "always within_size advise [never] deny force\n", NULL },
	{ "module/", 0, NULL, NULL, NULL },
	{ "power/", 0, NULL, NULL, NULL },
};

static const struct pseudo_node cgroup_nodes[] = { CGROUP("") };

static const struct pseudo_tree tree = { nodes, ARRAY_SIZE(nodes), cpus };
static const struct pseudo_tree cgroup_tree = { cgroup_nodes, ARRAY_SIZE(cgroup_nodes), NULL };

static const struct filesystem_ops sysfs_ops = { .statfs = pseudo_simple_statfs };
static struct fs_type sysfs_type, cgroup_type;

static int mount_tree(const struct fs_type *type, const struct pseudo_tree *what, uint64_t magic,
		      const char *source, struct filesystem **ret)
{
	struct filesystem *fs = filesystem_new(type, &sysfs_ops);

	if (!fs)
		return -ENOMEM;
	fs->magic = magic;
	fs->private_data = (void *)(uintptr_t)what;
	str_copy(fs->source, source ? source : type->name, sizeof(fs->source));
	fs->root_inode = pseudo_root(fs);
	if (!fs->root_inode) {
		filesystem_put(fs);
		return -ENOMEM;
	}
	*ret = fs;
	return 0;
}

static int sysfs_mount(const char *source, const char *options, struct filesystem **ret)
{
	(void)options;
	return mount_tree(&sysfs_type, &tree, SYSFS_MAGIC, source, ret);
}

static int cgroup_mount(const char *source, const char *options, struct filesystem **ret)
{
	(void)options;
	return mount_tree(&cgroup_type, &cgroup_tree, CGROUP2_SUPER_MAGIC, source, ret);
}

static struct fs_type sysfs_type = { .name = "sysfs", .mount = sysfs_mount };
static struct fs_type cgroup_type = { .name = "cgroup2", .mount = cgroup_mount };

void sysfs_init(void)
{
	fs_register(&sysfs_type);
	fs_register(&cgroup_type);
}
