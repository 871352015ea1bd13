/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual machine control block and the bits in it (AMD APM 2, appendix B: layout; 15.9: intercepts; appendix C: exit codes). Offsets: tests/leaves/layout_test.c. */
#pragma once

#include "lib/base/types.h"

struct vmcb_segment {
	uint16_t selector, attributes;
	uint32_t limit;
	uint64_t base;
};
/* attributes: the descriptor's bits 40-47 and 52-55, packed */
enum { SEGMENT_LONG = 1 << 9, SEGMENT_BIG = 1 << 10 };

struct vmcb {
	uint32_t intercept_cr, intercept_dr, intercept_exceptions, intercept_3, intercept_4,
		intercept_5;
	uint8_t reserved0[0x40 - 0x18];
	uint64_t iopm, msrpm, tsc_offset;
	uint32_t asid;
	uint8_t tlb_control, reserved1[3];
	uint64_t interrupt_control, interrupt_shadow;
	uint64_t exit_code, exit_info_1, exit_info_2, exit_event;
	uint64_t nested_control;
	uint8_t reserved2[0xa8 - 0x98];
	uint64_t event;
	uint64_t nested_cr3, extensions;
	uint32_t clean, reserved3;
	uint64_t next_rip;
	uint8_t fetched, instruction[15];
	uint8_t reserved4[0x400 - 0xe0];

	struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	uint8_t reserved5[0x4cb - 0x4a0];
	uint8_t cpl;
	uint32_t reserved6;
	uint64_t efer;
	uint8_t reserved7[0x548 - 0x4d8];
	uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
	uint8_t reserved8[0x5d8 - 0x580];
	uint64_t rsp, s_cet, ssp, isst_address, rax;
	uint64_t star, lstar, cstar, sfmask, kernel_gs_base, sysenter_cs, sysenter_esp,
		sysenter_eip, cr2;
	uint8_t reserved9[0x668 - 0x648];
	uint64_t pat;
	uint8_t reserved10[0x1000 - 0x670];
};

/* Bits of intercept_3 and intercept_4 (15.9, offsets 00CH and 010H). */
/* clang-format off */
enum {
	I3_INTR = 1 << 0, I3_NMI = 1 << 1, I3_INIT = 1 << 3, I3_IDTR_READ = 1 << 6,
	I3_GDTR_READ = 1 << 7, I3_LDTR_READ = 1 << 8, I3_TR_READ = 1 << 9, I3_RDPMC = 1 << 15,
	I3_CPUID = 1 << 18, I3_IRET = 1 << 20, I3_INTN = 1 << 21, I3_INVD = 1 << 22,
	I3_INVLPGA = 1 << 26, I3_IO = 1 << 27, I3_MSR = 1 << 28,
};
/* clang-format on */
#define I3_SHUTDOWN (1U << 31)
/* clang-format off */
enum {
	I4_VMRUN = 1 << 0, I4_VMMCALL = 1 << 1, I4_VMLOAD = 1 << 2, I4_VMSAVE = 1 << 3,
	I4_STGI = 1 << 4, I4_CLGI = 1 << 5, I4_SKINIT = 1 << 6, I4_XSETBV = 1 << 13,
};
/* clang-format on */

/* clang-format off */
enum {
	EXIT_EXCEPTION = 0x40 /* .. 5FH */, EXIT_INTR = 0x60, EXIT_NMI = 0x61, EXIT_INIT = 0x63,
	EXIT_IDTR_READ = 0x66, EXIT_GDTR_READ = 0x67, EXIT_LDTR_READ = 0x68, EXIT_TR_READ = 0x69,
	EXIT_RDPMC = 0x6f, EXIT_CPUID = 0x72, EXIT_IRET = 0x74, EXIT_INTN = 0x75, EXIT_INVD = 0x76,
	EXIT_INVLPGA = 0x7a, EXIT_IO = 0x7b, EXIT_MSR = 0x7c, EXIT_SHUTDOWN = 0x7f,
	EXIT_VMRUN = 0x80, EXIT_VMMCALL = 0x81, EXIT_VMLOAD = 0x82, EXIT_VMSAVE = 0x83,
	EXIT_STGI = 0x84, EXIT_CLGI = 0x85, EXIT_SKINIT = 0x86, EXIT_XSETBV = 0x8d,
	EXIT_NPF = 0x400,
};
/* clang-format on */

/* EVENTINJ and EXITINTINFO (15.20): vector, type, error code above. */
/* clang-format off */
enum {
	EVENT_INTERRUPT = 0 << 8, EVENT_NMI = 2 << 8, EVENT_EXCEPTION = 3 << 8,
	EVENT_SOFTWARE = 4 << 8, EVENT_TYPE = 7 << 8, EVENT_HAS_ERROR = 1 << 11,
};
/* clang-format on */
#define EVENT_VALID (1ULL << 31)

/* EXITINFO1 of a nested page fault (15.25.6). */
enum { NPF_PRESENT = 1, NPF_WRITE = 2, NPF_FETCH = 16 };
#define NPF_TABLE_WALK (1ULL << 33)

/* clang-format off */
enum {
	MSR_FS_BASE = 0xc0000100U, MSR_GS_BASE = 0xc0000101U, MSR_APIC_BASE = 0x1bU,
	MSR_PAT = 0x277U, MSR_DEBUG_CTL = 0x1d9U, MSR_MTRR_DEFAULT = 0x2ffU, MSR_X2APIC = 0x800U, MSR_EFER = 0xc0000080U,
	MSR_SYSCFG = 0xc0010010U, MSR_PATCH_LOADER = 0xc0010020U, MSR_VM_CR = 0xc0010114U, MSR_VM_HSAVE_PA = 0xc0010117U,
};
enum {
	EFER_SCE = 1 << 0, EFER_LME = 1 << 8, EFER_LMA = 1 << 10, EFER_NXE = 1 << 11,
	EFER_SVME = 1 << 12, EFER_FFXSR = 1 << 14, EFER_TCE = 1 << 15, EFER_AUTOIBRS = 1 << 21, CR4_LA57 = 1 << 12,
	CR4_OSXSAVE = 1 << 18, CR4_PKE = 1 << 22, CR4_CET = 1 << 23, CR4_SMEP = 1 << 20,
	VM_CR_R_INIT = 1 << 1, VM_CR_DIS_A20M = 1 << 2,
};
/* clang-format on */
/* PG WP NE ET MP PE; PAE MCE PGE OSFXSR OSXMMEXCPT FSGSBASE */
#define CR0_OURS 0x80010033ULL
#define CR4_OURS 0x000106e0ULL
