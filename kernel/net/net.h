/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets: one struct socket per family behind file operations; system calls are in net/socket.c. */
#pragma once

#include "kernel/fs/file.h"

void net_init(void);
/* Test hook and stats: sockets alive. */
extern uint32_t socket_count;
