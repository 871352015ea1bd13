/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attested certificates (RA-TLS): an X.509 certificate whose key is bound to evidence that it carries in an extension. Reading
 * them is the evidence type "ratls-certificate"; cattest_make_certificate() writes them (make.c).
 */
#pragma once

#include "attest/x509/x509.h"

extern const struct evidence_type certificate_type;

/* TCG DICE tagged evidence and endorsements (tcg-dice-TaggedEvidence, tcg-dice-endorsement-manifest of TCG DICE Attestation
 * Architecture 1.1; the content is CCC-Attestation interoperable RA-TLS, "Certificate extensions"). */
#define CERTIFICATE_OID_DICE "2.23.133.5.4.9"
#define CERTIFICATE_OID_ENDORSEMENTS "2.23.133.5.4.2"
/* id-pe-cmw of draft-ietf-rats-msg-wrap. */
#define CERTIFICATE_OID_CMW "1.3.6.1.5.5.7.1.35"
/* Gramine's legacy extension: the DER of 1.2.840.113741.1337.6, tag and length included, taken for an OID's content. */
#define CERTIFICATE_OID_GRAMINE "0.6.9.42.840.113741.1337.6"
/* rats-tls before DICE, enclave-tls, sgx-ra-tls: a raw quote. */
#define CERTIFICATE_OID_RATS_TLS "1.2.840.113741.1337.6"
/* Intel SGX SDK's sgx_ttls: a raw quote. */
#define CERTIFICATE_OID_INTEL "1.2.840.113741.1.13.1"
/* Open Enclave's internal/report.h, X509_OID_FOR_NEW_QUOTE_STRING and X509_OID_FOR_QUOTE_STRING: its evidence, or its report (EGo, MarbleRun too). */
#define CERTIFICATE_OID_OPEN_ENCLAVE "1.3.6.1.4.1.311.105.1"
#define CERTIFICATE_OID_OPEN_ENCLAVE_OLD "1.2.840.113556.10.1.1"
/* dstack's ra-tls/src/oids.rs: a quote, and an attestation in SCALE with a quote in it. */
#define CERTIFICATE_OID_DSTACK "1.3.6.1.4.1.62397.1.1"
#define CERTIFICATE_OID_DSTACK_VERSIONED "1.3.6.1.4.1.62397.1.8"

/* CBOR tags of the evidence: 60000 to 60002 from the IANA registry, the others private to rats-tls and librats (dice.h). */
#define CERTIFICATE_TAG_INTEL_QUOTE 60000
#define CERTIFICATE_TAG_INTEL_REPORT 60001
#define CERTIFICATE_TAG_SGX_REPORT 60002
#define CERTIFICATE_TAG_SNP 0x1a7504
#define CERTIFICATE_TAG_SEV 0x1a7505
#define CERTIFICATE_TAG_CSV 0x1a7506

/* The record in a CMW extension that we write for evidence without a tag of its own: its value is the CBOR array
 * [evidence, claims-buffer] that DICE's extension holds under a tag. */
#define CERTIFICATE_CMW_MEDIA_TYPE "application/vnd.cloister.attested-key+cbor"

/* What a certificate carries; spans are in the certificate's memory, or in `decoded`. */
struct certificate_evidence {
	const char *format; /* of claims.def, "certificate.format" */
	const struct evidence_type *type;
	struct span evidence;
	struct span
		claims; /* the claims buffer; data NULL: the evidence is bound to the key's own hash */
	struct span endorsements; /* the extension's content, or data NULL */
	uint8_t *decoded;	  /* from base64, of a CMW in JSON; or NULL */
};
/* 0, or -EBADMSG, -ENOTSUP (evidence of a kind that cannot be verified) and a message. */
int certificate_parse(const X509 *cert, struct certificate_evidence *ret_evidence,
		      struct cattest_error *err);
void certificate_evidence_done(struct certificate_evidence *e);
/* Whether the certificate has one of the extensions above that hold evidence. */
bool certificate_has_evidence(const X509 *cert);

/* The value of a CMW extension; cmw.c. */
int certificate_parse_cmw(struct span value, struct certificate_evidence *e,
			  struct cattest_error *err);
/* The values of Open Enclave's and dstack's extensions; foreign.c. */
int certificate_parse_open_enclave(struct span value, struct certificate_evidence *e,
				   struct cattest_error *err);
int certificate_parse_dstack(struct span value, struct certificate_evidence *e,
			     struct cattest_error *err);
int certificate_parse_dstack_versioned(struct span value, struct certificate_evidence *e,
				       struct cattest_error *err);
/* sgx-quote or tdx-quote, or NULL. */
const struct evidence_type *certificate_intel_quote(struct span evidence);
/* A CMW as it is, in CBOR or JSON. */
int certificate_parse_cmw_bytes(struct span cmw, struct certificate_evidence *e,
				struct cattest_error *err);
/* Whether a CBOR tag stands for a CoAP content format, as that of a CMW does. */
bool certificate_cmw_tag(uint64_t tag);
/* The one evidence in a CMW that is a file: malloc()ed. -ENOENT: there is none that can be verified by itself. */
int certificate_cmw_unwrap(struct span cmw, uint8_t **ret_evidence, size_t *ret_size);
/* [evidence, claims-buffer] */
int certificate_parse_pair(struct span encoded, struct certificate_evidence *e,
			   struct cattest_error *err);
/* The evidence type that these bytes are, never one that only decodes, never a certificate again; NULL: none. */
const struct evidence_type *certificate_inner_type(struct span evidence);

/* The claims buffer, checked: a map of text to bytes with "pubkey-hash"; claims.c. */
struct certificate_claims {
	const char *digest_name;
	struct span key_hash; /* as long as digest_name's */
	struct span nonce;    /* data NULL: none */
};
int certificate_parse_claims(struct span buffer, struct certificate_claims *ret_claims,
			     struct cattest_error *err);
/* States nonce and custom claims; after certificate_parse_claims has passed. */
void certificate_state_claims(struct appraisal *a, struct span buffer);

struct collateral_guests;
/* Adds the endorsements to the verifier's collateral, as guests; endorse.c. The caller takes them out again, also on failure. */
int certificate_add_endorsements(struct appraisal *a, struct span endorsements,
				 struct collateral_guests *ret_guests);
