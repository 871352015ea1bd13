/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The six calls of rats-tls over libcloister-tls, so that programs written to them build with `#include <cloister/rats-tls.h>` and
 * -lcloister-tls. Peers that use rats-tls itself are understood: certificate mode, with its weakness (cloister/tls.h). New programs should
 * use cloister/tls.h.
 *
 * What is different, on purpose:
 *  - There is no null verifier and no null attester on the side that has to prove itself: a peer without evidence is refused.
 *  - Who may be trusted has to be said: by a policy (environment CLOISTER_POLICY, a file), by the verification callback, or both. With neither
 *    every peer is refused. With the callback alone, evidence must be genuine in every step and not of a debug environment.
 *  - tls_type "cloister" is the mode bound to the session (both sides need it); "" and "openssl" are rats-tls' certificates.
 *  - attester_type: "" is what this machine has; sgx_ecdsa, tdx_ecdsa, sev_snp; CLOISTER_ATTESTER="NAME:key=value,..." overrides it.
 *  - More environment: CLOISTER_COLLATERAL (a file), CLOISTER_ROOT="KIND=FILE", CLOISTER_FETCH=1 (get missing collateral).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cloister/attest.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TLS_TYPE_NAME_SIZE 32
#define ENCLAVE_ATTESTER_TYPE_NAME_SIZE 32
#define ENCLAVE_VERIFIER_TYPE_NAME_SIZE 32
#define CRYPTO_TYPE_NAME_SIZE 32
#define ENCLAVE_SGX_SPID_LENGTH 16

typedef enum {
	RATS_TLS_ERR_NONE = 0,
	RATS_TLS_ERR_UNKNOWN,
	RATS_TLS_ERR_INVALID,
	RATS_TLS_ERR_NO_MEM,
	RATS_TLS_ERR_NOT_REGISTERED,
	RATS_TLS_ERR_LOAD_CRYPTO_WRAPPERS,
	RATS_TLS_ERR_LOAD_TLS_WRAPPERS,
	RATS_TLS_ERR_LOAD_ENCLAVE_ATTESTERS,
	RATS_TLS_ERR_LOAD_ENCLAVE_VERIFIERS,
	RATS_TLS_ERR_DLOPEN,
	RATS_TLS_ERR_INIT,
	RATS_TLS_ERR_UNSUPPORTED_CERT_ALGO,
	RATS_TLS_ERR_NO_NAME,
} rats_tls_err_t;

typedef enum {
	RATS_TLS_LOG_LEVEL_DEBUG,
	RATS_TLS_LOG_LEVEL_INFO,
	RATS_TLS_LOG_LEVEL_WARN,
	RATS_TLS_LOG_LEVEL_ERROR,
	RATS_TLS_LOG_LEVEL_FATAL,
	RATS_TLS_LOG_LEVEL_NONE,
	RATS_TLS_LOG_LEVEL_MAX,
	RATS_TLS_LOG_LEVEL_DEFAULT = RATS_TLS_LOG_LEVEL_ERROR
} rats_tls_log_level_t;

typedef enum {
	RATS_TLS_CERT_ALGO_RSA_3072_SHA256,
	RATS_TLS_CERT_ALGO_ECC_256_SHA256,
	RATS_TLS_CERT_ALGO_MAX,
	RATS_TLS_CERT_ALGO_DEFAULT,
} rats_tls_cert_algo_t;

typedef struct claim {
	char *name;
	uint8_t *value;
	size_t value_size;
} claim_t;

typedef struct rtls_core_context_t *rats_tls_handle;

typedef struct {
	unsigned int api_version;
	unsigned long flags;
	rats_tls_log_level_t log_level;
	char tls_type[TLS_TYPE_NAME_SIZE];
	char attester_type[ENCLAVE_ATTESTER_TYPE_NAME_SIZE];
	char verifier_type[ENCLAVE_VERIFIER_TYPE_NAME_SIZE];
	char crypto_type[CRYPTO_TYPE_NAME_SIZE];
	rats_tls_cert_algo_t cert_algo; /* keys are P-256 in any case */
	claim_t *custom_claims;
	size_t custom_claims_length;
	struct {
		bool valid;
		uint8_t spid[ENCLAVE_SGX_SPID_LENGTH];
		bool linkable;
	} quote_sgx_epid; /* not used: EPID has ended */
	struct {
		bool valid;
		uint8_t cert_type;
	} quote_sgx_ecdsa; /* not used */
} rats_tls_conf_t;

