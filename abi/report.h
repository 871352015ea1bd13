/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports of Cloister's own platforms, as their makers (kernel, launcher, hypervisor) and their
 * verifier (attest/sim, attest/hv) agree on them. Little endian, fixed offsets, no padding, every
 * reserved byte zero: a report with a nonzero one is malformed.
 *
 * What is measured on the process platform (struct report_sim: measurement, config). Both are
 * hashes of a stream
 *	label, 32 bytes, padded with zero
 *	records: u32 kind | u32 zero | u64 size | size bytes
 * with the records in the order of the enums below; those marked * come any number of times, in
 * their own order, the others exactly once (with size 0 if there is nothing). All integers are
 * little endian; text has no NUL at its end.
 *
 * measurement = SHA-256: which code runs, and what it was allowed to see: the same for every start
 * of the same thing. config = SHA-384: how this start was parametrized (as SGX's CONFIGID, TDX's
 * MRCONFIGID, SNP's HOST_DATA). Libraries that the program loads, and files it reads, are only
 * covered by what checks them (a verity image named in a mount's options).
 *
 * On the process platform a host can write any of this: the report says what happened, it does not
 * prove it.
 */
#pragma once

#ifdef __KERNEL__
#include <linux/stddef.h>
#include <linux/types.h>
#else
#include <stddef.h>
#include <stdint.h>
#endif

#define REPORT_MEASUREMENT_LABEL "cloister process measurement 1"
enum report_measurement_record {
	REPORT_RECORD_KERNEL = 1, /* the kernel's ELF file as it lies on disk, before relocation */
	/* u32 BOOT_VERSION, u32 flags: boot_info.flags & REPORT_BOOT_FLAGS, u64 memory_limit */
	REPORT_RECORD_BOOT = 2,
	/*
	 * *: u32 is_file, then type NUL target NUL options NUL, of each boot_mount. Where it leads
	 * on the host is not measured
	 */
	REPORT_RECORD_MOUNT = 3,
	/* path NUL, then the bytes of the first program's file as the kernel read them */
	REPORT_RECORD_PROGRAM = 4,
	REPORT_RECORD_INTERPRETER = 5, /* path NUL and bytes of its PT_INTERP; size 0: static */
};
/*
 * Flags of abi/boot.h that change what the code does: BOOT_TTY, BOOT_NO_REWRITE, BOOT_TRACE (which
 * shows the host every call).
 */
#define REPORT_BOOT_FLAGS (1u | 4u | 16u)

#define REPORT_CONFIG_LABEL "cloister process configuration 1"
enum report_config_record {
	REPORT_RECORD_ARGUMENT = 16,	/* *: argv[0].. of the first process */
	REPORT_RECORD_ENVIRONMENT = 17, /* *: NAME=VALUE in the order given */
	REPORT_RECORD_DIRECTORY = 18,
	REPORT_RECORD_HOSTNAME = 19,
	REPORT_RECORD_IDENTITY = 20, /* u32 uid, u32 gid */
};
#define REPORT_LABEL_SIZE 32
struct report_record {
	uint32_t kind, reserved;
	uint64_t size;
};
_Static_assert(sizeof(struct report_record) == 16, "record head");

#define REPORT_DATA_SIZE 64

/* --- sim: of platforms that do not protect from their host --- */

#define REPORT_SIM_MAGIC 0x31706572736c6363ULL /* "cclsrep1" */
#define REPORT_SIM_VERSION 1

enum report_platform {
	REPORT_PLATFORM_PROCESS = 1, /* platform/process */
	REPORT_PLATFORM_VM = 2,	     /* platform/vm on a host without SNP or TDX */
	REPORT_PLATFORM_HOSTED = 3,  /* the kernel as an ordinary process, for tests */
	/*
	 * An SGX REPORT of an enclave that the quoting service took without checking its MAC: SGX
	 * in simulation.
	 */
	REPORT_PLATFORM_SGX = 4,
};

#define REPORT_ATTRIBUTE_DEBUG \
	1ULL /* traced or debuggable by design, beyond what the platform allows its host anyway */

struct report_sim {
	uint64_t magic;
	uint32_t version, size;
	uint32_t platform, reserved0;
	uint64_t attributes;
	uint8_t measurement[32];
	uint8_t signer[32]; /* SHA-256 of the image signer's key; zero: not signed */
	uint32_t product, security_version;
	int64_t time; /* seconds since 1970; written by the sim signer, whatever the maker wrote */
	uint8_t config[48];
	uint8_t report_data[REPORT_DATA_SIZE];
	uint8_t reserved[32];
};
_Static_assert(sizeof(struct report_sim) == 256, "sim report");
_Static_assert(offsetof(struct report_sim, attributes) == 24, "sim report");
_Static_assert(offsetof(struct report_sim, measurement) == 32, "sim report");
_Static_assert(offsetof(struct report_sim, signer) == 64, "sim report");
_Static_assert(offsetof(struct report_sim, product) == 96, "sim report");
_Static_assert(offsetof(struct report_sim, time) == 104, "sim report");
_Static_assert(offsetof(struct report_sim, config) == 112, "sim report");
_Static_assert(offsetof(struct report_sim, report_data) == 160, "sim report");
_Static_assert(offsetof(struct report_sim, reserved) == 224, "sim report");

/*
 * Evidence "sim": the report, who signed it, and ECDSA P-256 with SHA-256 over all bytes before the
 * signature.
 */
struct evidence_sim {
	struct report_sim report;
	uint8_t key_id[32];    /* SHA-256 of the signer's DER SubjectPublicKeyInfo */
	uint8_t signature[64]; /* r || s, big endian */
};
_Static_assert(sizeof(struct evidence_sim) == 352, "sim evidence");
#define EVIDENCE_SIM_SIGNED offsetof(struct evidence_sim, signature)

/* --- The outer form that clients of SGX quoting take for a quote v3 --- */

/*
 * Enclaves made for SGX get their evidence through the AESM protocol and expect bytes that start as
 * an SGX quote v3: header, report body, u32 size of what follows. Cloister keeps to it; key type
 * and vendor say that it is not Intel's, and what follows is its own: struct evidence_sim
 * (REPORT_VENDOR_SIM), or a CBOR map (REPORT_VENDOR_HV, attest/hv/hv.h).
 */
struct report_quote_head {
	uint16_t version;	  /* 3 */
	uint16_t key_type;	  /* REPORT_QUOTE_KEY_TYPE: Intel's are 0 to 3 */
	uint32_t tee_type;	  /* 0 */
	uint16_t qe_svn, pce_svn; /* hv: security version, at most 65535, and 0; sim: 0, 0 */
	uint8_t vendor[16];
	uint8_t user_data[20]; /* zero */
};
_Static_assert(sizeof(struct report_quote_head) == 48, "quote head");
#define REPORT_QUOTE_KEY_TYPE 0x4c43 /* "CL" */
#define REPORT_SGX_BODY_SIZE 384
#define REPORT_SGX_SIZE 432
#define REPORT_SGX_TARGETINFO_SIZE 512
#define REPORT_QUOTE_PREFIX (48 + REPORT_SGX_BODY_SIZE) /* then the u32 */
/*
 * Random version 4 UUIDs, as Intel's (939a7233-f79c-4ca9-940a-0db3957f0607) is one; in the order of
 * their bytes.
 */
#define REPORT_VENDOR_SIM                                                                     \
	{                                                                                     \
		0x5b, 0x0f, 0x4e, 0x29, 0x9c, 0x61, 0x4d, 0x0a, 0xa5, 0x37, 0x21, 0xd8, 0x6f, \
			0xc4, 0x9e, 0x13                                                      \
	}
#define REPORT_VENDOR_HV                                                                      \
	{                                                                                     \
		0xc7, 0x82, 0x1d, 0x50, 0x3e, 0xaf, 0x47, 0x96, 0xb0, 0x5c, 0xe9, 0x44, 0x0b, \
			0x7a, 0xd3, 0x68                                                      \
	}

/* --- cloister-hv: what the hypervisor says of itself, once after its start --- */

#define REPORT_HV_MAGIC 0x3170657276686c63ULL /* "clhvrep1" */
#define REPORT_HV_VERSION 1

struct report_hv {
	uint64_t magic;
	uint32_t version, size;
	uint32_t security_version, reserved0;
	/* REPORT_ATTRIBUTE_DEBUG: the hypervisor was built or started so that it can be debugged. */
	uint64_t attributes;
	/* SHA-256 of the hypervisor's image file as it was loaded, before relocation. */
	uint8_t measurement[32];
	uint8_t key[64]; /* its attestation key of this start: P-256, x || y, big endian */
	/* SHA-384 of its command line and memory reservation, as hypervisor/ defines it. */
	uint8_t config[48];
	/*
	 * Name of the TPM's attestation key without its nameAlg, SHA-256: the hypervisor saw what
	 * key it is, evidence only says so.
	 */
	uint8_t ak_name[32];
	uint8_t reserved[16];
};
_Static_assert(sizeof(struct report_hv) == 224, "hypervisor report");
_Static_assert(offsetof(struct report_hv, attributes) == 24, "hypervisor report");
_Static_assert(offsetof(struct report_hv, measurement) == 32, "hypervisor report");
_Static_assert(offsetof(struct report_hv, key) == 64, "hypervisor report");
_Static_assert(offsetof(struct report_hv, config) == 128, "hypervisor report");
_Static_assert(offsetof(struct report_hv, ak_name) == 176, "hypervisor report");

/*
 * Before Linux runs as its guest the hypervisor finds PCR 21 and 22 of the SHA-256 bank at their
 * reset value (all 0xff: no dynamic launch took place), and extends them at locality 2, which Linux
 * cannot reach from then on:
 *	PCR 21 with its measurement, PCR 22 with SHA-256 of its report.
 * The TPM then quotes PCR 0-7, 21 and 22 (more may be added) with extraData = SHA-256 of the
 * report. Only the boot chain in PCR 0-7 says that it was this hypervisor, and not another kernel
 * at locality 2, that wrote 21 and 22.
 */
#define REPORT_HV_PCR_MEASUREMENT 21
#define REPORT_HV_PCR_KEY 22
#define REPORT_HV_PCRS (0xffu | 1u << REPORT_HV_PCR_MEASUREMENT | 1u << REPORT_HV_PCR_KEY)
