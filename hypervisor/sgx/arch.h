/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SGX architecture's structures and numbers (Intel SDM volume 3D: "37.x" are its chapters on structures, "38.x" the access
 * rules, "39.x" the life of pages, "40.x" the leaves). All little endian, no bitfields; each size and offset is pinned
 * (tests/leaves/layout_test.c). Nothing here is ours, except struct epcm_entry (the architecture leaves it to the processor) and
 * the tail of the SECS (the SDM: "reserved", used by the processor).
 */
#pragma once

#include "lib/base/types.h"

/* clang-format off */
/* --- Leaves (SDM 3D, tables 36-1 to 36-3): EAX at ENCLS and ENCLU ----------------------------- */
enum encls_leaf {
	ENCLS_ECREATE = 0x00, ENCLS_EADD = 0x01, ENCLS_EINIT = 0x02, ENCLS_EREMOVE = 0x03,
	ENCLS_EDBGRD = 0x04, ENCLS_EDBGWR = 0x05, ENCLS_EEXTEND = 0x06, ENCLS_ELDB = 0x07,
	ENCLS_ELDU = 0x08, ENCLS_EBLOCK = 0x09, ENCLS_EPA = 0x0a, ENCLS_EWB = 0x0b,
	ENCLS_ETRACK = 0x0c, ENCLS_EAUG = 0x0d, ENCLS_EMODPR = 0x0e, ENCLS_EMODT = 0x0f,
	ENCLS_ERDINFO = 0x10, ENCLS_ETRACKC = 0x11, ENCLS_ELDBC = 0x12, ENCLS_ELDUC = 0x13,
};
enum enclu_leaf {
	ENCLU_EREPORT = 0x00, ENCLU_EGETKEY = 0x01, ENCLU_EENTER = 0x02, ENCLU_ERESUME = 0x03,
	ENCLU_EEXIT = 0x04, ENCLU_EACCEPT = 0x05, ENCLU_EMODPE = 0x06, ENCLU_EACCEPTCOPY = 0x07,
	ENCLU_EDECCSSA = 0x09,
};

/* --- Codes that leaves return in RAX (SDM 3D, table 40-5 "error codes") ----------------------- */
enum sgx_code {
	SGX_OK = 0, SGX_INVALID_SIG_STRUCT = 1, SGX_INVALID_ATTRIBUTE = 2, SGX_BLKSTATE = 3,
	SGX_INVALID_MEASUREMENT = 4, SGX_NOTBLOCKABLE = 5, SGX_PG_INVLD = 6,
	SGX_EPC_PAGE_CONFLICT = 7, SGX_INVALID_SIGNATURE = 8, SGX_MAC_COMPARE_FAIL = 9,
	SGX_PAGE_NOT_BLOCKED = 10, SGX_NOT_TRACKED = 11, SGX_VA_SLOT_OCCUPIED = 12,
	SGX_CHILD_PRESENT = 13, SGX_ENCLAVE_ACT = 14, SGX_ENTRYEPOCH_LOCKED = 15,
	SGX_INVALID_EINITTOKEN = 16, SGX_PREV_TRK_INCMPL = 17, SGX_PG_IS_SECS = 18,
	SGX_PAGE_ATTRIBUTES_MISMATCH = 19, SGX_PAGE_NOT_MODIFIABLE = 20,
	SGX_PAGE_NOT_DEBUGGABLE = 21, SGX_INVALID_COUNTER = 25, SGX_PG_NONEPC = 26,
	SGX_TRACK_NOT_REQUIRED = 27, SGX_INVALID_CPUSVN = 32, SGX_INVALID_ISVSVN = 64,
	SGX_UNMASKED_EVENT = 128, SGX_INVALID_KEYNAME = 256,
};
/* clang-format on */