/* What the callback sees; pointers are good until it returns. Fields without a source here are zero. */
typedef struct rtls_sgx_evidence {
	uint8_t *mr_enclave, *mr_signer;
	uint32_t product_id, security_version;
	uint8_t *attributes;
	size_t collateral_size;
	char *collateral;
} rtls_sgx_evidence_t;

typedef struct rtls_tdx_evidence {
	uint8_t *mrseam, *mrseamsigner, *tcb_svns, *cpu_svn, *mrtd;
	uint8_t *rtmr; /* four of 48 bytes */
	uint8_t *tdel_info;
	uint32_t tdel_info_sz;
	uint8_t *tdel_data;
	uint32_t tdel_data_sz;
} rtls_tdx_evidence_t;

typedef struct rtls_csv_evidence {
	uint8_t *vm_id;
	uint32_t vm_id_sz;
	uint8_t *vm_version;
	uint32_t vm_version_sz;
	uint8_t *measure;
	uint32_t measure_sz;
	uint8_t *policy;
	uint32_t policy_sz;
} rtls_csv_evidence_t;

typedef struct ehd {
	void *public_key;
	int user_data_size;
	char *user_data;
	int unhashed_size;
	char *unhashed;
} ehd_t;

/* 0: of a kind that rats-tls has no name for; `result` tells. */
typedef enum { SGX_ECDSA = 1, TDX_ECDSA, CSV } enclave_evidence_type_t;

typedef struct rtls_evidence {
	enclave_evidence_type_t type;
	claim_t *custom_claims;
	size_t custom_claims_length;
	ehd_t ehd;
	int quote_size;
	char *quote; /* the evidence: a certificate (DER), or in session mode the quote */
	__extension__ union {
		rtls_sgx_evidence_t sgx;
		rtls_tdx_evidence_t tdx;
		rtls_csv_evidence_t csv;
	};
	const struct cattest_result *result; /* ours: every claim and check */
} rtls_evidence_t;

#define RATS_TLS_API_VERSION_1 1
#define RATS_TLS_API_VERSION_MAX RATS_TLS_API_VERSION_1
#define RATS_TLS_API_VERSION_DEFAULT RATS_TLS_API_VERSION_1
#define RATS_TLS_CONF_FLAGS_MUTUAL (1UL << 0)
#define RATS_TLS_CONF_FLAGS_SERVER (1UL << 1)
#define RATS_TLS_CONF_FLAGS_PROVIDE_ENDORSEMENTS \
	(1UL << 2) /* ignored: verifiers have collateral of their own */

/* Gets an rtls_evidence_t *; 1 accepts, anything else refuses. */
typedef int (*rats_tls_callback_t)(void *);

CATTEST_API rats_tls_err_t rats_tls_init(const rats_tls_conf_t *conf, rats_tls_handle *handle);
CATTEST_API rats_tls_err_t rats_tls_set_verification_callback(rats_tls_handle *handle,
							      rats_tls_callback_t user_callback);
/* The fd stays the caller's. A handle has one connection at a time: the next call forgets the last. */
CATTEST_API rats_tls_err_t rats_tls_negotiate(rats_tls_handle handle, int fd);
CATTEST_API rats_tls_err_t rats_tls_receive(rats_tls_handle handle, void *buf, size_t *buf_size);
CATTEST_API rats_tls_err_t rats_tls_transmit(rats_tls_handle handle, void *buf, size_t *buf_size);
CATTEST_API rats_tls_err_t rats_tls_cleanup(rats_tls_handle handle);

#ifdef __cplusplus
}
#endif
