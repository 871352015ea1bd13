/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TPM 2.0 quotes (TPM 2.0 Library, part 2, "TPMS_ATTEST" and "TPMT_SIGNATURE"): reading, judging
 * with a key, and what trust in that key can come from. Big endian. docs: attest/tpm/evidence.c
 * for the JSON container.
 *
 * Binding: a quote's extraData is at most a hash's size (50 bytes on many TPMs), report data has
 * 64. A quote is bound to report data D (given bytes; D64 is D with zeroes to 64 bytes) if
 * extraData is D, D64, SHA-256(D64) or SHA-384(D64). What Cloister makes itself is SHA-256(D64).
 */
#pragma once

#include "attest/core/appraisal.h"

extern const struct evidence_type tpm_quote_type; /* "tpm-quote" */

/* TPM_ALG_ID: TCG algorithm registry. */
enum tpm_algorithm {
	TPM_RSA = 0x0001,
	TPM_SHA1 = 0x0004,
	TPM_AES = 0x0006,
	TPM_KEYEDHASH = 0x0008,
	TPM_SHA256 = 0x000b,
	TPM_SHA384 = 0x000c,
	TPM_SHA512 = 0x000d,
	TPM_NULL = 0x0010,
	TPM_SM3_256 = 0x0012,
	TPM_RSASSA = 0x0014,
	TPM_RSAPSS = 0x0016,
	TPM_ECDSA = 0x0018,
	TPM_SM2 = 0x001b,
	TPM_ECC = 0x0023,
	TPM_SYMCIPHER = 0x0025,
	TPM_CFB = 0x0043,
};

#define TPM_PCR_COUNT 24
#define TPM_BANK_COUNT 4
#define TPM_SELECTION_MAX 16 /* TPML_PCR_SELECTION: HASH_COUNT of the reference implementation */

/* Values of PCRs as the evidence states them; size 0: not stated. Index: tpm_bank_index(). */
struct tpm_pcrs {
	struct span value[TPM_BANK_COUNT][TPM_PCR_COUNT];
};
/* sha1 0, sha256 1, sha384 2, sha512 3; -1 none. */
int tpm_bank_index(uint16_t hash);
const char *tpm_hash_name(uint16_t hash);    /* "sha256"; NULL: unknown */
uint16_t tpm_hash_of_name(const char *name); /* 0: unknown */
size_t tpm_hash_size(uint16_t hash);	     /* 0: unknown */
const char *tpm_digest_name(uint16_t hash);  /* as digest() wants it; NULL: unknown */

struct tpm_selection {
	uint16_t hash;
	uint32_t mask; /* bit n: PCR n */
};

/* A TPMS_ATTEST of type quote. */
struct tpm_quote {
	struct span message; /* all of it: what is signed */
	struct span qualified_signer, extra_data, pcr_digest;
	uint64_t clock, firmware;
	uint32_t reset_count, restart_count;
	bool safe;
	size_t selection_count;
	struct tpm_selection selection[TPM_SELECTION_MAX];
};

struct tpm_signature {
	uint16_t algorithm, hash;
	struct span rsa; /* RSASSA, RSAPSS */
	struct span ec_r, ec_s;
};

/* 0, -EBADMSG or -ENOTSUP (SM2, SM3, other schemes) with a message. No byte may be left over. */
int tpm_quote_parse(struct span in, struct tpm_quote *ret_quote, struct cattest_error *err);
int tpm_signature_parse(struct span in, struct tpm_signature *ret_signature,
			struct cattest_error *err);

struct tpm_quote_request {
	struct tpm_quote quote;
	struct tpm_signature signature; /* of Azure: TPM_RSASSA, TPM_SHA256, rsa = the raw bytes */
	const struct tpm_pcrs *pcrs;	/* NULL: none were given, which is MISSING */
	EVP_PKEY *key;			/* the attestation key; not NULL */
	const char *trust;		/* claimed as tpm.ak_trust: "hcl", "certificate", ... */
	bool bind_report_data; /* extraData is the report data: check it; else only claimed */
};

/*
 * The checks of one quote with a key that the caller judges: tpm.quote.magic and type (parsing),
 * tpm.quote.signature, tpm.quote.binding, tpm.quote.pcrs; and the claims tpm.* and nonce (and,
 * with bind_report_data, report_data). PCRs are claimed only if they are selected and the digest
 * fits. Returns whether signature and PCR digest were good: event logs may then be replayed.
 */
bool tpm_quote_appraise_with_key(struct appraisal *a, const struct tpm_quote_request *request);
/* NULL: the key signed the message so. Else why not. */
const char *tpm_signature_problem(EVP_PKEY *key, const struct tpm_signature *signature,
				  struct span message);
/* Only the claims, for decoding. */
void tpm_quote_claims(struct appraisal *a, const struct tpm_quote_request *request);

