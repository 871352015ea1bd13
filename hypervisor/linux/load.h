/* SPDX-License-Identifier: GPL-2.0 */
/* The module's own: load.c, attach.c, switch.S, state.c, trust.c. */
#ifndef CLOISTER_LOAD_H
#define CLOISTER_LOAD_H

#include <linux/cpumask.h>

#include "abi/hypercall.h"

struct enter_args {
	u64 boot; /* physical, as is entry */
	u64 processor;
	u64 cr3;
	u64 entry;
	struct hv_entry state;
};

long cloister_enter(struct enter_args *args);
long cloister_leave(u64 cr3, u64 flags);

/* state.c: what the running hypervisor tells, in /sys/kernel/cloister; and refusing hotplug, sleep, and leaving at reboot. */
int state_start(phys_addr_t start, phys_addr_t epc_start, phys_addr_t end, unsigned int cpus);
void state_stop(void);
int guards_start(void);
void guards_stop(void);

/* power.c: ports that reset the machine or let it sleep */
void power_fill(struct hv_power *power);

/* trust.c: what the hypervisor is to know of the TPM and of itself; Linux's driver of the TPM kept still; report and signatures. */
int trust_fill(struct hv_boot *boot, const void *image, size_t image_size);
enum hv_tpm trust_tpm_hold(void);
void trust_tpm_release(void);
ssize_t trust_text(char *to);
int trust_start(void);
void trust_stop(void);

/* All processors of ours online, and none leaves until scatter, which takes those offline again that were brought. 0, or who did not come. */
int processors_gather(struct cpumask *ret_brought);
void processors_scatter(const struct cpumask *brought);

/* attach.c: where the hypervisor was before this Linux */
bool hypervisor_is_below(void);
int attach(void);
void detach(void);
int sleep_guard_start(void); /* state.c; part of guards_start */
void sleep_guard_stop(void);

/* load.c */
extern bool cloister_active, cloister_stay;
extern struct cpumask cloister_processors; /* those that entered */
int cloister_give_back(u64 flags);

#endif
