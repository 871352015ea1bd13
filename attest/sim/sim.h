/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Simulated evidence: what a platform that does not protect from its host says of itself
 * (abi/report.h), signed by a key of that host. It has the form and the life of real evidence, so
 * that everything above it can be built and tried anywhere, and it is worth what its host is worth:
 * whoever has the signer's key file makes any report he likes.
 *
 * Trust: only keys that the caller added (CATTEST_ROOT_SIM); there is no built-in one. The signer's
 * key is a P-256 key in a PEM file that only its owner may read.
 */
#pragma once

#include "abi/report.h"
#include "attest/core/appraisal.h"

extern const struct evidence_type sim_type; /* "sim" */

const char *sim_platform_name(uint32_t platform); /* NULL: unknown */
uint32_t sim_platform_of_name(const char *name);  /* 0: unknown */

/* --- signer.c --- */
struct sim_signer;
/* From a PEM private key. -EACCES: others than the owner may read the file. */
int sim_signer_load(const char *path, struct sim_signer **ret_signer, struct cattest_error *err);
/*
 * The signer of a state folder: FOLDER/sim-key.pem, made (0600, atomically) if it is not there, and
 * FOLDER/sim-key.pub.pem, its public half for verifiers. The folder is made (0700) too.
 */
int sim_signer_of_folder(const char *folder, struct sim_signer **ret_signer,
			 struct cattest_error *err);
/* The public key as PEM, malloc()ed. */
int sim_signer_public(const struct sim_signer *signer, char **ret_pem, struct cattest_error *err);
void sim_signer_free(struct sim_signer *signer);

/*
 * Evidence of a report: magic, version and size are filled in, time becomes `now`. -EINVAL: a field
 * that may not be so.
 */
int sim_sign(const struct sim_signer *signer, const struct report_sim *report, int64_t now,
	     struct evidence_sim *ret_evidence, struct cattest_error *err);
/*
 * Evidence in the outer form of an SGX quote for the body of an SGX REPORT, whose MAC nobody
 * checked: measurement, signer, product, security version, debug and report data are the enclave's,
 * config is SHA-384 of the bytes before u32 size: all of it is bound.
 */
#define SIM_QUOTE_SIZE (REPORT_QUOTE_PREFIX + 4 + sizeof(struct evidence_sim))
int sim_sign_sgx(const struct sim_signer *signer, const uint8_t body[REPORT_SGX_BODY_SIZE],
		 int64_t now, uint8_t ret_quote[SIM_QUOTE_SIZE], struct cattest_error *err);
/* What a sim report has to say for such a body; prefix: the bytes before the u32. */
int sim_report_of_sgx(const uint8_t prefix[REPORT_QUOTE_PREFIX], struct report_sim *ret_report);

/* --- measure.c: the streams of abi/report.h --- */
struct sim_measurement;
/*
 * label: REPORT_MEASUREMENT_LABEL (SHA-256) or REPORT_CONFIG_LABEL (SHA-384). NULL: no memory, or
 * another label.
 */
struct sim_measurement *sim_measurement_new(const char *label);
/* Records must come in the order of their kinds. Sticky: an error shows in sim_measurement_end. */
void sim_measurement_record(struct sim_measurement *m, uint32_t kind, uint64_t size);
void sim_measurement_bytes(struct sim_measurement *m, const void *data,
			   size_t size); /* of the record begun */
/*
 * A record that is a file's content after `name` NUL (name NULL: without), read to its end. 0 or
 * -errno.
 */
int sim_measurement_file(struct sim_measurement *m, uint32_t kind, const char *name, int fd);
/* Frees m. 0, -EINVAL (records out of order, missing, sizes that were not kept) or -ENOMEM. */
int sim_measurement_end(struct sim_measurement *m, uint8_t *ret_digest);
