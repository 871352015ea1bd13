/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading JSON of outside, bounded. jansson reads recursively, so nesting is counted before it
 * runs, and size is bounded too: its numbers and strings cost a multiple of the text.
 */
#include "lib/json/json.h"
#include "attest/snp/snp.h"
#include "lib/jose/jose.h"

#include <errno.h>
#include <stdlib.h>

#define DEPTH_MAX 16

/*
 * Arrays of bytes, in which this evidence mostly is, cost jansson a value for each byte. So they are brought to one text each before it reads,
 * of PACKED and hex digits; no text of the writer's can be taken for one: that character is refused in what comes, and with escapes nothing is packed.
 */
#define PACKED 0x7f
#define PACKED_LEAST 16 /* bytes: shorter arrays are not worth it, and may be of something else */

/* One number of 0 to 255 in its shortest form, and what stands before it. */
static bool scan_byte(struct cursor *c, uint8_t *ret_byte)
{
	unsigned value = 0;
	size_t start;

	while (cursor_left(c) && strchr(" \t\r\n", c->in.data[c->at]) && c->in.data[c->at])
		c->at++;
	start = c->at;
	while (cursor_left(c) && c->at - start < 3 && c->in.data[c->at] >= '0' &&
	       c->in.data[c->at] <= '9')
		value = value * 10 + (unsigned)(c->in.data[c->at++] - '0');
	*ret_byte = (uint8_t)value;
	return c->at > start && value < 256 && (c->in.data[start] != '0' || c->at - start == 1);
}

/* The array at c, which is behind its '[', as hex; false: it is another kind of array. */
static bool pack_array(struct cursor *c, uint8_t *out, size_t *at)
{
	static const char digits[] = "0123456789abcdef";
	struct cursor mine = *c;
	size_t end = *at, count = 0;

	out[end++] = '"';
	out[end++] = PACKED;
	for (;;) {
		uint8_t byte, next;

		if (!scan_byte(&mine, &byte))
			return false;
		out[end++] = (uint8_t)digits[byte >> 4];
		out[end++] = (uint8_t)digits[byte & 15];
		count++;
		do
			next = take_u8(&mine);
		while (!mine.bad && (next == ' ' || next == '\t' || next == '\r' || next == '\n'));
		if (mine.bad || (next != ',' && next != ']'))
			return false;
		if (next == ']')
			break;
	}
	out[end++] = '"';
	if (count < PACKED_LEAST)
		return false;
	*c = mine;
	*at = end;
	return true;
}

/* malloc()ed; NULL: it has to be read as it is. */
static uint8_t *pack(struct span in, size_t *ret_size)
{
	struct cursor c = CURSOR(in);
	bool quoted = false;
	size_t at = 0;
	uint8_t *out;

	if (memchr(in.data, '\\', in.size))
		return NULL;
	/*
	 * An array of n bytes has 2n + 1 characters at least and becomes 2n + 3; what turns out to be no such array was written
	 * no further than that.
	 */
	out = malloc(in.size + in.size / PACKED_LEAST + 2 * PACKED_LEAST);
	while (out && cursor_left(&c)) {
		uint8_t byte = take_u8(&c);

		if (byte == '"')
			quoted = !quoted;
		if (quoted || byte != '[' || !pack_array(&c, out, &at))
			out[at++] = byte;
	}
	*ret_size = at;
	return out;
}

static json_t *load_packed(struct span in)
{
	size_t size;
	uint8_t *packed = pack(in, &size);
	json_t *root = packed ? json_read(packed, size, DEPTH_MAX, NULL) : NULL;

	free(packed);
	return root;
}

bool snp_json_zeroes(const json_t *value)
{
	const char *text = json_string_value(value);
	json_t *item;
	size_t i;

	if (text)
		return text[0] == PACKED && strspn(text + 1, "0") == strlen(text + 1);
	if (!json_is_array(value))
		return json_is_integer(value) && !json_integer_value(value);
	json_array_foreach(value, i, item)
		if (!json_is_integer(item) || json_integer_value(item))
			return false;
	return true;
}

json_t *snp_json_load(struct span in, const char *what, struct cattest_error *err)
{
	json_error_t error;
	json_t *root;

	if (in.size > SNP_JSON_MAX) {
		fail(err, -E2BIG, "%s is larger than %u bytes", what, SNP_JSON_MAX);
		return NULL;
	}
	if (memchr(in.data, PACKED, in.size) || memmem(in.data, in.size, "\\u007f", 6) ||
	    memmem(in.data, in.size, "\\u007F", 6)) {
		fail(err, -EBADMSG, "%s has a control character", what);
		return NULL;
	}
	root = load_packed(in);
	/* Also for the message, which is to be about the text that came. */
	if (!root)
		root = json_read(in.data, in.size, DEPTH_MAX, &error);
	if (!root) {
		char text[160];

		fail(err, -EBADMSG, "%s is no JSON object: line %d: %s", what, error.line,
		     safe_text(SPAN(error.text, strlen(error.text)), text, sizeof(text)));
		return NULL;
	}
	if (!json_is_object(root)) {
		json_decref(root);
		fail(err, -EBADMSG, "%s is no JSON object", what);
		return NULL;
	}
	return root;
}

static int bytes_of_array(const json_t *value, size_t max, uint8_t **ret_data, size_t *ret_size)
{
	size_t count = json_array_size(value);
	uint8_t *data;

	if (count > max)
		return -E2BIG;
	data = malloc(count + 1);
	if (!data)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const json_t *item = json_array_get(value, i);
		json_int_t number = json_integer_value(item);

		if (!json_is_integer(item) || number < 0 || number > 255) {
			free(data);
			return -EBADMSG;
		}
		data[i] = (uint8_t)number;
	}
	*ret_data = data;
	*ret_size = count;
	return 0;
}

static int bytes_of_hex(const char *text, size_t len, uint8_t **ret_data, size_t *ret_size)
{
	uint8_t *data = malloc(len / 2 + 1);
	int r;

	if (!data)
		return -ENOMEM;
	r = hex_parse(text, len, data, len / 2);
	if (r < 0) {
		free(data);
		return r;
	}
	*ret_data = data;
	*ret_size = len / 2;
	return 0;
}

/* Both alphabets, padded or not: writers differ. */
static int bytes_of_base64(const char *text, size_t len, uint8_t **ret_data, size_t *ret_size)
{
	char *plain;
	int r;

	while (len && text[len - 1] == '=')
		len--;
	plain = malloc(len + 4);
	if (!plain)
		return -ENOMEM;
	for (size_t i = 0; i < len; i++)
		plain[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
	while (len % 4)
		plain[len++] = '=';
	r = base64_decode(plain, len, ret_data, ret_size);
	free(plain);
	return r;
}

int snp_json_bytes(const json_t *value, enum snp_json_form form, size_t max, uint8_t **ret_data,
		   size_t *ret_size)
{
	const char *text = json_string_value(value);
	size_t len = json_string_length(value);

	if (json_is_array(value))
		return bytes_of_array(value, max, ret_data, ret_size);
	if (!text)
		return -EBADMSG;
	if (text[0] == PACKED)
		return (len - 1) / 2 > max ? -E2BIG
					   : bytes_of_hex(text + 1, len - 1, ret_data, ret_size);
	if (len / 2 > max)
		return -E2BIG;
	return form == SNP_JSON_HEX ? bytes_of_hex(text, len, ret_data, ret_size)
				    : bytes_of_base64(text, len, ret_data, ret_size);
}
