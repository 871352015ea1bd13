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

#define HV_ABI_VERSION 3
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

/* Ports that put the machine to sleep or reset it, as ACPI's FADT names them; 0: there is none. */
#define HV_SLEEP_PORTS 3
struct hv_power {
	uint16_t sleep_port
		[HV_SLEEP_PORTS]; /* of the byte with SLP_EN: PM1a, PM1b control; sleep control */
	uint16_t reset_port;
	uint8_t off_types[HV_SLEEP_PORTS]; /* bit n: SLP_TYP n there is soft off (S5) */
	uint8_t reserved[5];
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
	uint32_t flags;	    /* HV_BOOT_* */
	uint32_t tsc_khz;
	uint32_t tpm; /* enum hv_tpm */
	uint32_t seal_pcrs; /* PCRs, within HV_SEAL_PCRS and not none, whose values the sealed secret needs */
	uint32_t reserved1;
	uint8_t image_measurement[32]; /* SHA-256 of the image's file */
	uint8_t ak_name[32]; /* of the TPM's attestation key, without its nameAlg; zero: none named */
	struct hv_power power;
	struct hv_range ram[HV_RANGES_MAX]; /* what Linux calls RAM, sorted */
};

/* REPORT_ATTRIBUTE_DEBUG in the hypervisor's report: whoever started it does not vouch for it. */
#define HV_BOOT_DEBUG 1U
/* What the boot chain extends before an operating system runs, and no one later (TCG PC Client Platform Firmware Profile 1.06, 3.3.4). */
#define HV_SEAL_PCRS 0xffffU

/* What Linux knows of a TPM. */
enum hv_tpm {
	HV_TPM_NONE,
	HV_TPM_TIS, /* FIFO registers at FED40000H, and Linux sends nothing while the hypervisor starts */
	HV_TPM_OTHER,  /* another interface, without localities that we could tell apart */
	HV_TPM_UNUSED, /* there is one, and it was asked not to be used */
	HV_TPM_BUSY,   /* Linux's driver does not let go of it */
};

/* report_hv.config: SHA-384 of this. What the hypervisor was started with; all numbers little endian. */
#define HV_CONFIG_LABEL "cloister hypervisor config 1" /* padded with zero */
struct hv_config {
	uint8_t label[32];
	uint64_t start, epc_start, end, limit;
	uint32_t cpu_count, seal_pcrs, flags;
	uint32_t iommus; /* that keep devices out; 0: nothing does */
};
#ifndef __KERNEL__
_Static_assert(sizeof(struct hv_config) == 80, "no hole in what is hashed");
#endif

struct hv_entry {
	uint64_t rip, rsp, cr3; /* where Linux goes on, as a guest */
};

enum {
	HV_CALL_VERSION = 0x434c5300, /* -> HV_ABI_VERSION */
	HV_CALL_COUNTER,	      /* RDI: enum hv_counter, RSI: processor -> its value */
	/*
	 * All processors at once; each waits for all. RDI: the table to leave with, as for entering. RSI: HV_LEAVE_WIPE, or 0: -EBUSY while an
	 * enclave lives. -EAGAIN: a processor waits for its SIPI. 0: this processor is native, runs behind the VMMCALL on that table, GIF clear.
	 */
	HV_CALL_LEAVE,
	HV_CALL_EPC_USED, /* -> pages in use */
	HV_CALL_DMA, /* RDI 0: -> IOMMUs that keep devices out of what is not Linux's, 0: none does; 1: -> requests refused */
	HV_CALL_TRUST, /* RDI 0: -> enum hv_trust; 1: -> what the TPM answered last, if it refused (TPM_RC), else 0 */
	/*
	 * abi/hypervisor_device.h. RDI: physical address of a page of Linux's; REPORT writes struct hv_device_report to it, SIGN takes
	 * struct hv_device_sign from it, once, and writes the signature into it. -EINVAL: not such a page; else the errors said there.
	 */
	HV_CALL_REPORT,
	HV_CALL_SIGN,
	HV_CALL_WHERE, /* RDI 0: -> start of the reserved range, 1: of EPC, 2: end of both */
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
	HV_COUNTER_INIT_DROPPED, /* INIT and SIPI that reached no processor of ours */
	HV_COUNTER_NMI,
	HV_COUNTER_FLUSHES,
	HV_COUNTER_FAULTS_OWN, /* exceptions of the hypervisor itself that it caught */
	HV_COUNTER_FAULTS_LINUX, /* its page tables, or what an event's delivery touches, lie in pages not its own */
	HV_COUNTER_STARTS, /* processors that began anew, after INIT and SIPI */
	HV_COUNTERS,
};
/* Why there is no trust in a TPM, or that there is. */
enum hv_trust {
	HV_TRUST_YES, /* keys come from a secret in the TPM, the report is in PCR 22 */
	HV_TRUST_NOT_STARTED,
	HV_TRUST_NO_TPM,
	HV_TRUST_OTHER,
	HV_TRUST_UNUSED,
	HV_TRUST_BUSY,
	HV_TRUST_LOCALITY,
	HV_TRUST_DEVICE,
	HV_TRUST_BANK,
	HV_TRUST_EXTENDED,
	HV_TRUST_OWNER,
	HV_TRUST_INDEXES,
	HV_TRUST_RANDOM,
	HV_TRUST_HALF,
	HV_TRUSTS,
};
/* In order, for sysfs and messages. */
#define HV_TRUST_NAMES                                                                                                           \
	"trusted", "none: not started", "none: no TPM",                                                                          \
		"none: the TPM has no FIFO interface with localities (a firmware's TPM?)",                                       \
		"none: no_tpm was asked for",                                                                                    \
		"none: Linux's driver of the TPM does not let go of it",                                                         \
		"none: locality 2 of the TPM is not to be had",                                                                  \
		"none: the TPM does not answer as it should",                                                                    \
		"none: the TPM has no SHA-256 bank of PCRs (see the firmware's settings)",                                       \
		"none: PCR 21 or 22 was extended before (only the first start after a boot can be trusted)",                     \
		"none: the TPM's owner authorization is set: no NV index can be made (clear it once: tpm2_changeauth -c owner)", \
		"none: no NV index is free for the secret (remove old ones of 0x18c1510-0x18c1517: tpm2_nvundefine)",            \
		"none: no random numbers", "none: the TPM failed half way: boot again"

/* Names of the counters, in order, for sysfs. */
#define HV_COUNTER_NAMES                                                                      \
	"exits", "cpuid", "msr", "msr_refused", "svm_refused", "ud", "encls", "enclu", "aex", \
		"npf", "abort_page", "apic_writes", "init_dropped", "nmi", "flushes",         \
		"faults_own", "faults_linux", "starts"

/* CPUID: the hypervisor's leaves. EBX, ECX, EDX of the first: "CloisterHv  ". */
#define HV_CPUID_BASE 0x40000000U
#define HV_CPUID_EBX 0x696f6c43U
#define HV_CPUID_ECX 0x72657473U
#define HV_CPUID_EDX 0x20207648U
