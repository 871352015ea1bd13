/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes and offsets of sgx/arch.h's structures, as the SDM's tables have them, and of the VMCB (APM 2, appendix B): what this file proves, it proves by compiling. */
#include "hypervisor/arch/x86/svm/vmcb.h"
#include "hypervisor/sgx/arch.h"

_Static_assert(sizeof(struct secs) == 4096, "SECS");
_Static_assert(offsetof(struct secs, ssa_frame_size) == 16, "SECS");
_Static_assert(offsetof(struct secs, miscselect) == 20, "SECS");
_Static_assert(offsetof(struct secs, cet_attributes) == 32, "SECS");
_Static_assert(offsetof(struct secs, attributes) == 48, "SECS");
_Static_assert(offsetof(struct secs, mrenclave) == 64, "SECS");
_Static_assert(offsetof(struct secs, mrsigner) == 128, "SECS");
_Static_assert(offsetof(struct secs, config_id) == 192, "SECS");
_Static_assert(offsetof(struct secs, isv_prod_id) == 256, "SECS");
_Static_assert(offsetof(struct secs, config_svn) == 260, "SECS");
_Static_assert(offsetof(struct secs, reserved4) == 262, "SECS");
_Static_assert(sizeof(struct page_info) == 32, "PAGEINFO");
_Static_assert(sizeof(struct secinfo) == 64, "SECINFO");
_Static_assert(sizeof(struct pcmd) == 128 && offsetof(struct pcmd, mac) == 112, "PCMD");
_Static_assert(sizeof(struct rdinfo) == 24, "RDINFO");
_Static_assert(sizeof(struct tcs) == 4096, "TCS");
_Static_assert(offsetof(struct tcs, ossa) == 16 && offsetof(struct tcs, nssa) == 28, "TCS");
_Static_assert(offsetof(struct tcs, oentry) == 32 && offsetof(struct tcs, reserved) == 72, "TCS");
_Static_assert(sizeof(struct gprsgx) == 184, "GPRSGX");
_Static_assert(offsetof(struct gprsgx, rflags) == 128 && offsetof(struct gprsgx, ursp) == 144,
	       "GPRSGX");
_Static_assert(offsetof(struct gprsgx, aex_notify) == 167 &&
		       offsetof(struct gprsgx, gs_base) == 176,
	       "GPRSGX");
_Static_assert(sizeof(struct exinfo) == 16, "EXINFO");
_Static_assert(sizeof(struct sigstruct) == 1808, "SIGSTRUCT");
_Static_assert(offsetof(struct sigstruct, modulus) == 128, "SIGSTRUCT");
_Static_assert(offsetof(struct sigstruct, signature) == 516, "SIGSTRUCT");
_Static_assert(offsetof(struct sigstruct, miscselect) == 900, "SIGSTRUCT");
_Static_assert(offsetof(struct sigstruct, isv_family_id) == 912, "SIGSTRUCT");
_Static_assert(offsetof(struct sigstruct, enclave_hash) == 960, "SIGSTRUCT");
_Static_assert(offsetof(struct sigstruct, isv_prod_id) == 1024, "SIGSTRUCT");
_Static_assert(offsetof(struct sigstruct, q1) == 1040, "SIGSTRUCT");
_Static_assert(sizeof(struct einittoken) == 304, "EINITTOKEN");
_Static_assert(offsetof(struct einittoken, mrenclave) == 64, "EINITTOKEN");
_Static_assert(offsetof(struct einittoken, cpu_svn_le) == 192, "EINITTOKEN");
_Static_assert(offsetof(struct einittoken, masked_miscselect_le) == 236, "EINITTOKEN");
_Static_assert(offsetof(struct einittoken, key_id) == 256, "EINITTOKEN");
_Static_assert(sizeof(struct report) == 432, "REPORT");
_Static_assert(offsetof(struct report, isv_ext_prod_id) == 32, "REPORT");
_Static_assert(offsetof(struct report, config_id) == 192, "REPORT");
_Static_assert(offsetof(struct report, isv_family_id) == 304, "REPORT");
_Static_assert(offsetof(struct report, key_id) == 384, "REPORT");
_Static_assert(sizeof(struct targetinfo) == 512, "TARGETINFO");
_Static_assert(offsetof(struct targetinfo, config_svn) == 50, "TARGETINFO");
_Static_assert(offsetof(struct targetinfo, config_id) == 64, "TARGETINFO");
_Static_assert(sizeof(struct keyrequest) == 512, "KEYREQUEST");
_Static_assert(offsetof(struct keyrequest, attribute_mask) == 24, "KEYREQUEST");
_Static_assert(offsetof(struct keyrequest, key_id) == 40, "KEYREQUEST");
_Static_assert(offsetof(struct keyrequest, reserved2) == 78, "KEYREQUEST");
_Static_assert(sizeof(struct epcm_entry) == 32, "EPCM");
_Static_assert(offsetof(struct vmcb, asid) == 0x58, "VMCB");
_Static_assert(offsetof(struct vmcb, exit_code) == 0x70, "VMCB");
_Static_assert(offsetof(struct vmcb, event) == 0xa8, "VMCB");
_Static_assert(offsetof(struct vmcb, next_rip) == 0xc8, "VMCB");
_Static_assert(offsetof(struct vmcb, tr) == 0x490, "VMCB");
_Static_assert(offsetof(struct vmcb, cpl) == 0x4cb, "VMCB");
_Static_assert(offsetof(struct vmcb, efer) == 0x4d0, "VMCB");
_Static_assert(offsetof(struct vmcb, rip) == 0x578, "VMCB");
_Static_assert(offsetof(struct vmcb, rax) == 0x5f8, "VMCB");
_Static_assert(offsetof(struct vmcb, cr2) == 0x640, "VMCB");
_Static_assert(offsetof(struct vmcb, pat) == 0x668, "VMCB");
_Static_assert(sizeof(struct vmcb) == 0x1000, "VMCB");

int main(void)
{
	return 0;
}
