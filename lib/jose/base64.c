/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFC 4648: base64url without padding as JOSE has it, and ordinary base64. Strict: one text for each byte string, so unused bits must
 * be zero; of ordinary base64 line breaks are accepted, since files have them.
 */
#include "lib/jose/jose.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

static const char ordinary[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static char *encode(const void *data, size_t size, const char *alphabet, bool pad)
{
	const uint8_t *in = data;
	char *text = size > SIZE_MAX / 2 ? NULL : malloc((size + 2) / 3 * 4 + 1), *out = text;

	if (!text)
		return NULL;
	for (size_t i = 0; i < size; i += 3) {
		size_t left = size - i;
		uint32_t v = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
			     (left > 2 ? in[i + 2] : 0);

		*out++ = alphabet[v >> 18];
		*out++ = alphabet[v >> 12 & 63];
		if (left > 1)
			*out++ = alphabet[v >> 6 & 63];
		else if (pad)
			*out++ = '=';
		if (left > 2)
			*out++ = alphabet[v & 63];
		else if (pad)
			*out++ = '=';
	}
	*out = 0;
	return text;
}

char *base64url_encode(const void *data, size_t size)
{
	return encode(data, size, url_safe, false);
}

char *base64_encode(const void *data, size_t size)
{
	return encode(data, size, ordinary, true);
}

static int digit(char c, bool url)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == (url ? '-' : '+'))
		return 62;
	if (c == (url ? '_' : '/'))
		return 63;
	return -1;
}

static int decode(const char *text, size_t len, bool url, uint8_t **ret_data, size_t *ret_size)
{
	uint8_t *data = malloc(len / 4 * 3 + 4);
	size_t size = 0, digits = 0, pads = 0;
	uint32_t v = 0;
	bool bad = false;

	if (!data)
		return -ENOMEM;
	for (size_t i = 0; i < len && !bad; i++) {
		int d = digit(text[i], url);

		if (!url && (text[i] == '\n' || text[i] == '\r'))
			continue;
		if (!url && text[i] == '=') {
			pads++;
			continue;
		}
		bad = d < 0 || pads;
		v = v << 6 | ((uint32_t)d & 63);
		if (++digits % 4 == 0) {
			data[size++] = (uint8_t)(v >> 16);
			data[size++] = (uint8_t)(v >> 8);
			data[size++] = (uint8_t)v;
			v = 0;
		}
	}
	switch (digits % 4) {
	case 1:
		bad = true;
		break;
	case 2:
		data[size++] = (uint8_t)(v >> 4);
		bad |= v & 15;
		break;
	case 3:
		data[size++] = (uint8_t)(v >> 10);
		data[size++] = (uint8_t)(v >> 2);
		bad |= v & 3;
		break;
	}
	if (bad || (!url && pads != (4 - digits % 4) % 4)) {
		free(data);
		return -EBADMSG;
	}
	*ret_data = data;
	*ret_size = size;
	return 0;
}

int base64url_decode(const char *text, size_t text_len, uint8_t **ret_data, size_t *ret_size)
{
	return decode(text, text_len, true, ret_data, ret_size);
}

int base64_decode(const char *text, size_t text_len, uint8_t **ret_data, size_t *ret_size)
{
	return decode(text, text_len, false, ret_data, ret_size);
}
