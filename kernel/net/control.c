/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control messages. On their way to the application: one after the other into the buffer that recvmsg gave, as
 * put_cmsg of Linux does. What does not fit is cut and announced by MSG_CTRUNC; it is never an error. From the application or the host:
 * one after the other, every length checked. No locks.
 */
#include <asm/errno.h>

#include "kernel/mm/usercopy.h"
#include "kernel/net/socket.h"
#include "lib/base/string.h"

int control_next(struct control_cursor *c, struct control_header *ret,
		 const unsigned char **ret_data)
{
	size_t step;

	if (c->left < sizeof(*ret))
		return 0;
	memcpy(ret, c->at, sizeof(*ret));
	if (ret->size < sizeof(*ret) || ret->size > c->left)
		return -EINVAL;
	*ret_data = c->at + sizeof(*ret);
	step = MIN(CONTROL_ALIGN(ret->size), c->left);
	c->at += step;
	c->left -= step;
	return 1;
}

int control_put(struct receive_args *a, int level, int type, const void *data, size_t size)
{
	struct control_header h = { .size = CONTROL_SIZE(size), .level = level, .type = type };
	size_t space = CONTROL_SPACE(size);
	int error;

	if (a->control_left < sizeof(h)) {
		a->result_flags |= MSG_CTRUNC;
		return 0;
	}
	if (h.size > a->control_left) {
		a->result_flags |= MSG_CTRUNC;
		h.size = a->control_left;
	}
	error = copy_out(a->control, &h, sizeof(h));
	if (!error && h.size > sizeof(h))
		error = copy_out(uptr_add(a->control, sizeof(h)), data, h.size - sizeof(h));
	if (error)
		return error;
	if (space > a->control_left)
		space = a->control_left;
	a->control = uptr_add(a->control, space);
	a->control_left -= space;
	return 0;
}
