/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AMD SEV-SNP attestation reports: SEV Secure Nested Paging Firmware ABI Specification (AMD 56860,
 * revision 1.58), table "ATTESTATION_REPORT"; VEK certificates: AMD 57230. Little endian. What
 * evidence may look like is in evidence.c, the order of verification in verify.c.
 */
#pragma once

#include "attest/x509/x509.h"

#include <jansson.h>

extern const struct evidence_type snp_report_type; /* "snp-report" */

#define SNP_REPORT_SIZE 0x4a0u
#define SNP_SIGNED_SIZE 0x2a0u /* what the signature covers */

enum snp_product { SNP_UNKNOWN, SNP_MILAN, SNP_GENOA, SNP_TURIN };
/* "Milan"...: as KDS and the certificates spell it; NULL for SNP_UNKNOWN. */
const char *snp_product_name(enum snp_product product);
/* From CPUID family and model (with their extensions). */
enum snp_product snp_product_of_cpuid(uint8_t family, uint8_t model);
/* From productName of a certificate: the product line, one of its products, or it and a stepping: "Milan-B0", "Siena". */
enum snp_product snp_product_of_name(struct span name);

/* key_info, bits 4:2 */
enum snp_signing_key { SNP_VCEK = 0, SNP_VLEK = 1, SNP_KEY_NONE = 7 };

struct snp_version {
	uint8_t major, minor, build;
};

/* To compare: major, minor, build, a byte each. */
uint32_t snp_version_number(struct snp_version v);

/* TCB_VERSION, in its bytes: which component a byte is depends on the product. */
#define SNP_TCB_SIZE 8u
struct snp_tcb_layout {
	int fmc, bootloader, tee, snp, microcode; /* index of the byte; fmc -1: has none */
};
const struct snp_tcb_layout *snp_tcb_layout(enum snp_product product);

struct snp_report {
	struct span raw;
	uint32_t version, guest_svn, vmpl, signature_algorithm, key_info;
	uint64_t policy, platform_info;
	struct span family_id, image_id, report_data, measurement, host_data, id_key_digest,
		author_key_digest;
	struct span report_id, report_id_ma, chip_id;
	struct span current_tcb, reported_tcb, committed_tcb, launch_tcb;
	uint8_t cpuid_family, cpuid_model, cpuid_stepping; /* version 3 and later */
	enum snp_product product; /* by CPUID; UNKNOWN: version 2, or an unknown CPU */
	struct snp_version current, committed;
	uint64_t launch_mit_vector, current_mit_vector; /* version 5 */
	/* Name of the first field that must be zero and is not, or NULL. */
	const char *not_zero;
	struct span signature_r, signature_s; /* 72 bytes each, little endian */
};
/*
 * Exactly SNP_REPORT_SIZE bytes of a version known here: 0, -EBADMSG or -ENOTSUP. Judges nothing
 * else.
 */
int snp_report_parse(struct span in, struct snp_report *ret_report, struct cattest_error *err);
enum snp_signing_key snp_report_signing_key(const struct snp_report *report);
/* r || s, big endian, as ecdsa_verify() wants it; false if they are no numbers of 48 bytes. */
bool snp_report_signature(const struct snp_report *report, uint8_t ret_raw[96]);
void snp_report_claims(struct appraisal *a, const struct snp_report *report);

/* --- Versioned endorsement keys' certificates --- */
struct snp_vek {
	enum snp_signing_key kind; /* by its common name */
	enum snp_product product;
	uint64_t struct_version;
	struct span hwid;   /* 64 or 8 bytes; empty: VLEK */
	struct span csp_id; /* VLEK */
	/* .3.1 to .3.9 at index 1 to 9; -1: not there */
	int spl[10];
};
/* The certificate's extensions, in its memory; 0, or -EBADMSG and what is wrong with them. */
int snp_vek_parse(X509 *cert, struct snp_vek *ret_vek, struct cattest_error *err);
/*
 * Whether each security patch level equals its byte of the TCB, by the product of the certificate.
 */
bool snp_vek_tcb_equal(const struct snp_vek *vek, struct span tcb, const char **ret_component);

/* --- Certificate table: GHCB specification (AMD 56421), section 4.1.8.1 --- */
enum snp_entry_kind {
	SNP_ENTRY_OTHER,
	SNP_ENTRY_VCEK,
	SNP_ENTRY_VLEK,
	SNP_ENTRY_ASK,
	SNP_ENTRY_ARK,
	SNP_ENTRY_CRL
};
#define SNP_TABLE_MAX 32u
struct snp_entry {
	enum snp_entry_kind kind;
	char guid[37]; /* empty: came by its name */
	struct span data;
};
struct snp_table {
	size_t count;
	struct snp_entry entries[SNP_TABLE_MAX];
};
/*
 * Strict: an end entry, every certificate inside the table and behind the entries, none
 * overlapping. 0, -EBADMSG, -E2BIG.
 */
int snp_table_parse(struct span in, struct snp_table *ret_table, struct cattest_error *err);
const char *snp_entry_name(enum snp_entry_kind kind);

/* --- Evidence --- */
struct snp_evidence {
	struct span report;
	struct snp_table table;
	/* Of forms that are not the bytes themselves. */
	uint8_t *decoded[SNP_TABLE_MAX + 1];
	size_t decoded_count;
};
int snp_evidence_parse(struct span in, struct snp_evidence *ret_evidence,
		       struct cattest_error *err);
void snp_evidence_done(struct snp_evidence *evidence);

/* What of one appraisal is not in the report itself. */
struct snp_request {
	struct span report;
	const struct snp_table *table; /* certificates that came along; may be NULL */
	bool bound; /* report_data is what the caller expects; else it is only claimed */
};
/* Parses, claims and, unless decode_only, verifies. 0, or the report is malformed. */
int snp_appraise(struct appraisal *a, const struct snp_request *request);

/* --- JSON of outside, for the forms here and in attest/azure --- */
#define SNP_JSON_MAX (1u << 20)
/* Whether the first byte that is no white space is '{'. */
bool snp_json_like(struct span in);
/*
 * An object, nesting at most 16, no duplicate keys, nothing after it; NULL: malformed, with a
 * message. Free with json_decref().
 */
json_t *snp_json_load(struct span in, const char *what, struct cattest_error *err);
/* A number zero, or an array of zeroes. */
bool snp_json_zeroes(const json_t *value);
/* Bytes as an array of numbers, or as text: hex, or base64 of either alphabet, padded or not.
 * malloc()ed, at most max bytes. 0, -EBADMSG, -E2BIG, -ENOMEM. */
enum snp_json_form { SNP_JSON_HEX, SNP_JSON_BASE64 };
int snp_json_bytes(const json_t *value, enum snp_json_form form, size_t max, uint8_t **ret_data,
		   size_t *ret_size);
