/* SPDX-License-Identifier: Apache-2.0 */
/* The sample enclave: a number that only the enclave changes. ECALLs and its one OCALL. */
#pragma once

enum {
	COUNTER_ADD,	   /* a: how much -> the new value */
	COUNTER_TELL,	   /* tells the host its value by an OCALL -> what the host said */
	COUNTER_PRINT = 1, /* the OCALL: the value */
};
