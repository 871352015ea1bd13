/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0 */
/*
 * Between the module encls.ko and the program enclave-attacks (hypervisor/tests/attacks): Linux's kernel as the attacker of a living enclave.
 * The program decides what is done, the module does it at CPL 0, on the processor that asks.
 *
 * /dev/encls: mmap at offset 0 gives ENCLS_BUFFER bytes that the kernel sees at info.buffer (operands of leaves must be the kernel's); at
 * ENCLS_PHYSICAL + address, physical memory: an alias of a page of EPC, for example.
 */
#pragma once

#include <linux/ioctl.h>
#include <linux/types.h>

#define ENCLS_DEVICE "/dev/encls"
#define ENCLS_BUFFER 0x20000ULL
#define ENCLS_PHYSICAL (1ULL << 40)

struct encls_info {
	__u64 epc_start, epc_pages; /* physical */
	__u64 epc, buffer;	    /* where the kernel sees them */
};

/* RAX, or the fault's vector | ENCLS_FAULT. RBX comes back. */
#define ENCLS_FAULT 0x40000000U
struct encls_call {
	__u64 rax, rbx, rcx, rdx;
};

/* The last page table entry for an address of the caller's. */
struct encls_entry {
	__u64 address, entry;
};

#define ENCLS_INFO _IOR('E', 1, struct encls_info)
#define ENCLS_RUN _IOWR('E', 2, struct encls_call)
#define ENCLS_ENTRY_GET _IOWR('E', 3, struct encls_entry)
#define ENCLS_ENTRY_SET _IOW('E', 4, struct encls_entry)
#define ENCLS_KICK _IO('E', 5) /* every processor leaves its enclave once */
