// SPDX-License-Identifier: GPL-2.0
/*
 * The module in a kernel that has been a guest from its start: the second one of a boot in two stages, or that of a crash. There is nothing to load and
 * nothing to give back: the hypervisor was here before, and stays. What the module brings is /sys/kernel/cloister and the reports and signatures of
 * trust.c; and it keeps Linux from sleeping, which would end with memory readable outside of the hypervisor. EPC is the kernel's own driver's.
 * All that it knows, it asks the hypervisor.
 */
#define pr_fmt(fmt) "cloister: " fmt
#include <asm/processor.h>
#include <linux/module.h>

#include "cloister.h"
#include "load.h"

bool hypervisor_is_below(void)
{
	u32 a, b, c, d;

	if (!(cpuid_ecx(1) & BIT(31))) /* "a hypervisor is here" */
		return false;
	cpuid(HV_CPUID_BASE, &a, &b, &c, &d);
	return b == HV_CPUID_EBX && c == HV_CPUID_ECX && d == HV_CPUID_EDX;
}

int attach(void)
{
	long version, start, epc_start, end;
	unsigned int processors = 0;
	int err;

	cloister_active = true; /* for hypercalls */
	version = cloister_call(HV_CALL_VERSION, 0, 0);
	if (version != HV_ABI_VERSION) {
		pr_err("the hypervisor below speaks version %ld, this module %d: they have to be of one build\n",
		       version, HV_ABI_VERSION);
		err = -EPROTO;
		goto no_hypervisor;
	}
	start = cloister_call(HV_CALL_WHERE, 0, 0);
	epc_start = cloister_call(HV_CALL_WHERE, 1, 0);
	end = cloister_call(HV_CALL_WHERE, 2, 0);
	while (cloister_call(HV_CALL_COUNTER, HV_COUNTER_EXITS, processors) >= 0)
		processors++;
	err = sleep_guard_start();
	if (err)
		goto no_hypervisor;
	err = state_start(start, epc_start, end, processors);
	if (err)
		goto no_state;
	err = trust_start();
	if (err)
		goto no_trust;
	pr_info("the hypervisor was here before Linux, on %u processors, and stays; %ld MiB for enclaves\n",
		processors, (end - epc_start) >> 20);
	return 0;
no_trust:
	state_stop();
no_state:
	sleep_guard_stop();
no_hypervisor:
	cloister_active = false;
	return err;
}

void detach(void)
{
	trust_stop();
	state_stop();
	sleep_guard_stop();
	cloister_active = false;
}
