/* SPDX-License-Identifier: Apache-2.0 */
/* The bag's inside, for the files of this folder. */
#pragma once

#include "attest/collateral/collateral.h"

#define COLLATERAL_ITEMS_MAX 4096
#define COLLATERAL_BYTES_MAX (64u << 20)
#define COLLATERAL_ASKED_MAX 1024

struct asked {
	char *url, *why; /* why it gave nothing, NULL if it did */
};

struct collateral {
	X509 **certs;
	uint8_t (*cert_hashes)[32];
	size_t cert_count;
	struct known_crl **crls;
	size_t crl_count;
	struct intel_json **jsons;
	size_t json_count;
	char **origins;
	size_t origin_count;
	struct asked *asked;
	size_t asked_count;
	size_t bytes; /* of what was added, as it came */
	bool guests;  /* what is added now leaves what is there as it is */
};

/* A malloc()ed, NUL-ended copy that lives as long as the bag; NULL: out of memory. */
const char *collateral_keep_origin(struct collateral *c, const char *origin);

/* One item each; what is there already is not added again. 0, -E2BIG, -ENOMEM, -EBADMSG. */
int bag_add_certificate(struct collateral *c, X509 *cert); /* takes a reference of its own */
int bag_add_crl(struct collateral *c, struct span der);
/* Takes json and what it holds, also when it fails. body.data must be malloc()ed. */
int bag_add_json(struct collateral *c, struct intel_json *json);
void intel_json_free(struct intel_json *json);

/* Where an item is read into the bag. */
struct reading {
	struct collateral *bag;
	const char *origin;
	struct cattest_error *err;
};
/* intel_json.c: one signed object. text: the body's exact bytes (copied). Fields are read, nothing is verified. */
int read_intel_json(struct reading *r, enum intel_json_kind kind, struct span text,
		    const uint8_t signature[64], const struct x509_list *chain);
/* {"tcbInfo": {...}, "signature": "..."}, and the like. */
int read_pcs_json(struct reading *r, struct span text, const struct x509_list *chain);
/* forms_json.c: every JSON form. */
int read_json_form(struct reading *r, struct span text, const struct x509_list *chain);
/* forms_cbor.c: a bundle {quote, tcb}. */
int read_cbor_bundle(struct reading *r, struct span data);
/* forms_open_enclave.c: its endorsements. */
bool open_enclave_detect(struct span data);
int read_open_enclave(struct reading *r, struct span data);
/* forms.c: certificates and lists in PEM or DER, in hex or base64 of DER; adds them to the bag, and the certificates to *ret_chain if
 * that is not NULL. */
int read_x509(struct reading *r, struct span data, struct x509_list *ret_chain);
/* %XX decoded, malloc()ed and NUL-ended. 0, -EBADMSG, -ENOMEM. */
int url_decode(const char *text, char **ret_text);

/* json_scan.c: the exact bytes of a member's value of the object that text is. The whole text is checked to be one JSON object (RFC 8259),
 * nesting at most 16, top-level names without escapes and each once. 1 found, 0 not there, -EBADMSG. */
int json_scan_member(struct span text, const char *name, struct span *ret_value);
