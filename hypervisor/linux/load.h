/* SPDX-License-Identifier: GPL-2.0 */
/* The module's own: load.c, switch.S, state.c. */
#ifndef CLOISTER_LOAD_H
#define CLOISTER_LOAD_H

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

/* load.c */
extern bool cloister_active;
int cloister_give_back(u64 flags);

#endif