/* --- ATTRIBUTES (SDM 3D, 37.7.1) -------------------------------------------------------------- */
/* clang-format off */
enum {
	ATTRIBUTE_INIT = 1 << 0, ATTRIBUTE_DEBUG = 1 << 1, ATTRIBUTE_MODE64BIT = 1 << 2,
	ATTRIBUTE_PROVISIONKEY = 1 << 4, ATTRIBUTE_EINITTOKENKEY = 1 << 5, ATTRIBUTE_CET = 1 << 6,
	ATTRIBUTE_KSS = 1 << 7, ATTRIBUTE_AEXNOTIFY = 1 << 10,
};
/* clang-format on */
struct attributes {
	uint64_t flags;
	uint64_t xfrm; /* layout of XCR0 (37.7.2) */
};

/* MISCSELECT (37.7.3): what AEX reports in the SSA's MISC region. */
#define MISC_EXINFO (1U << 0)

/* --- SECS (37.7): 4096 bytes, the page of type PT_SECS ---------------------------------------- */
struct secs {
	uint64_t size, base;
	uint32_t ssa_frame_size; /* pages */
	uint32_t miscselect;
	uint64_t cet_legacy_bitmap_offset;
	uint8_t cet_attributes, reserved1[15];
	struct attributes attributes;
	uint8_t mrenclave[32], reserved2[32], mrsigner[32], reserved3[32], config_id[64];
	uint16_t isv_prod_id, isv_svn, config_svn;
	/*
	 * From here on reserved for software and zero in what ECREATE is given; the processor (we) keeps its own state there. It is
	 * evicted and reloaded with the page by EWB and ELDU, except `run`, which EWB clears: it is a pointer.
	 */
	uint8_t reserved4[2];
	uint64_t eid;
	uint8_t isv_ext_prod_id[16], isv_family_id[16];
	/* top 352 bytes of the decoded signature (EINIT; input of key derivation) */
	uint8_t padding[352];
	uint64_t measure[16]; /* struct sha256_state while not initialised */
	uint64_t children;    /* valid pages with this SECS */
	/* Tracking (39.5.x; sgx/epcm.h): */
	uint64_t epoch;		   /* counts ETRACKs */
	uint64_t threads;	   /* processors inside that entered in this epoch */
	uint64_t threads_previous; /* processors inside that entered in the epoch before */
	uint64_t run; /* struct enclave * of sgx/space.c, or 0: what is needed to run it, while it is in EPC */
	uint8_t reserved5[4096 - 824];
};

/* --- PAGEINFO, SECINFO, PCMD, RDINFO (37.8 - 37.12) ------------------------------------------- */
struct page_info {
	uint64_t linear, source;
	uint64_t secinfo; /* or PCMD */
	uint64_t secs;
};

struct secinfo {
	uint64_t flags;
	uint8_t reserved[56];
};
/* clang-format off */
enum {
	SECINFO_R = 1 << 0, SECINFO_W = 1 << 1, SECINFO_X = 1 << 2,
};
/* clang-format on */
#define SECINFO_RWX (SECINFO_R | SECINFO_W | SECINFO_X)
/* clang-format off */
enum {
	SECINFO_PENDING = 1 << 3, SECINFO_MODIFIED = 1 << 4, SECINFO_PR = 1 << 5,
};
/* clang-format on */
#define SECINFO_STATE (SECINFO_PENDING | SECINFO_MODIFIED | SECINFO_PR)
#define SECINFO_TYPE_SHIFT 8
#define SECINFO_TYPE(flags) ((uint8_t)((flags) >> SECINFO_TYPE_SHIFT))
#define SECINFO_RESERVED (~(SECINFO_RWX | SECINFO_STATE | (0xffULL << SECINFO_TYPE_SHIFT)))

/* 37.11.2 */
enum page_type { PT_SECS, PT_TCS, PT_REG, PT_VA, PT_TRIM, PT_SS_FIRST };

struct pcmd {
	struct secinfo secinfo;
	uint64_t enclave_id;
	uint8_t reserved[40], mac[16];
};

