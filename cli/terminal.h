/* SPDX-License-Identifier: Apache-2.0 */
/* Our own terminal in raw mode, and its way back at every exit. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"

/* Restored by terminal_restore, and by exit(). */
int terminal_make_raw(int fd, struct error *err);
void terminal_restore(void);
void terminal_size(int fd, uint16_t *ret_rows, uint16_t *ret_columns);
/* A pair whose slave passes bytes on unchanged: the terminal behaviour is the enclave's. */
int terminal_pair(int *ret_master, int *ret_slave, struct error *err);
