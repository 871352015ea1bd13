/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trust in a TPM: a secret that only this image can have, on this machine, started by this boot chain; and a report that the TPM vouches for
 * (abi/report.h). All of it happens once, on processor 0, before any processor goes on as a guest; what is left after it are keys.
 */
#pragma once

#include "abi/hypercall.h"
#include "abi/hypervisor_device.h"

/* Of calls.c: Linux's hypercalls HV_CALL_REPORT and HV_CALL_SIGN, with the page that it names. */
long call_report(uint64_t page);
long call_sign(uint64_t page);

/* All processors have agreed to go on. What it ends with is trust_state; the secret of sgx/ is the TPM's if that is HV_TRUST_YES. */
void trust_launch(const struct hv_boot *boot);
/*
 * Before Linux reaches locality 2 again: nothing sealed opens after it, until the next boot. 0, or -EIO: the TPM does not take it, and the machine
 * must not be given back. All processors are here.
 */
must_check int trust_leave(void);
void trust_wipe(void); /* the attestation key */

enum hv_trust trust_state(void);
uint32_t trust_code(void); /* of the TPM's last answer, if it refused */
must_check int trust_report(struct hv_device_report *ret_report); /* -ENODATA */
/* -ENODATA, -EBADMSG, -EPERM, -EIO: abi/hypervisor_device.h */
must_check int trust_sign(const uint8_t report[REPORT_SGX_SIZE], uint8_t ret_signature[64]);
