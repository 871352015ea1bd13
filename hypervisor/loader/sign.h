/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGSTRUCT: the signature that EINIT wants (SDM 3D, 37.14): RSA-3072, exponent 3, PKCS #1 v1.5 with SHA-256, and the two quotients that spare
 * the processor its divisions. On OpenSSL. Messages for people go to *ret_why.
 */
#pragma once

#include "hypervisor/sgx/arch.h"

struct evp_pkey_st;

/*
 * The private key in a PEM file; made there (mode 0600) if the file does not exist and make is set. 0; -ENOENT; -EINVAL: not RSA-3072
 * with exponent 3; -EIO. *ret_key: the caller frees it by EVP_PKEY_free.
 */
must_check int sign_key_open(const char *path, bool make, struct evp_pkey_st **ret_key,
			     const char **ret_why);

/*
 * Fills header, vendor (0), date, modulus, exponent, signature, q1 and q2 of a SIGSTRUCT whose other fields the caller set. date:
 * BCD yyyymmdd. 0 or -EIO.
 */
must_check int sign_sigstruct(struct sigstruct *s, uint32_t date, struct evp_pkey_st *key,
			      const char **ret_why);
/* Today, UTC; SOURCE_DATE_EPOCH if the environment has it. */
uint32_t sign_date(void);
/* MRSIGNER of a SIGSTRUCT. 0 or -EIO. */
must_check int sign_mrsigner(const struct sigstruct *s, uint8_t ret_mrsigner[32]);
/* All that EINIT checks of a SIGSTRUCT on its own: constants, signature by Q1 and Q2. 0 or -EBADMSG. */
must_check int sign_verify(const struct sigstruct *s);

struct enclave_layout;
/* The unsigned part for an enclave of ours: its measurement, identity, attributes and masks. 0, -ENOMEM, -EIO. */
must_check int sign_describe(const struct enclave_layout *layout, struct sigstruct *ret_sigstruct);

/* All of it: an enclave's ELF file (aligned to 8) to its SIGSTRUCT. 0; -ENOEXEC: no enclave of ours; -ENOMEM; -EIO. */
must_check int sign_enclave(const void *elf, size_t size, uint32_t date, struct evp_pkey_st *key,
			    struct sigstruct *ret_sigstruct, const char **ret_why);
