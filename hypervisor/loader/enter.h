/* SPDX-License-Identifier: Apache-2.0 */
/* Between enclave.c and enter.S: one call of the kernel's vDSO. */
#pragma once

#include "lib/base/types.h"

struct sgx_enclave_run;

/* What RDI, RSI and RDX hold on the next entry; at run.user_data. */
struct enclave_entry_registers {
	uint64_t rdi, rsi, rdx;
};

/* __vdso_sgx_enter_enclave with every register saved that the C ABI has callees keep; the handler of run is enclave_exit_stub. */
int enclave_enter(void *vdso_function, struct enclave_entry_registers *registers, uint32_t function,
		  struct sgx_enclave_run *run);
/* The run's handler: asks enclave_exit_seen, then loads the registers for the next entry. */
int enclave_exit_stub(long rdi, long rsi, long rdx, long rsp, long r8, long r9,
		      struct sgx_enclave_run *run);
/* Written in C: 0 or negative: the call is over; else the ENCLU leaf to run. */
int enclave_exit_seen(uint64_t rdi, uint64_t rsi, uint64_t rdx, struct sgx_enclave_run *run);
