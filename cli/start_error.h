/* SPDX-License-Identifier: Apache-2.0 */
/* Says why a program could not be started: the kernel gives an error number, the files are looked at from outside. */
#pragma once

#include "cli/cli.h"
#include "cli/guest_path.h"

/* Fills in err; returns the exit status (126 or 127). path: PATH of the program's environment. */
int describe_start_error(const struct guest_view *view, const char *program, const char *path,
			 int error, struct error *err);
