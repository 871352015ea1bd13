// SPDX-License-Identifier: GPL-2.0
/*
 * While Linux is a guest: /sys/kernel/cloister shows it (status, epc_start, epc_size, epc_used, processors, and counters/ summed over all
 * processors), and what would take a processor out of the hypervisor, or stop it with EPC's contents in memory, is refused (sleep, processors that
 * did not enter) or gives the machine back first (reboot, kexec: EPC is wiped). Two kernels stay guests: that of a crash, which cannot ask, and the
 * second one of a boot in two stages (parameter `stay`), which finds SGX as on a machine that has it.
 */
#define pr_fmt(fmt) "cloister: " fmt
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/reboot.h>
#include <linux/slab.h>
#include <linux/suspend.h>
#include <linux/sysfs.h>

#include "cloister.h"
#include "load.h"

static phys_addr_t epc_from, range_start, range_end;
static unsigned int processors;
static struct kobject *folder, *counters_folder;
static struct kobj_attribute counter_attributes[HV_COUNTERS];
static struct attribute *counter_list[HV_COUNTERS + 1];
static const char *const counter_names[] = { HV_COUNTER_NAMES };
static const struct attribute_group counter_group = { .attrs = counter_list };
static int state_prepare, state_online;
static bool leaving; /* nobody goes offline */

static ssize_t counter_show(struct kobject *object, struct kobj_attribute *attribute, char *to)
{
	unsigned long which = attribute - counter_attributes, sum = 0;
	unsigned int i;

	for (i = 0; i < processors; i++)
		sum += cloister_call(HV_CALL_COUNTER, which, i);
	return sysfs_emit(to, "%lu\n", sum);
}

static ssize_t status_show(struct kobject *object, struct kobj_attribute *attribute, char *to)
{
	return sysfs_emit(to, "%s\n",
			  cloister_active && cloister_call(HV_CALL_VERSION, 0, 0) == HV_ABI_VERSION
				  ? "guest"
				  : "native");
}

static ssize_t epc_start_show(struct kobject *object, struct kobj_attribute *attribute, char *to)
{
	return sysfs_emit(to, "%#llx\n", (u64)epc_from);
}

static ssize_t epc_size_show(struct kobject *object, struct kobj_attribute *attribute, char *to)
{
	return sysfs_emit(to, "%#llx\n", (u64)(range_end - epc_from));
}

static ssize_t start_show(struct kobject *object, struct kobj_attribute *attribute, char *to)
{
	return sysfs_emit(to, "%#llx\n", (u64)range_start);
}

static ssize_t epc_used_show(struct kobject *object, struct kobj_attribute *attribute, char *to)
{
	return sysfs_emit(to, "%ld\n", cloister_call(HV_CALL_EPC_USED, 0, 0));
}

static ssize_t iommus_show(struct kobject *object, struct kobj_attribute *attribute, char *to)
{
	return sysfs_emit(to, "%ld\n", cloister_call(HV_CALL_DMA, 0, 0));
}

static ssize_t dma_refused_show(struct kobject *object, struct kobj_attribute *attribute, char *to)
{
	return sysfs_emit(to, "%ld\n", cloister_call(HV_CALL_DMA, 1, 0));
}

static ssize_t processors_show(struct kobject *object, struct kobj_attribute *attribute, char *to)
{
	return sysfs_emit(to, "%u\n", processors);
}

static ssize_t trust_show(struct kobject *object, struct kobj_attribute *attribute, char *to)
{
	return trust_text(to);
}

static struct kobj_attribute status_attribute = __ATTR_RO(status),
			     trust_attribute = __ATTR_RO(trust),
			     epc_start_attribute = __ATTR_RO(epc_start),
			     epc_size_attribute = __ATTR_RO(epc_size),
			     epc_used_attribute = __ATTR_RO(epc_used),
			     start_attribute = __ATTR_RO(start),
			     iommus_attribute = __ATTR_RO(iommus),
			     dma_refused_attribute = __ATTR_RO(dma_refused),
			     processors_attribute = __ATTR_RO(processors);
static struct attribute *state_list[] = {
	&status_attribute.attr,	   &start_attribute.attr,
	&epc_start_attribute.attr, &epc_size_attribute.attr,
	&iommus_attribute.attr,	   &dma_refused_attribute.attr,
	&epc_used_attribute.attr,  &processors_attribute.attr,
	&trust_attribute.attr,	   NULL,
};
static const struct attribute_group state_group = { .attrs = state_list };

/* The hypervisor starts those that entered, and drops what is sent to others. */
static int cpu_up_asks(unsigned int cpu)
{
	if (cpumask_test_cpu(cpu, &cloister_processors))
		return 0;
	pr_warn("processor %u cannot come online: it is not among those that became guests\n", cpu);
	return -EBUSY;
}

