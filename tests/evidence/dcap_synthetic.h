/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test only: a PKI with Intel's shape and keys of our own, and quotes with all of their collateral, for what no public sample shows
 * (revocation, rare statuses, TD 1.5 extended...). Nothing of it is trusted unless its root is added to a verifier.
 *
 * Use: dcap_synthetic_init(), change fields, dcap_synthetic_build(), use the outputs; build again after further changes; done().
 * Keys are made once in a process. Programs use it by including dcap_synthetic.c.
 */
#pragma once

#include "include/cloister/attest.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#define DCAP_SYNTHETIC_NOW 1750000000 /* 2025-06-15 */

struct dcap_synthetic_keys {
	EVP_PKEY *root, *ca, *pck, *tcb, *attestation, *other;
};

struct dcap_synthetic {
	/* --- What to make; init() sets all of it to a quote that is valid and up to date. --- */
	unsigned version;	     /* 3, 4, 5 */
	unsigned body_type;	     /* 1 SGX, 2, 3, 4 TD; below version 5 only 1 and 2 */
	unsigned certification_type; /* 1 to 5 */
	bool chain_as_der;	     /* type 5 as DER instead of PEM */
	bool chain_without_root;
	size_t trailing;	    /* bytes after the quote */
	const uint8_t *report_data; /* 64 bytes, or NULL: 00 01 02 ... */
	bool debug;
	uint64_t td_attributes;
	int64_t now;
	/* PCK certificate */
	bool platform_ca;
	uint8_t components[16];
	uint16_t pcesvn;
	uint8_t fmspc[6], pceid[2];
	bool bad_pck_name, bad_tcb_name, pck_revoked, ca_revoked, tcb_revoked, other_pck_key,
		tcb_is_ca, extension_malformed, tcb_by_ca, /* the TCB signer issued by the PCK CA */
		middle_ca; /* one more CA between the root and the PCK CA */
	int64_t certificates_until, crls_until;
	/* TD */
	uint8_t tee_tcb_svn[16], tee_tcb_svn2[16];
	/* QE report */
	uint16_t qe_isvsvn;
	/* Statuses of the levels: platform 0 is for components of 5, 1 for components of 2 (SGX and TDX); QE and module 0 for SVN 5, 1
	 * for 3. */
	const char *platform_status[2], *qe_status[2], *module_status[2];
	int64_t tcb_issued, tcb_until, qe_issued, qe_until;
	unsigned evaluation_number;
	const char *tcb_id, *qe_id; /* NULL: as the quote needs */
	unsigned tcb_version;	    /* 2 or 3 */
	/* Called on the objects before they are signed; may be NULL. */
	void (*edit_tcb)(json_t *tcb_info);
	void (*edit_qe)(json_t *qe_identity);
	void (*edit_body)(uint8_t *signed_bytes, size_t size);
	void (*edit_qe_report)(uint8_t report[384]);
	/* --- What was made --- */
	uint8_t *quote;
	size_t quote_size, signed_size; /* signed: from 0 */
	char *collateral;		/* QuoteCollateralV3 as JSON */
	char *tcb_info, *qe_identity;	/* as of the PCS API: with signature */
	char *pck_pem, *chain_pem, *tcb_chain_pem, *root_pem;
	uint8_t *root_crl, *pck_crl;
	int root_crl_size, pck_crl_size;
	X509 *root, *ca, *pck, *tcb;
};

struct dcap_synthetic_keys *dcap_synthetic_keys(void);
void dcap_synthetic_init(struct dcap_synthetic *s);
/* Aborts if OpenSSL fails: a test has nothing to go on with. */
void dcap_synthetic_build(struct dcap_synthetic *s);
void dcap_synthetic_done(struct dcap_synthetic *s);
/* A verifier that trusts the root, has the collateral, and judges at s->now. */
struct cattest_verifier *dcap_synthetic_verifier(const struct dcap_synthetic *s);
