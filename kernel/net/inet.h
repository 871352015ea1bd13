/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of AF_INET and AF_INET6: pieces of inet.c, inet_data.c and inet_option.c. */
#pragma once

#include "kernel/net/socket.h"

long inet_send(struct socket *s, struct send_args *a);
long inet_receive(struct socket *s, struct receive_args *a);
int inet_set_option(struct socket *s, int level, int name, const void *value, unsigned int size);
int inet_get_option(struct socket *s, int level, int name, void *value, unsigned int *size);
