/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libtss2, loaded when it is first needed (dlopen), and the TPM that was opened through it. Private to the files here that speak with a
 * TPM: the header's types are libtss2's own.
 */
#pragma once

#include "attest/collect/tpm_access.h"

#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_tctildr.h>

#define TSS_CALLS(X)                                    \
	X(tctildr, Tss2_TctiLdr_Initialize)             \
	X(tctildr, Tss2_TctiLdr_Finalize)               \
	X(mu, Tss2_MU_TPMT_SIGNATURE_Marshal)           \
	X(mu, Tss2_MU_TPM2B_PUBLIC_Marshal)             \
	X(mu, Tss2_MU_TPM2B_ID_OBJECT_Unmarshal)        \
	X(mu, Tss2_MU_TPM2B_ENCRYPTED_SECRET_Unmarshal) \
	X(esys, Esys_Initialize)                        \
	X(esys, Esys_Finalize)                          \
	X(esys, Esys_CreatePrimary)                     \
	X(esys, Esys_TR_FromTPMPublic)                  \
	X(esys, Esys_TR_Close)                          \
	X(esys, Esys_ReadPublic)                        \
	X(esys, Esys_PCR_Read)                          \
	X(esys, Esys_Quote)                             \
	X(esys, Esys_NV_ReadPublic)                     \
	X(esys, Esys_NV_Read)                           \
	X(esys, Esys_StartAuthSession)                  \
	X(esys, Esys_PolicySecret)                      \
	X(esys, Esys_ActivateCredential)                \
	X(esys, Esys_FlushContext)                      \
	X(esys, Esys_Free)

struct tss_calls {
#define X(library, name) __typeof__(name) *name;
	TSS_CALLS(X)
#undef X
	bool loaded;
};
extern struct tss_calls tss;
/* Once; -ENODEV with a message that names what is missing. */
int tss_load(struct cattest_error *err);
/* -EIO with the TPM's error code. */
int tss_error(struct cattest_error *err, const char *what, TSS2_RC rc);

struct tpm_access {
	TSS2_TCTI_CONTEXT *tcti;
	ESYS_CONTEXT *esys;
	ESYS_TR key;
	bool transient; /* the key: flush it in the end */
	TPM2B_PUBLIC *public_area;
};