static int cpu_down_asks(unsigned int cpu)
{
	if (!READ_ONCE(leaving))
		return 0;
	pr_warn("processor %u cannot go offline while the hypervisor starts or ends: try again\n",
		cpu);
	return -EBUSY;
}

int processors_gather(struct cpumask *ret_brought)
{
	unsigned int cpu;
	int err;

	cpumask_clear(ret_brought);
	WRITE_ONCE(leaving, true);
	/* One that is under way is waited for. */
	cpus_read_lock();
	cpus_read_unlock();
	for_each_cpu(cpu, &cloister_processors) {
		if (cpu_online(cpu))
			continue;
		err = add_cpu(cpu);
		if (err) {
			pr_err("processor %u does not come online (%d), and without it the machine cannot be given back\n",
			       cpu, err);
			return err;
		}
		cpumask_set_cpu(cpu, ret_brought);
	}
	return 0;
}

void processors_scatter(const struct cpumask *brought)
{
	unsigned int cpu;

	WRITE_ONCE(leaving, false);
	for_each_cpu(cpu, brought) {
		if (remove_cpu(cpu))
			pr_warn("processor %u stays online\n", cpu);
	}
}

static int sleep_refused(struct notifier_block *block, unsigned long what, void *data)
{
	if (what != PM_SUSPEND_PREPARE && what != PM_HIBERNATION_PREPARE &&
	    what != PM_RESTORE_PREPARE)
		return NOTIFY_DONE;
	pr_warn("no sleep: Linux is a guest\n");
	return NOTIFY_BAD;
}

/* data: what Linux calls the reboot; a kexec has this name (kernel/kexec_core.c). */
static int reboot_leaves(struct notifier_block *block, unsigned long what, void *data)
{
	if (cloister_stay && what == SYS_RESTART && data && !strcmp(data, "kexec reboot")) {
		pr_info("the next kernel stays a guest\n");
		return NOTIFY_DONE;
	}
	if (cloister_give_back(HV_LEAVE_WIPE))
		pr_crit("still a guest\n");
	return NOTIFY_DONE;
}

static struct notifier_block sleep_block = { .notifier_call = sleep_refused },
			     reboot_block = { .notifier_call = reboot_leaves, .priority = -1000 };

static int folder_make(void)
{
	int err = -ENOMEM;
	unsigned int i;

	BUILD_BUG_ON(ARRAY_SIZE(counter_names) != HV_COUNTERS);
	for (i = 0; i < HV_COUNTERS; i++) {
		sysfs_attr_init(&counter_attributes[i].attr);
		counter_attributes[i].attr.name = counter_names[i];
		counter_attributes[i].attr.mode = 0444;
		counter_attributes[i].show = counter_show;
		counter_list[i] = &counter_attributes[i].attr;
	}
	folder = kobject_create_and_add("cloister", kernel_kobj);
	if (folder)
		counters_folder = kobject_create_and_add("counters", folder);
	if (counters_folder)
		err = sysfs_create_group(folder, &state_group);
	if (!err)
		err = sysfs_create_group(counters_folder, &counter_group);
	return err;
}

int sleep_guard_start(void)
{
	return register_pm_notifier(&sleep_block);
}

void sleep_guard_stop(void)
{
	unregister_pm_notifier(&sleep_block);
}

/* From before the first processor enters. cloister_processors is set by then: who is not in it stays offline. */
int guards_start(void)
{
	int err;

	err = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN, "cloister:prepare", cpu_up_asks,
					NULL);
	if (err < 0)
		return err;
	state_prepare = err;
	err = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "cloister:online", NULL,
					cpu_down_asks);
	if (err < 0)
		goto no_online;
	state_online = err;
	err = sleep_guard_start();
	if (err)
		goto no_sleep;
	err = register_reboot_notifier(&reboot_block);
	if (!err)
		return 0;
	sleep_guard_stop();
no_sleep:
	cpuhp_remove_state_nocalls(state_online);
no_online:
	cpuhp_remove_state_nocalls(state_prepare);
	return err;
}

void guards_stop(void)
{
	unregister_reboot_notifier(&reboot_block);
	sleep_guard_stop();
	cpuhp_remove_state_nocalls(state_online);
	cpuhp_remove_state_nocalls(state_prepare);
}

int state_start(phys_addr_t start, phys_addr_t epc_start, phys_addr_t end, unsigned int cpus)
{
	int err;

	range_start = start;
	epc_from = epc_start;
	range_end = end;
	processors = cpus;
	err = folder_make();
	if (err)
		state_stop();
	return err;
}

void state_stop(void)
{
	kobject_put(counters_folder);
	kobject_put(folder);
	counters_folder = folder = NULL;
}
