/* SPDX-License-Identifier: Apache-2.0 */
/* strace-like lines for `cloister run --trace`, from the argument letters of table.def. */
#pragma once

void trace_enter(unsigned long number,
		 unsigned long *arg); /* remembers strings that the call may overwrite */
void trace_exit(unsigned long number, unsigned long *arg, long ret);
void trace_signal(int sig);
