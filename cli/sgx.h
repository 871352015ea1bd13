/* SPDX-License-Identifier: Apache-2.0 */
/* What the subcommands of `cloister sgx` share: cmd_sgx.c reads their options, sgx_sign.c signs enclaves. */
#pragma once

#include "cli/attest.h"

struct sgx_request {
	const char *socket, *output, *input; /* output, input: NULL if not given */
	const char *key, *date;		     /* of sign alone; NULL: not given */
	bool new_key;
};

/* A file appears whole or not at all. path NULL or "-": standard output, where that is no terminal. */
int sgx_write(const char *path, const uint8_t *data, size_t size, struct error *err);
/* `cloister sgx sign` */
int sgx_sign(const struct sgx_request *r, struct error *err);
