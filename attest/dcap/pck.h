/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intel's extension of PCK certificates, OID 1.2.840.113741.1.13.1 ("Intel SGX PCK Certificate and Certificate Revocation List
 * Profile Specification", 1.3.5 and 2.3.5): what the platform is and which TCB its key was derived for.
 */
#pragma once

#include "attest/core/appraisal.h"

#define PCK_EXTENSION_OID "1.2.840.113741.1.13.1"
#define PCK_COMMON_NAME "Intel SGX PCK Certificate"
#define TCB_SIGNING_COMMON_NAME "Intel SGX TCB Signing"

enum pck_ca { PCK_CA_PROCESSOR = 1, PCK_CA_PLATFORM };

struct pck {
	uint8_t ppid[16], cpusvn[16], pceid[2], fmspc[6], instance_id[16];
	uint8_t components[16]; /* SVN of each TCB component */
	uint16_t pcesvn;
	unsigned sgx_type; /* 0 standard, 1 scalable, 2 scalable with integrity */
	enum pck_ca ca;	   /* by the issuer's name */
	bool has_instance_id, has_configuration;
	bool has_dynamic, has_cached_keys,
		has_smt; /* each member of the configuration is optional */
	bool dynamic, cached_keys, smt;
};

/* The extension's content (DER). 0 or -EBADMSG with a message. Does not set ca. */
int pck_extension_parse(struct span der, struct pck *ret_pck, struct cattest_error *err);
/* Of a certificate: extension and CA. */
int pck_parse(const X509 *cert, struct pck *ret_pck, struct cattest_error *err);