struct rdinfo {
	uint64_t status, flags, enclave_context;
};
#define RDINFO_CHILDPRESENT (1ULL << 0)
/* FLAGS as SECINFO.FLAGS, with */
#define RDINFO_BLOCKED (1ULL << 6)

#define VA_SLOTS 512 /* of 8 bytes, in a page of type PT_VA (37.17) */

/* --- TCS, SSA (37.8, 37.9) -------------------------------------------------------------------- */
struct tcs {
	uint64_t state; /* 1: a processor is inside by it */
	uint64_t flags, ossa;
	uint32_t cssa, nssa;
	uint64_t oentry, aep, ofs_base, ogs_base;
	uint32_t fs_limit, gs_limit;
	uint8_t reserved[4096 - 72];
};
#define TCS_INACTIVE 0ULL
#define TCS_ACTIVE 1ULL
#define TCS_DBGOPTIN (1ULL << 0)
#define TCS_AEXNOTIFY (1ULL << 1)
/* AEX-Notify is not offered (CPUID.12H.1:EAX[10]), so its flag is reserved. */
#define TCS_FLAGS_RESERVED (~TCS_DBGOPTIN)

struct gprsgx {		  /* the last 184 bytes of an SSA frame (37.9.2) */
	uint64_t gpr[16]; /* RAX RCX RDX RBX RSP RBP RSI RDI R8 .. R15 */
	uint64_t rflags, rip, ursp, urbp;
	uint32_t exit_info;
	uint8_t reserved[3], aex_notify;
	uint64_t fs_base, gs_base;
};
/* EXITINFO (37.9.2.1) */
#define EXITINFO_VALID (1U << 31)
#define EXITINFO_TYPE_HARDWARE (3U << 8)
#define EXITINFO_TYPE_SOFTWARE (6U << 8)

struct exinfo { /* directly below GPRSGX, if MISC_EXINFO (37.9.3) */
	uint64_t maddr;
	uint32_t error, reserved;
};

/* --- SIGSTRUCT, EINITTOKEN (37.14, 37.15) ----------------------------------------------------- */
struct sigstruct {
	uint8_t header[16];
	uint32_t vendor; /* 0 or 8086h */
	uint32_t date;	 /* BCD, yyyymmdd */
	uint8_t header2[16];
	uint32_t sw_defined;
	uint8_t reserved1[84], modulus[384];
	uint32_t exponent; /* 3 */
	uint8_t signature[384];
	uint32_t miscselect, misc_mask;
	uint8_t cet_attributes, cet_attributes_mask, reserved2[2], isv_family_id[16];
	struct attributes attributes, attribute_mask;
	uint8_t enclave_hash[32], reserved3[16], isv_ext_prod_id[16];
	uint16_t isv_prod_id, isv_svn;
	uint8_t reserved4[12], q1[384], q2[384];
};
/* What is signed: [0, 128) and [900, 1028). */
#define SIGSTRUCT_SIGNED1 128
#define SIGSTRUCT_SIGNED2 900
#define SIGSTRUCT_SIGNED2_SIZE 128
#define SIGSTRUCT_HEADER "\x06\0\0\0\xe1\0\0\0\0\0\x01\0\0\0\0\0"
#define SIGSTRUCT_HEADER2 "\x01\x01\0\0\x60\0\0\0\x60\0\0\0\x01\0\0\0"

struct einittoken {
	uint32_t valid; /* bit 0 */
	uint8_t reserved1[44];
	struct attributes attributes;
	uint8_t mrenclave[32], reserved2[32], mrsigner[32], reserved3[32];
	/* the MAC covers what is above */
	uint8_t cpu_svn_le[16];
	uint16_t isv_prod_id_le, isv_svn_le;
	uint8_t reserved4[24];
	uint32_t masked_miscselect_le;
	struct attributes masked_attributes_le;
	uint8_t key_id[32], mac[16];
};
#define EINITTOKEN_MACED 192

