/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /dev/cloister_hypervisor (mode 0600): how the quoting service asks the hypervisor, through Linux's module, for what makes evidence
 * "cloister-hv" of an enclave's REPORT. Linux only carries: it can keep an answer back, not make one.
 *
 *	1. HV_DEVICE_REPORT: the hypervisor's report (abi/report.h), the same until it ends, and the TARGETINFO of the signer.
 *	2. The enclave executes EREPORT with that TARGETINFO.
 *	3. HV_DEVICE_SIGN: the REPORT's MAC is checked, then signed: head || body || struct report_hv (attest/hv/hv.h: hv_signed_bytes()),
 *	   ECDSA P-256 with SHA-256 by report_hv.key, r || s, big endian. The body is the first 384 bytes of the REPORT.
 *
 * Errors: ENODATA: this hypervisor has no trust (why: /sys/kernel/cloister/trust); EBADMSG: no REPORT for that TARGETINFO, or changed
 * since; EPERM: a hypervisor that can be debugged signs reports of debug enclaves only; EIO: no random numbers.
 */
#pragma once

#include "abi/report.h"

#ifdef __KERNEL__
#include <linux/ioctl.h>
#else
#include <sys/ioctl.h>
#endif

struct hv_device_report {
	struct report_hv report;
	uint8_t target_info[REPORT_SGX_TARGETINFO_SIZE];
};
_Static_assert(sizeof(struct hv_device_report) == 736, "answer of HV_DEVICE_REPORT");

struct hv_device_sign {
	uint8_t report[REPORT_SGX_SIZE]; /* in */
	uint8_t signature[64];		 /* out */
};
_Static_assert(sizeof(struct hv_device_sign) == 496, "request of HV_DEVICE_SIGN");

#define HV_DEVICE_PATH "/dev/cloister_hypervisor"
#define HV_DEVICE_MAGIC 0xC5
#define HV_DEVICE_REPORT _IOR(HV_DEVICE_MAGIC, 1, struct hv_device_report)
#define HV_DEVICE_SIGN _IOWR(HV_DEVICE_MAGIC, 2, struct hv_device_sign)
