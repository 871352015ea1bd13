/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intel's signed JSON in parsed form: TCB info (versions 2 and 3; SGX and TDX), enclave identity (version 2) and the list of TCB
 * evaluation data numbers (version 1), as the PCS API describes them. Version 1 of the enclave identity is refused: it does not say
 * which enclave it is of, and Intel's verifier refuses it too.
 *
 * Parsed objects own the JSON tree that their strings lie in.
 */
#pragma once

#include "attest/core/appraisal.h"

#include <jansson.h>

#define TCB_COMPONENTS 16

/* In no order of trust. */
enum tcb_status {
	TCB_UP_TO_DATE = 1,
	TCB_SW_HARDENING_NEEDED,
	TCB_CONFIGURATION_NEEDED,
	TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED,
	TCB_OUT_OF_DATE,
	TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
	TCB_REVOKED,
	/* Only computed, never in collateral. */
	TCB_TD_RELAUNCH_ADVISED,
	TCB_TD_RELAUNCH_ADVISED_CONFIGURATION_NEEDED,
};
const char *tcb_status_name(enum tcb_status status); /* "UpToDate"; 0: "none" */

struct tcb_level {
	uint8_t sgx[TCB_COMPONENTS], tdx[TCB_COMPONENTS];
	uint16_t pcesvn;
	enum tcb_status status;
	int64_t date;
	json_t *advisories; /* array of strings, or NULL */
};

/* Of quoting enclaves and TDX modules. */
struct svn_level {
	uint16_t isvsvn;
	enum tcb_status status;
	int64_t date;
	json_t *advisories;
};

struct tdx_module {
	uint8_t mrsigner[48], attributes[8], attributes_mask[8];
};

struct tdx_module_identity {
	const char *id;
	int version; /* of the "TDX_xx" in id, -1: another form */
	struct tdx_module module;
	struct svn_level *levels;
	size_t level_count;
};

struct tcb_info {
	json_t *root;
	uint32_t version;
	bool tdx;
	int64_t issue_date, next_update;
	uint8_t fmspc[6], pceid[2];
	uint32_t evaluation_number;
	struct tdx_module module;
	struct tdx_module_identity *modules;
	size_t module_count;
	struct tcb_level *levels; /* from the highest to the lowest */
	size_t level_count;
};

enum enclave_id { ENCLAVE_QE = 1, ENCLAVE_TD_QE, ENCLAVE_QVE, ENCLAVE_QAE };

struct qe_identity {
	json_t *root;
	enum enclave_id id;
	int64_t issue_date, next_update;
	uint32_t evaluation_number;
	uint32_t miscselect, miscselect_mask;
	uint8_t attributes[16], attributes_mask[16], mrsigner[32];
	uint16_t isvprodid;
	struct svn_level *levels; /* from the highest to the lowest */
	size_t level_count;
	/* What verification keeps between quotes of the same platform (dcap/platform.h). */
	void *memory;
	void (*memory_free)(void *memory);
};

struct evaluation_numbers {
	bool tdx;
	int64_t issue_date, next_update;
	uint32_t newest, oldest;
	size_t count;
};

/* Of the exact bytes of the inner object. 0, -EBADMSG or -ENOMEM with a message. */
int tcb_info_parse(struct span text, struct tcb_info **ret_info, struct cattest_error *err);
void tcb_info_free(struct tcb_info *info);
int qe_identity_parse(struct span text, struct qe_identity **ret_identity,
		      struct cattest_error *err);
void qe_identity_free(struct qe_identity *identity);
int evaluation_numbers_parse(struct span text, struct evaluation_numbers *ret_numbers,
			     struct cattest_error *err);

/* The same of an object that is read already; they take a reference. */
int tcb_info_read(json_t *object, struct tcb_info **ret_info, struct cattest_error *err);
int qe_identity_read(json_t *object, struct qe_identity **ret_identity, struct cattest_error *err);
int evaluation_numbers_read(json_t *object, struct evaluation_numbers *ret_numbers,
			    struct cattest_error *err);