/*
 * Why the certificate is of no attestation key, or NULL. ret_marked: it says itself that the key was verified to be restricted; if not, its
 * CA has to be known for certifying no others.
 */
const char *tpm_ak_certificate_problem(X509 *cert, bool *ret_marked);

/* Why the certificate is of no endorsement key, or NULL. */
const char *tpm_ek_certificate_problem(X509 *cert);

/* --- Public areas and names --- */
/* TPMA_OBJECT (part 2, 8.3) */
#define TPMA_FIXED_TPM (1u << 1)
#define TPMA_FIXED_PARENT (1u << 4)
#define TPMA_SENSITIVE_DATA_ORIGIN (1u << 5)
#define TPMA_USER_WITH_AUTH (1u << 6)
#define TPMA_RESTRICTED (1u << 16)
#define TPMA_DECRYPT (1u << 17)
#define TPMA_SIGN (1u << 18)

struct tpm_public {
	struct span area; /* the TPMT_PUBLIC, what the name is a hash of */
	uint16_t type, name_hash;
	uint32_t attributes;
	struct span policy;
	uint16_t symmetric, symmetric_bits,
		symmetric_mode; /* of storage keys: what protects children and credentials */
	uint16_t scheme, scheme_hash;
	uint16_t curve, key_bits;
	uint32_t exponent;
	struct span rsa_n, ec_x, ec_y;
};
#define TPM_NAME_MAX (2 + 64)
/* A TPM2B_PUBLIC or a TPMT_PUBLIC of an RSA, P-256, P-384 or P-521 key. 0, -EBADMSG, -ENOTSUP. */
int tpm_public_parse(struct span in, struct tpm_public *ret_public, struct cattest_error *err);
/* TPM_ECC_CURVE: "P-256", ...; NULL: unknown. */
const char *tpm_curve_name(uint16_t curve);
/* Owned by the caller; NULL: no such key. */
EVP_PKEY *tpm_public_key(const struct tpm_public *public_area);
/* nameAlg || H(area) */
int tpm_public_name(const struct tpm_public *public_area, uint8_t ret_name[TPM_NAME_MAX],
		    size_t *ret_size);
/*
 * A key of any form: TPM2B_PUBLIC, TPMT_PUBLIC, SPKI as DER or PEM. ret_public->area.size 0: the
 * form has no public area.
 */
EVP_PKEY *tpm_key_of_any_form(struct span in, struct tpm_public *ret_public);

/*
 * Binding an attestation key to an endorsement key (part 1, 24, "Credential Protection"): the
 * relying party encrypts a secret that only the TPM with that EK gives back, and only if it holds
 * an object of that name. ret_blob: TPM2B_ID_OBJECT || TPM2B_ENCRYPTED_SECRET. -ENOTSUP for an EK
 * that is not RSA-2048+, P-256, P-384 or P-521 with AES-CFB; -E2BIG if room is too small.
 */
int tpm_make_credential(const struct tpm_public *ek, struct span object_name, struct span secret,
			uint8_t *ret_blob, size_t room, size_t *ret_size,
			struct cattest_error *err);
/*
 * For tests with known randomness: the seed (of the EK's name hash's size) and, for ECC, the
 * ephemeral key.
 */
int tpm_make_credential_with(const struct tpm_public *ek, EVP_PKEY *ephemeral, struct span seed,
			     struct span object_name, struct span secret, uint8_t *ret_blob,
			     size_t room, size_t *ret_size, struct cattest_error *err);
/* KDFa (part 1, 11.4.10.2): counter mode HMAC. size: at most 64 bytes. */
int tpm_kdfa(uint16_t hash, struct span key, const char *label, struct span context_u,
	     struct span context_v, uint8_t *ret_key, size_t size);

/*
 * Enrolment: is this attestation key in a TPM that a manufacturer vouches for? Checks the
 * endorsement key's certificate (leaf first, up to a root of kind CATTEST_ROOT_TPM of the
 * verifier, at its time), that ek is that certificate's key and a storage key of a TPM, and that
 * ak is a key that never leaves its TPM and signs only what the TPM made; then makes a challenge:
 * blob goes to the machine, which returns the secret by TPM2_ActivateCredential. If the secret
 * comes back (compare with bytes_equal), the relying party pins the key (CATTEST_ROOT_AK).
 * -EKEYREJECTED: a check failed or is missing, with its message.
 */
#define TPM_CHALLENGE_SECRET 32
struct tpm_challenge {
	uint8_t secret[TPM_CHALLENGE_SECRET];
	uint8_t blob[1024]; /* TPM2B_ID_OBJECT || TPM2B_ENCRYPTED_SECRET */
	size_t blob_size;
};
struct x509_list;
int tpm_challenge_make(struct cattest_verifier *v, int64_t now,
		       const struct x509_list *ek_certificates, struct span ek, struct span ak,
		       struct tpm_challenge *ret_challenge, struct cattest_error *err);