/* --- REPORT, TARGETINFO, KEYREQUEST (37.16 - 37.18) ------------------------------------------- */
struct report {
	uint8_t cpu_svn[16];
	uint32_t miscselect;
	uint8_t cet_attributes, reserved1[11], isv_ext_prod_id[16];
	struct attributes attributes;
	uint8_t mrenclave[32], reserved2[32], mrsigner[32], reserved3[32], config_id[64];
	uint16_t isv_prod_id, isv_svn, config_svn;
	uint8_t reserved4[42], isv_family_id[16], report_data[64];
	/* the MAC covers what is above */
	uint8_t key_id[32], mac[16];
};
#define REPORT_MACED 384

struct targetinfo {
	uint8_t measurement[32];
	struct attributes attributes;
	uint8_t cet_attributes, reserved1;
	uint16_t config_svn;
	uint32_t miscselect;
	uint8_t reserved2[8], config_id[64], reserved3[384];
};

struct keyrequest {
	uint16_t key_name, key_policy, isv_svn;
	uint8_t cet_attributes_mask, reserved1, cpu_svn[16];
	struct attributes attribute_mask;
	uint8_t key_id[32];
	uint32_t misc_mask;
	uint16_t config_svn;
	uint8_t reserved2[434];
} __attribute__((packed, aligned(8)));
enum key_name { KEY_EINITTOKEN, KEY_PROVISION, KEY_PROVISION_SEAL, KEY_REPORT, KEY_SEAL };
/* clang-format off */
enum {
	KEYPOLICY_MRENCLAVE = 1 << 0, KEYPOLICY_MRSIGNER = 1 << 1, KEYPOLICY_NOISVPRODID = 1 << 2,
	KEYPOLICY_CONFIGID = 1 << 3, KEYPOLICY_ISVFAMILYID = 1 << 4,
	KEYPOLICY_ISVEXTPRODID = 1 << 5,
};
/* clang-format on */
#define KEYPOLICY_RESERVED 0xffc0U
#define KEYPOLICY_KSS                                                         \
	(KEYPOLICY_NOISVPRODID | KEYPOLICY_CONFIGID | KEYPOLICY_ISVFAMILYID | \
	 KEYPOLICY_ISVEXTPRODID)

/* --- MSRs (SDM 4, table 2-2) and CPUID (SDM 2A, CPUID; 3D, 36.7.2) ---------------------------- */
#define MSR_FEATURE_CONTROL 0x3a
/* clang-format off */
enum {
	FEATURE_CONTROL_LOCKED = 1 << 0, FEATURE_CONTROL_SGX_LC = 1 << 17,
	FEATURE_CONTROL_SGX = 1 << 18,
};
/* clang-format on */
#define MSR_SGX_LE_HASH0 0x8c	   /* .. 0x8f */
#define MSR_SGX_OWNER_EPOCH 0x300U /* and 0x301 */
#define CPUID_7_EBX_SGX (1U << 2)
#define CPUID_7_ECX_SGX_LC (1U << 30)
#define CPUID_SGX 0x12
#define CPUID_SGX_SGX1 (1U << 0)
#define CPUID_SGX_SGX2 (1U << 1)
#define CPUID_SGX_OVERSUBSCRIPTION (1U << 6) /* ERDINFO, ETRACKC, ELDBC, ELDUC */
#define CPUID_SGX_EDECCSSA (1U << 11)

/* --- EPCM (37.19): ours; one entry a page of EPC, in the hypervisor's memory, guarded by the EPC's lock --- */
struct epcm_entry {
	uint64_t secs; /* physical address of the enclave's SECS page; 0: of a SECS or a VA page */
	uint64_t address; /* linear, that EADD or EAUG gave */
	uint64_t epoch;	  /* the SECS's epoch when EBLOCK, EMODPR or EMODT changed this page */
	bool valid, blocked, pending, modified, pr;
	uint8_t type;	/* PT_* */
	uint8_t rights; /* SECINFO_R | SECINFO_W | SECINFO_X */
	uint8_t reserved;
};
