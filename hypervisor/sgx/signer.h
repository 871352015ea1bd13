/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hypervisor as the target of REPORTs (keys.c), for trust/: enclaves make their REPORT for it, and it is the only one that can check them. Its
 * TARGETINFO names an enclave that cannot be: its attributes lack INIT, which every enclave has that can execute EGETKEY, and the two bits of
 * XFRM that ECREATE wants. Both go into the REPORT key, so that no enclave gets it.
 */
#pragma once

#include "abi/report.h"
#include "lib/base/types.h"

uint32_t sgx_security_version(void);
void sgx_signer_target(uint8_t ret_target_info[REPORT_SGX_TARGETINFO_SIZE]);
/* -EBADMSG: not an enclave's REPORT for this target, of this start. *ret_debug: the enclave can be debugged. */
must_check int sgx_signer_check(const uint8_t report[REPORT_SGX_SIZE], bool *ret_debug);
