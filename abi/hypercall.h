/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between Linux's module and the hypervisor: how the image is laid into reserved memory and entered, and the hypercalls after that.
 *
 * Reserved memory, one range, page aligned, that Linux's map of memory does not call RAM (memmap=SIZE$START):
 *
 *	start	image (ELF, segments at start + p_vaddr)
 *		struct hv_boot and a copy of ACPI's IVRS, HV_BOOT_SIZE behind it
 *		the hypervisor's tables, heap and stacks, up to epc_start
 *	epc_start .. end: pages for enclaves
 *
 * Entering: on every online processor, interrupts off, CR3 = a table that maps the reserved range one to one and executable beside Linux's
 * kernel half, call start + e_entry with RDI = struct hv_boot, RSI = processor 0.., RDX = struct hv_entry. Returns a negative errno
 * when nothing happened; else the processor goes on as a guest at hv_entry.rip. Until all have entered none is let go on.
 *
 * Hypercall: VMMCALL, CPL 0 only (else #UD); RAX the number, RDI, RSI, RDX arguments; RAX the result, negative errno; others are kept.
 */
#pragma once

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include "lib/base/types.h"
#endif

#define HV_ABI_VERSION 1
#define HV_BOOT_MAGIC 0x3176687265747369ULL
#define HV_CPUS_MAX 64
#define HV_RANGES_MAX 64
/* Least size of a hypervisor without EPC: image, tables, stacks. */
#define HV_SIZE_MIN (8ULL << 20)

#define HV_BOOT_SIZE 0x4000ULL
#define HV_BOOT_IVRS 0x1000ULL

struct hv_range {
	uint64_t start, end;
};

struct hv_boot {
	uint64_t magic;
	uint32_t version;
	uint32_t cpu_count;
	uint64_t start, end;  /* the reserved range */
	uint64_t image_size;  /* from start, page aligned */
	uint64_t epc_start;   /* up to end */
	uint64_t limit;	      /* physical addresses beyond are nobody's */
	uint16_t serial_port; /* for messages; 0: none */
	uint16_t reserved0;
	uint32_t ram_count;
	uint32_t ivrs_size; /* 0: no IOMMU; at HV_BOOT_IVRS from this structure */
	uint32_t reserved1;
	struct hv_range ram[HV_RANGES_MAX]; /* what Linux calls RAM, sorted */
};

struct hv_entry {
	uint64_t rip, rsp, cr3; /* where Linux goes on, as a guest */
};

enum {
	HV_CALL_VERSION = 0x434c5300, /* -> HV_ABI_VERSION */
	HV_CALL_COUNTER,	      /* RDI: enum hv_counter, RSI: processor -> its value */
	/*
	 * All processors at once; each waits for all. RDI: the table to leave with, as for entering. RSI: HV_LEAVE_WIPE, or 0: -EBUSY while an
	 * enclave lives. 0: this processor is native, runs behind the VMMCALL on that table, GIF clear.
	 */
	HV_CALL_LEAVE,
	HV_CALL_EPC_USED, /* -> pages in use */
	HV_CALL_DMA, /* RDI 0: -> IOMMUs that keep devices out of what is not Linux's, 0: none does; 1: -> requests refused */
};
enum { HV_LEAVE_WIPE = 1 };

enum hv_counter {
	HV_COUNTER_EXITS,
	HV_COUNTER_CPUID,
	HV_COUNTER_MSR,
	HV_COUNTER_MSR_REFUSED,
	HV_COUNTER_SVM_REFUSED, /* SVM's instructions, VMMCALL from programs */
	HV_COUNTER_UD,
	HV_COUNTER_ENCLS,
	HV_COUNTER_ENCLU,
	HV_COUNTER_AEX,
	HV_COUNTER_NPF,
	HV_COUNTER_ABORT_PAGE,
	HV_COUNTER_APIC_WRITES,
	HV_COUNTER_INIT_DROPPED, /* INIT and SIPI */
	HV_COUNTER_NMI,
	HV_COUNTER_FLUSHES,
	HV_COUNTER_FAULTS_OWN, /* exceptions of the hypervisor itself that it caught */
	HV_COUNTER_FAULTS_LINUX, /* its page tables, or what an event's delivery touches, lie in pages not its own */
	HV_COUNTERS,
};
/* Names of the counters, in order, for sysfs. */
#define HV_COUNTER_NAMES                                                                      \
	"exits", "cpuid", "msr", "msr_refused", "svm_refused", "ud", "encls", "enclu", "aex", \
		"npf", "abort_page", "apic_writes", "init_dropped", "nmi", "flushes",         \
		"faults_own", "faults_linux"

/* CPUID: the hypervisor's leaves. EBX, ECX, EDX of the first: "CloisterHv  ". */
#define HV_CPUID_BASE 0x40000000U
#define HV_CPUID_EBX 0x696f6c43U
#define HV_CPUID_ECX 0x72657473U
#define HV_CPUID_EDX 0x20207648U
