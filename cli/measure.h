/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an enclave on the process platform is measured by: the two streams of abi/report.h, which hash to `measurement` and `config`.
 * Made when evidence is first asked for, from the files as they are then.
 */
#pragma once

#include "cli/run.h"

struct measure_streams {
	int measurement, config; /* memory files, at their start */
};
/* kernel: path of its ELF file. */
int measure_enclave(const struct launcher *l, const char *kernel, struct measure_streams *ret,
		    struct error *err);
