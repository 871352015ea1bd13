/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Azure confidential VMs: a paravisor (HCL) at the highest privilege level takes the hardware's
 * report once, over a hash of its runtime data, which names the attestation key (HCLAkPub) of the
 * VM's virtual TPM. The guest's fresh evidence is a quote of that TPM. Forms are in evidence.c,
 * verification in verify.c.
 */
#pragma once

#include "attest/tpm/tpm.h"

extern const struct evidence_type azure_snp_type; /* "azure-snp" */
extern const struct evidence_type azure_tdx_type; /* "azure-tdx" */
extern const struct evidence_type
	azure_quote_type; /* "azure-quote": the vTPM's quote alone, its key pinned by the caller */

enum azure_report { AZURE_SNP = 2, AZURE_TDX = 4 }; /* the runtime data's report_type */

struct azure_hcl {
	uint32_t version;
	enum azure_report type;
	const char *hash;    /* as digest() wants it */
	struct span report;  /* SNP report, or TDREPORT (1024 bytes) */
	struct span runtime; /* the JSON that report_data is the hash of */
};
/* 0, -EBADMSG or -ENOTSUP. */
int azure_hcl_parse(struct span in, struct azure_hcl *ret_hcl, struct cattest_error *err);

/* What the runtime data says. */
struct azure_runtime {
	EVP_PKEY *ak;	      /* owned; NULL: no usable HCLAkPub */
	const char *ak_fault; /* ak NULL: why */
	bool has_user_data;
	uint8_t user_data[64];
	char *configuration; /* vm-configuration as JSON; NULL: none; owned */
};
int azure_runtime_parse(struct span json, struct azure_runtime *ret_runtime,
			struct cattest_error *err);
void azure_runtime_done(struct azure_runtime *runtime);

#define AZURE_OWNED_MAX (8 + TPM_PCR_COUNT)
struct azure_evidence {
	unsigned version; /* of the JSON form; 0: none */
	struct span hcl;  /* empty: a quote alone */
	bool has_quote;
	struct span message, signature;
	struct tpm_pcrs pcrs; /* SHA-256 */
	struct span vek;      /* SNP: DER or PEM; may be empty */
	struct span td_quote; /* TDX; may be empty */
	struct span log;      /* of what extended the vTPM's registers; may be empty */
	uint8_t *owned[AZURE_OWNED_MAX];
	size_t owned_count;
};
int azure_evidence_parse(struct span in, struct azure_evidence *ret_evidence,
			 struct cattest_error *err);
void azure_evidence_done(struct azure_evidence *evidence);
