/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PEM read strictly. A block is "-----BEGIN LABEL-----", lines of base64, "-----END LABEL-----"; lines end with LF or CR LF, the last
 * may end with the input. OpenSSL's own reader skips text around blocks and spare bits in base64, so that evidence could be changed
 * without its certificates changing.
 */
#include "attest/x509/pem.h"

#include <errno.h>
#include <stdlib.h>

static const char begin_mark[] = "-----BEGIN ", end_mark[] = "-----END ", dashes[] = "-----";

bool pem_detect(struct span in)
{
	struct cursor c = CURSOR(in);

	while (cursor_left(&c) && (c.in.data[c.at] == '\n' || c.in.data[c.at] == '\r'))
		c.at++;
	return cursor_left(&c) && span_starts(SPAN(in.data + c.at, in.size - c.at), begin_mark,
					      sizeof(begin_mark) - 1);
}

static bool eat(struct span *in, const char *text, size_t len)
{
	if (!span_starts(*in, text, len))
		return false;
	*in = SPAN(in->data + len, in->size - len);
	return true;
}

static bool eat_line_end(struct span *in)
{
	return eat(in, "\n", 1) || eat(in, "\r\n", 2);
}

static int base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int base64_lines(struct span in, uint8_t **ret_bytes, size_t *ret_size)
{
	uint8_t *out = malloc(in.size / 4 * 3 + 3);
	size_t size = 0, chars = 0, pads = 0;
	uint32_t bits = 0;

	if (!out)
		return -ENOMEM;
	while (in.size) {
		int value;

		if (eat_line_end(&in))
			continue;
		value = base64_value(in.data[0]);
		if (in.data[0] == '=' && pads < 2 && (chars + pads) % 4 >= 2)
			pads++;
		else if (value < 0 || pads)
			goto bad;
		else {
			bits = bits << 6 | (uint32_t)value;
			if (++chars % 4 == 0) {
				out[size++] = (uint8_t)(bits >> 16);
				out[size++] = (uint8_t)(bits >> 8);
				out[size++] = (uint8_t)bits;
			}
		}
		in = SPAN(in.data + 1, in.size - 1);
	}
	if ((chars + pads) % 4)
		goto bad;
	/* Bits of the last characters that belong to no byte are zero: one text for one value. */
	if (pads == 2) {
		if (bits & 0xf)
			goto bad;
		out[size++] = (uint8_t)(bits >> 4);
	} else if (pads == 1) {
		if (bits & 3)
			goto bad;
		out[size++] = (uint8_t)(bits >> 10);
		out[size++] = (uint8_t)(bits >> 2);
	}
	*ret_bytes = out;
	*ret_size = size;
	return 0;
bad:
	free(out);
	return -EBADMSG;
}

/* Up to the dashes that end a mark: the label. */
static bool take_label(struct span *in, char *label, size_t room)
{
	size_t len = 0;

	while (len < in->size && len < room - 1 && in->data[len] != '-' && in->data[len] >= ' ' &&
	       in->data[len] < 0x7f)
		len++;
	memcpy(label, in->data, len);
	label[len] = 0;
	*in = SPAN(in->data + len, in->size - len);
	return len && eat(in, dashes, sizeof(dashes) - 1);
}

int pem_skip_text(struct span *in)
{
	struct span rest = *in;

	while (rest.size && !span_is_zero(rest) &&
	       !span_starts(rest, begin_mark, sizeof(begin_mark) - 1)) {
		const uint8_t *end = memchr(rest.data, '\n', rest.size);
		size_t len = end ? (size_t)(end - rest.data) + 1 : rest.size;

		if (memmem(rest.data, len, dashes, sizeof(dashes) - 1))
			return -EBADMSG;
		rest = SPAN(rest.data + len, rest.size - len);
	}
	*in = rest;
	return 0;
}

int pem_next(struct span *in, struct pem_block *ret_block)
{
	struct span rest = *in, body;
	struct pem_block block;
	size_t len, label_len;
	int ret;

	while (eat_line_end(&rest))
		;
	if (!rest.size || span_is_zero(rest)) {
		*in = SPAN(rest.data + rest.size, 0);
		return 0;
	}
	if (!eat(&rest, begin_mark, sizeof(begin_mark) - 1) ||
	    !take_label(&rest, block.label, sizeof(block.label)) || !eat_line_end(&rest))
		return -EBADMSG;
	for (len = 0; len < rest.size && rest.data[len] != '-';)
		len++;
	body = SPAN(rest.data, len);
	if (!len || body.data[len - 1] != '\n')
		return -EBADMSG;
	rest = SPAN(rest.data + len, rest.size - len);
	label_len = strlen(block.label);
	if (!eat(&rest, end_mark, sizeof(end_mark) - 1) || !eat(&rest, block.label, label_len) ||
	    !eat(&rest, dashes, sizeof(dashes) - 1))
		return -EBADMSG;
	/* A block without its last line end may have been put before another (old rats-tls' certificates). */
	if (rest.size && !span_is_zero(rest) && !eat_line_end(&rest) &&
	    !span_starts(rest, begin_mark, sizeof(begin_mark) - 1))
		return -EBADMSG;
	ret = base64_lines(body, &block.der, &block.size);
	if (ret)
		return ret;
	*in = rest;
	*ret_block = block;
	return 1;
}
